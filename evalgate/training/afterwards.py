"""Which checkpoint of a training in several processes is kept: its adapters are looked at when the processes are over.

They would have to wait while one of them answers, longer than a collective's patience, and to agree on an early stop.
So there is none: all steps are trained, and what answers is the base as training held it, in the process that waited.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from evalgate.core.data import Recipe
from evalgate.core.protocols import Progress
from evalgate.core.seeds import clock
from evalgate.core.training import AdapterCard
from evalgate.training import hardware
from evalgate.training.adapter import check_alive, save_adapter
from evalgate.training.failures import memory_errors
from evalgate.training.history import with_looks
from evalgate.training.loading import load_base
from evalgate.training.quiet import quiet
from evalgate.training.selection import Selection
from evalgate.training.sft import steady
from evalgate.training.start import continued, restore


def chosen_afterwards(
    recipe: Recipe, folder: Path, card: AdapterCard, selection: Selection, progress: Progress
) -> AdapterCard:
    """Write the adapter of the checkpoint that is kept, and return the card that says why.

    Args:
        recipe: What was trained.
        folder: Where the adapter goes.
        card: Of the whole training; its only choice has the checkpoints, which nobody has looked at.
        selection: Has the examiner, and the adapters as they were.
        progress: Shows the looks, and is told which one is kept.
    """
    started, [was] = clock(), card.choices
    digest, opened = card.adapter_digest, list[Any]()

    def at(step: int) -> Any:
        if not opened:
            opened.append(_opened(recipe, card, selection.snapshot(step)))
        restore(opened[0], selection.snapshot(step))
        return opened[0]

    with quiet(), memory_errors(recipe, folder, recipe.max_length):
        choice = selection.look_back(was, card.curves, at, progress)
        if opened or choice.step != was.planned:  # else nobody has looked, and the last one's files are there
            model = at(choice.step)
            check_alive(model, str(folder))
            digest = save_adapter(model, folder, base=card.base_model, revision=card.base_revision)
    return replace(
        card,
        adapter_digest=digest,
        curves=with_looks(card.curves, choice.evaluations),
        choices=(choice,),
        duration_s=card.duration_s + clock() - started,
    )


def _opened(recipe: Recipe, card: AdapterCard, snapshot: Path) -> Any:
    """The base as training held it, with a place for adapters like a snapshot's."""
    base = load_base(card.base_model, card.base_revision, recipe, hardware.device())
    model = continued(base, snapshot, recipe)
    steady(model)
    return model
