"""Progress with time left, on stderr: live on a terminal, plain lines elsewhere, nothing where it shall be quiet."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, Protocol, TextIO

from evalgate.console.pieces import duration
from evalgate.console.tally import Tally, Work

if TYPE_CHECKING:
    from evalgate.core.protocols import Ticker
    from evalgate.core.showing import Outline

__all__ = ["Loudness", "RichProgress", "duration"]


class Loudness(IntEnum):
    """How much is said: the decision and errors only (`--quiet`), progress and news, or details as well (`-v`)."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


class Display(Protocol):
    """What shows tallies; they say themselves how they stand."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """Leave the terminal as it was found."""

    def begin(self, tally: Tally) -> None:
        """A stage begins."""

    def moved(self, tally: Tally) -> None:
        """A stage has got on."""

    def end(self, tally: Tally) -> None:
        """A stage ends, whole or not."""

    def note(self, text: str) -> None:
        """One line of news."""

    def detail(self, text: str) -> None:
        """One line for who wants to know more."""

    def doing(self, text: str) -> None:
        """What is done while nothing can be counted; empty at its end."""

    def did(self, text: str, seconds: float, *, tell: bool) -> None:
        """It took so long."""


class RichProgress:
    """Shows a command's progress on stderr; `with` keeps the display up between stages.

    Args:
        stream: Where to. None: stderr.
        live: Whether lines can be drawn again. None: on a terminal, if `CI` is not set.
        clock: Tells seconds.
        loudness: How much is said.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        live: bool | None = None,
        clock: Callable[[], float] | None = None,
        loudness: Loudness = Loudness.NORMAL,
    ) -> None:
        from evalgate.core import seeds  # brings numpy, so only what takes long pays for it

        self._clock = clock or seeds.clock
        self._loudness, self.work = loudness, Work()
        stream = stream or sys.stderr
        self._display = _display(loudness, stream, redrawn(stream) if live is None else live, self._clock, self.work)
        self._active: list[Tally] = []
        self._depth = 0

    def __enter__(self) -> RichProgress:
        if self._depth == 0:
            self._display.start()
        self._depth += 1
        return self

    def __exit__(self, *_: object) -> Literal[False]:
        self._depth -= 1
        if self._depth == 0:
            for tally in reversed(self._active):  # a stage in a generator may not have heard of the error yet
                self._end(tally)
            self._display.stop()
        return False

    @property
    def verbose(self) -> bool:
        """Whether details are shown."""
        return self._loudness is Loudness.VERBOSE

    def stage(self, name: str, total: int, done: int = 0) -> AbstractContextManager[Ticker]:
        """A stage of `total` items of which `done` were there before."""
        return self.staged(name, total, done, unit="")

    @contextmanager
    def staged(
        self, name: str, total: int, done: int = 0, *, unit: str, system: str = "", task: str = ""
    ) -> Iterator[Tally]:
        """A stage whose items have a name, and maybe a system and a task."""
        moved = self._display.moved
        tally = Tally(name, total, done, unit=unit, clock=self._clock, moved=moved, system=system, task=task)
        self.work.add(tally)
        with self:
            self._active.append(tally)
            self._display.begin(tally)
            try:
                yield tally
            finally:
                self._end(tally)

    @contextmanager
    def doing(self, text: str) -> Iterator[None]:
        """Work of unknown length."""
        started = self._clock()
        with self:
            self._display.doing(text)
            try:
                yield
            finally:
                self._display.doing("")
            self._display.did(text, self._clock() - started, tell=self.verbose)

    def outline(self, outline: Outline) -> None:
        """All that will be asked."""
        self.work.outline(outline)

    def note(self, text: str) -> None:
        """One line of news."""
        self._display.note(text)

    def detail(self, text: str) -> None:
        """One line for who wants to know more."""
        if self.verbose:
            self._display.detail(text)

    def _end(self, tally: Tally) -> None:
        if tally in self._active:
            self._active.remove(tally)
            tally.end()
            self._display.end(tally)


def redrawn(stream: TextIO) -> bool:
    """Whether lines on a stream can be drawn again: a terminal that knows how, and no CI job."""
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    return stream.isatty() and not in_ci and os.environ.get("TERM", "") not in ("dumb", "unknown")


def _display(loudness: Loudness, stream: TextIO, live: bool, clock: Callable[[], float], work: Work) -> Display:
    if loudness is Loudness.QUIET:
        from evalgate.console.lines import Silence

        return Silence()
    if live:
        from evalgate.console.live import Bars

        return Bars(stream, clock, work)
    from evalgate.console.lines import Lines

    return Lines(stream, clock, work)
