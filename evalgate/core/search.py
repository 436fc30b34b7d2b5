"""A prompt search on dev, as it is planned and as it is recorded."""

from __future__ import annotations

from evalgate.core.data import SystemDraft, SystemSpec
from evalgate.core.record import Record
from evalgate.core.results import Estimate


class Trial(Record, frozen=True, kw_only=True):
    """One prompt that will be tried: the system that it makes, and in words what is particular to it."""

    draft: SystemDraft
    system: SystemSpec
    settings: dict[str, str]


class SearchPlan(Record, frozen=True, kw_only=True):
    """The tries of one system on one task, in order, out of a grid of `n_grid` prompts.

    `example_ids` are the dev examples that every try is scored on, by `metric`.
    """

    system: str
    task: str
    metric: str
    n_grid: int
    budget: int
    example_ids: tuple[str, ...]
    trials: tuple[Trial, ...]


class Try(Record, frozen=True, kw_only=True):
    """One prompt as it did on dev. `worth` is its score with every unscored answer counted as the worst, by which the
    choice is made; `estimate` leaves those out, as everywhere, and is None where nothing was scored.

    `digest` identifies what was asked and how it was scored.
    """

    settings: dict[str, str]
    worth: float
    estimate: Estimate | None
    n_unscored: int
    seconds: float
    digest: str


class Searched(Record, frozen=True, kw_only=True):
    """A search that has been made: all tries in their order, and the position of the chosen one."""

    system: str
    task: str
    metric: str
    n_grid: int
    budget: int
    n_dev: int
    tries: tuple[Try, ...]
    chosen: int
