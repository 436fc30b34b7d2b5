"""Preference pairs for DPO: as they were chosen, or made of thumbs up and down for the same prompt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import UNSET, UnsetType

from evalgate.core.data import Message
from evalgate.core.drafts import Preferences
from evalgate.core.errors import UsageError
from evalgate.core.record import Record, digest_of
from evalgate.core.seeds import rng
from evalgate.training.data import TrainRow

TASK = "pairs"
Thumb = bool | str
UP, DOWN = (
    frozenset({"up", "good", "like", "yes", "true", "1", "👍"}),
    frozenset({"down", "bad", "dislike", "no", "false", "0", "👎"}),
)
FORMS = (
    'write one object a line: {"prompt": "...", "chosen": "...", "rejected": "..."} or '
    '{"prompt": "...", "completion": "...", "label": "up"}; a prompt may be a list of {"role", "content"}'
)


class PairRow(Record, frozen=True, kw_only=True):
    """One line of a file of preferences: two answers of which one was preferred, or one answer with a thumb."""

    prompt: str | tuple[Message, ...]
    chosen: str | UnsetType = UNSET
    rejected: str | UnsetType = UNSET
    completion: str | UnsetType = UNSET
    label: Thumb | UnsetType = UNSET
    id: str = ""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The prompt as a conversation."""
        return (Message(role="user", content=self.prompt),) if isinstance(self.prompt, str) else self.prompt


class Pair(Record, frozen=True, kw_only=True):
    """A prompt with the answer that was preferred and the one that was not."""

    id: str
    messages: tuple[Message, ...]
    chosen: str
    rejected: str

    @property
    def rows(self) -> tuple[TrainRow, TrainRow]:
        """Both answers as training rows, the chosen one first."""
        one, other = (
            TrainRow(id=self.id, task=TASK, messages=self.messages, completion=text)
            for text in (self.chosen, self.rejected)
        )
        return one, other


def read_pairs(path: Path) -> list[PairRow]:
    """All rows of a file of preferences, in its order; raises `bad-pairs`."""
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            row = msgspec.json.decode(line, type=PairRow)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise _bad(f"a row of preferences cannot be read: {error}", path, number) from None
        if why := _unfit(row):
            raise _bad(why, path, number)
        rows.append(row)
    return rows


def pairs_of(preferences: Preferences, seed: int) -> tuple[Pair, ...]:
    """The pairs to train on, in an order that depends on the seed and the rows only. Raises `bad-pairs` for none.

    Thumbs are paired by prompt: each answer with a thumb up stands beside one with a thumb down, the shorter list in
    turn, so that every answer is used and no prompt counts more than its longer list. An answer with both thumbs says
    nothing and is left out, as are prompts that have only one kind.
    """
    path = Path(preferences.data)
    rows = [(i, row) for i, row in enumerate(read_pairs(path)) if i not in preferences.left_out]
    found = [
        Pair(id=row.id or f"{TASK}-{i}", messages=row.messages, chosen=row.chosen, rejected=row.rejected)
        for i, row in rows
        if row.chosen is not UNSET and row.rejected is not UNSET
    ]
    found += _from_thumbs([row for _, row in rows if row.completion is not UNSET])
    if not found:
        raise UsageError(
            f"the file has {len(rows)} rows and no pair of a preferred and a rejected answer to one prompt",
            code="bad-pairs",
            fix=FORMS,
            where=str(path),
        )
    known = sorted(found, key=lambda pair: (pair.id, digest_of(pair)))
    return tuple(known[i] for i in rng(seed, "training", TASK).permutation(len(known)))


def is_up(label: Thumb) -> bool | None:
    """Whether a thumb points up; None for a word that is neither."""
    if isinstance(label, bool):
        return label
    word = label.strip().lower()
    return True if word in UP else False if word in DOWN else None


def _from_thumbs(rows: Sequence[PairRow]) -> list[Pair]:
    by_prompt: dict[tuple[Message, ...], tuple[dict[str, None], dict[str, None]]] = {}
    for row in rows:
        assert row.completion is not UNSET
        assert row.label is not UNSET
        ups, downs = by_prompt.setdefault(row.messages, ({}, {}))
        (ups if is_up(row.label) else downs)[row.completion] = None
    pairs = []
    for messages, (ups, downs) in by_prompt.items():
        good = sorted(text for text in ups if text not in downs)
        bad = sorted(text for text in downs if text not in ups)
        if not good or not bad:
            continue
        name = digest_of(list(messages))[:12]
        for i in range(max(len(good), len(bad))):
            chosen, rejected = good[i % len(good)], bad[i % len(bad)]
            pairs.append(Pair(id=f"thumbs-{name}-{i}", messages=messages, chosen=chosen, rejected=rejected))
    return pairs


def _unfit(row: PairRow) -> str:
    """Why a row is neither a pair nor a thumb; empty if it is one."""
    pair, thumb = (row.chosen, row.rejected), (row.completion, row.label)
    if not row.messages or row.messages[-1].role != "user":
        return "the prompt does not end with the user's message"
    if UNSET not in pair and all(value is UNSET for value in thumb):
        return "the chosen answer is the rejected one" if row.chosen == row.rejected else ""
    if UNSET not in thumb and all(value is UNSET for value in pair):
        assert row.label is not UNSET
        return f"'{row.label}' is no thumb: write up or down" if is_up(row.label) is None else ""
    return "a row has either `chosen` and `rejected`, or `completion` and `label`"


def _bad(what: str, path: Path, number: int) -> UsageError:
    return UsageError(what, code="bad-pairs", fix=FORMS, where=f"{path}:{number}")
