"""What a training row, a prompt or a passage shares with the held-out set."""

from __future__ import annotations

from typing import Literal

from evalgate.core.record import Record

OverlapKind = Literal["exact", "normalised", "near", "quoted", "answer-in-prompt", "answer-in-passage"]
OverlapSource = Literal["train", "dev", "replay", "pairs", "passage", "prompt"]


class Overlap(Record, frozen=True, kw_only=True):
    """What a row, passage or prompt shares with a held-out example; `share` is the overlap of n-grams, 1 for all."""

    kind: OverlapKind
    source: OverlapSource
    source_task: str
    source_id: str
    where: str
    task: str
    example_id: str
    heldout_where: str
    share: float = 1.0
