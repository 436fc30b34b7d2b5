"""What a training leaves beside its adapter: the card, written last, by which it is known to be done."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from evalgate.core.artefacts import CARD
from evalgate.core.errors import EvalgateError
from evalgate.core.results import AdapterCard
from evalgate.files import read_record
from evalgate.training.selection import Selection
from evalgate.training.whole import start_digest

TRAINED = "trained.json"  # of several processes: the card while no checkpoint is chosen yet


class Work(Protocol):
    """A stage of training: what makes two of them the same, where one writes, and the folder that it goes on from."""

    @property
    def digests(self) -> tuple[str, str, str]:
        """Of the recipe, the rows and the base."""

    @property
    def path(self) -> Path:
        """The adapter's folder."""

    @property
    def start(self) -> str:
        """The adapter that training goes on from; empty if there is none."""


def finished(job: Work, selection: Selection) -> AdapterCard | None:
    """The card of this very training if it was completed before; a card of another one is removed."""
    card = card_of(job, CARD)
    if card is not None and selection.is_of(card):
        return card
    (job.path / CARD).unlink(missing_ok=True)
    return None


def card_of(job: Work, name: str) -> AdapterCard | None:
    """A card of this very training; None if there is none, or one of another training."""
    if not (path := job.path / name).exists():
        return None
    try:
        card = read_record(path, AdapterCard, fix=f"delete {job.path} and train again")
    except EvalgateError:
        return None  # written by another version: train anew
    same_start = card.started_from == (start_digest(Path(job.start)) if job.start else "")
    return card if same_start and (card.recipe_digest, card.train_digest, card.base_digest) == job.digests else None
