"""How a prompt is filled: which examples it shows. A field that is left out leaves digests as they were before it."""

from __future__ import annotations

from typing import Literal

from evalgate.core.record import Record

Choose = Literal["fixed", "random", "nearest"]
# Held-out examples are never shown.
Pool = Literal["train", "dev"]


class Shots(Record, frozen=True, kw_only=True):
    """`n` examples of a split, as a prompt's author asks for them.

    `fixed` shows the same ones to every question, `random` others to each, `nearest` those that are most like it.
    """

    n: int
    choose: Choose = "fixed"
    pool: Pool = "train"


class ShotChoice(Record, frozen=True, kw_only=True):
    """How the shots of each question are chosen; `pool_digest` identifies what they are chosen from, and by what."""

    n: int
    choose: Choose
    pool: Pool
    pool_digest: str
    seed: int = 0
