"""What a progress display may be told beyond its stages and news; one that does not care is not told."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, cast, runtime_checkable

from evalgate.core.protocols import Progress, Ticker

# How many answers each system will give to each task, in the order in which they are asked.
Outline = Mapping[str, Mapping[str, int]]


class Counter(Ticker, Protocol):
    """A ticker that also counts what became of its items."""

    def count(self, *, failed: int = 0, known: int = 0, tokens: int = 0) -> None:
        """Of the items: `failed` more without an answer, `known` more that nobody was asked; `tokens` more came."""

    def state(self, text: str) -> None:
        """Where the work stands, in a few words."""


@runtime_checkable
class Screen(Protocol):
    """A progress display that knows what its stages are made of."""

    @property
    def verbose(self) -> bool:
        """Whether details are shown."""

    def staged(
        self, name: str, total: int, done: int = 0, *, unit: str, system: str = "", task: str = ""
    ) -> AbstractContextManager[Ticker]:
        """A stage whose items have a name, e.g. `examples`, that one system is asked for one task."""

    def doing(self, text: str) -> AbstractContextManager[None]:
        """Work of unknown length."""

    def outline(self, outline: Outline) -> None:
        """All that will be asked."""

    def detail(self, text: str) -> None:
        """One line for who wants to know more."""


def stage(
    progress: Progress, name: str, total: int, done: int = 0, *, unit: str, system: str = "", task: str = ""
) -> AbstractContextManager[Ticker]:
    """A stage of `total` items called `unit`, of which `done` were there before."""
    if isinstance(progress, Screen):
        return progress.staged(name, total, done, unit=unit, system=system, task=task)
    return progress.stage(name, total, done)


def doing(progress: Progress, text: str) -> AbstractContextManager[None]:
    """Say what is done while nothing can be counted."""
    return progress.doing(text) if isinstance(progress, Screen) else nullcontext()


def outline(progress: Progress, planned: Outline) -> None:
    """Say how many answers each system will give to each task."""
    if isinstance(progress, Screen):
        progress.outline(planned)


def detail(progress: Progress, *texts: str) -> None:
    """Lines for who asked for more (`-v`)."""
    if isinstance(progress, Screen):
        for text in texts:
            progress.detail(text)


def verbose(progress: Progress) -> bool:
    """Whether details are wanted, so that what costs time to say is made only then."""
    return isinstance(progress, Screen) and progress.verbose


def count(tick: Ticker, *, failed: int = 0, known: int = 0, tokens: int = 0) -> None:
    """Say what became of a stage's items."""
    counter = _counter(tick)
    if counter is not None:
        counter.count(failed=failed, known=known, tokens=tokens)


def state(tick: Ticker, text: str) -> None:
    """Say where a stage's work stands, e.g. `loss 0.41`."""
    counter = _counter(tick)
    if counter is not None:
        counter.state(text)


def _counter(tick: Ticker) -> Counter | None:
    # Asked for every answer: `isinstance` with a protocol takes some 45 times as long (docs/log.md).
    return cast(Counter, tick) if hasattr(tick, "count") else None
