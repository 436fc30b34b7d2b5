"""General rows mixed into a training, so that a model keeps what it knew while it learns something new."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from evalgate.core.data import Message, Recipe
from evalgate.core.errors import UsageError
from evalgate.core.record import Record
from evalgate.core.seeds import rng
from evalgate.training.data import TrainRow, ordered

TASK = "replay"


class ReplayRow(Record, frozen=True, kw_only=True):
    """One line of a replay file."""

    prompt: str
    completion: str


def with_replay(recipe: Recipe, rows: Sequence[TrainRow]) -> list[TrainRow]:
    """The rows that the recipe chooses (its seed, its `max_rows`) with general rows beside them.

    `recipe.replay.share` is the fraction of general rows among all rows; they come on top of `max_rows` in the same
    proportion, so that the task rows are the same with and without replay. Raises `bad-replay`.
    """
    chosen = list(ordered(rows, recipe.seed, recipe.max_rows))
    if recipe.replay is None:
        return chosen
    general = read_replay(Path(recipe.replay.path))
    usable = [i for i in range(len(general)) if i not in recipe.replay.left_out]
    wanted = round(len(chosen) * recipe.replay.share / (1 - recipe.replay.share))
    if wanted > len(usable):
        raise UsageError(
            f"recipe '{recipe.name}' replays {wanted} rows, but the file has {len(usable)}",
            code="bad-replay",
            fix="lower `replay.share` or add rows to the file",
            where=recipe.replay.path,
        )
    order = rng(recipe.seed, "training", TASK).permutation(len(usable))[:wanted]
    return chosen + [
        TrainRow(
            id=f"{TASK}-{i}",
            task=TASK,
            messages=(Message(role="user", content=general[i].prompt),),
            completion=general[i].completion,
        )
        for i in sorted(usable[k] for k in order)
    ]


def read_replay(path: Path) -> list[ReplayRow]:
    """All rows of a replay file, in its order; raises `bad-replay`."""
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            rows.append(msgspec.json.decode(line, type=ReplayRow))
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise UsageError(
                f"a replay row cannot be read: {error}",
                code="bad-replay",
                fix='write one object a line: {"prompt": "...", "completion": "..."}',
                where=f"{path}:{number}",
            ) from None
    return rows
