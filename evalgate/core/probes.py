"""What is looked at before held-out answers: prompts that do not fit, and the validity checks."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from evalgate.core.record import Record

ProbeName = Literal["batch", "padding", "bos", "adapter", "outputs", "tokenizer", "merged"]
CheckOutcome = Literal["ok", "failed", "not_done"]


class Measured(Record, frozen=True, kw_only=True):
    """One probe's numbers on one system, the base where `system` is empty; or why there are none.

    `differ` counts, for each system that was compared with, the answers that differ and the items. A whole model has a
    `precision` of its own.
    """

    probe: ProbeName
    system: str = ""
    n: int = 0
    values: dict[str, float] = {}
    differ: dict[str, tuple[int, int]] = {}
    skipped: str = ""
    precision: str | UnsetType = UNSET


class Probed(Record, frozen=True, kw_only=True):
    """All that was measured before held-out answers. `digest` identifies items, systems and backend.

    `items` are `task/id` of dev examples, `precision` is the backend's, `seconds` are of a steady clock.
    """

    digest: str
    items: tuple[str, ...]
    precision: str
    seconds: float
    measured: tuple[Measured, ...]


class Check(Record, frozen=True, kw_only=True):
    """One validity check: what was compared, the figure, what it is held to and why. `not_done` has a reason, too."""

    probe: ProbeName
    system: str
    compared: str
    figure: str
    threshold: str
    outcome: CheckOutcome
    reason: str = ""


class TooLong(Record, frozen=True, kw_only=True):
    """A held-out prompt that does not fit the context with the tokens it may be answered with; all in tokens.

    It is never cut: its answer is a recorded failure, which counts worst-case.
    """

    system: str
    task: str
    example_id: str
    n_tokens: int
    max_tokens: int
    limit: int
