"""What one training is, and whether it was done before."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from evalgate.core.artefacts import CARD
from evalgate.core.data import Recipe
from evalgate.core.errors import EvalgateError
from evalgate.core.record import Record
from evalgate.core.results import AdapterCard
from evalgate.files import read_record
from evalgate.training.data import TrainRow, rows_digest
from evalgate.training.recipe import recipe_digest
from evalgate.training.selection import Selection
from evalgate.training.trackers import Tracking
from evalgate.training.whole import Beginning, start_digest, whole_folder

TRAINED = "trained.json"  # of several processes: the card while no checkpoint is chosen yet


class Job(Record, frozen=True, kw_only=True):
    """What one training is: its recipe, ordered rows and base, and where it writes."""

    recipe: Recipe
    rows: tuple[TrainRow, ...]
    dev_rows: tuple[TrainRow, ...]
    model_path: str
    revision: str | None
    base_digest: str
    folder: str
    start: str = ""
    tracking: Tracking | None = None
    dtype: str = "auto"

    @property
    def path(self) -> Path:
        """The adapter's folder."""
        return Path(self.folder)

    @property
    def digests(self) -> tuple[str, str, str]:
        """Of the recipe, the rows and the base: what makes two trainings the same."""
        return recipe_digest(self.recipe), rows_digest(self.rows), self.base_digest

    @property
    def beginning(self) -> Beginning | None:
        """Where the training of a whole model begins; None for an adapter's."""
        if self.recipe.method != "full":
            return None
        start = str(whole_folder(Path(self.start))) if self.start else self.model_path
        return Beginning(start=start, base=self.model_path, dtype=self.dtype)


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
