"""What a system was shown, for people to read: a few of its prompts in full, and the passages that it was given."""

from __future__ import annotations

from evalgate.core.data import Passage
from evalgate.core.record import Record


class Shown(Record, frozen=True, kw_only=True):
    """One system's prompts of the first examples of a task, by example id, and every passage that any prompt holds."""

    system: str
    task: str
    prompts: dict[str, str] = {}
    passages: tuple[Passage, ...] = ()
