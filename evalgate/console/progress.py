"""Progress with time left, on stderr: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from evalgate.core.protocols import Ticker

# How often a stage speaks where lines cannot be overwritten (CI logs, pipes), in seconds.
EVERY_S = 5.0


class RichProgress:
    """Bars on a terminal; plain lines, at most one every few seconds, in CI and pipes. All on stderr."""

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        live: bool | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        from evalgate.core import seeds  # brings numpy, so only `run` pays for it

        self._stream = stream or sys.stderr
        self._live = self._stream.isatty() and not os.environ.get("CI") if live is None else live
        self._clock = clock or seeds.clock
        self._spoke: float | None = None
        self._bars: Bars | None = None
        self._depth = 0

    @contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[Ticker]:
        """A stage of `total` items of which `done` were there before."""
        with self._bar(name, total, done) if self._live else self._lines(name, total, done) as tick:
            yield tick

    def note(self, text: str) -> None:
        """One line of news."""
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False)
        else:
            self._say(text)

    @contextmanager
    def _bar(self, name: str, total: int, done: int) -> Iterator[Ticker]:
        bars = self._bars or _bars(self._stream)
        if self._depth == 0:
            self._bars = bars
            bars.start()
        self._depth += 1
        task = bars.add_task(name, total=total, completed=done)

        def tick(n: int = 1) -> None:
            bars.advance(task, n)

        try:
            yield tick
        finally:
            self._depth -= 1
            if self._depth == 0:
                bars.stop()
                self._bars = None

    @contextmanager
    def _lines(self, name: str, total: int, done: int) -> Iterator[Ticker]:
        start, before = self._clock(), done
        if self._due():
            self._say(f"{name} {done}/{total}")

        def tick(n: int = 1) -> None:
            nonlocal done
            done += n
            if self._due() and done < total:
                left = (self._clock() - start) / max(done - before, 1) * (total - done)
                self._say(f"{name} {done}/{total}, {duration(left)} left")

        yield tick
        self._say(f"{name} {done}/{total}, took {duration(self._clock() - start)}")

    def _due(self) -> bool:
        return self._spoke is None or self._clock() - self._spoke >= EVERY_S

    def _say(self, text: str) -> None:
        self._spoke = self._clock()
        print(text, file=self._stream, flush=True)


def _bars(stream: TextIO) -> Bars:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("left,"),
        TimeElapsedColumn(),
        TextColumn("so far"),
        console=Console(file=stream),
    )


def duration(seconds: float) -> str:
    """A length of time for people: `12 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
