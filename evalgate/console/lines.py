"""Progress where lines cannot be drawn again, in CI logs and pipes: whole lines at a bounded pace; or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TextIO

from evalgate.console.pieces import Piece, clean, counted, duration, finished, gpu_memory, moving, writable
from evalgate.console.tally import Tally, Work

# A stage speaks again after this many seconds and another tenth of its items; or, if it is slow, after a time that
# grows with it, so that an hour gives some 35 lines and a day some 170.
SOON_S, SHARE, LATE_S, LATEST_S = 5.0, 0.1, 30.0, 600.0


class Lines:
    """One line for each stage that begins and ends, and some in between, with the time since the start."""

    def __init__(self, stream: TextIO, clock: Callable[[], float], work: Work) -> None:
        self._stream, self._clock, self._work = stream, clock, work
        self._started = clock()
        self._spoke: dict[int, tuple[float, int]] = {}

    def start(self) -> None:
        """Nothing to prepare."""

    def stop(self) -> None:
        """Nothing to clean."""

    def begin(self, tally: Tally) -> None:
        """A stage begins; one that has nothing to do says so at its end."""
        self._spoke[id(tally)] = (self._clock(), tally.done)
        if tally.done < tally.total:
            self._say(f"{tally.name}: {counted(tally)}{self._whose(tally)}")

    def moved(self, tally: Tally) -> None:
        """Items are done; most of the time that is no news."""
        now = self._clock()
        spoke, done = self._spoke.get(id(tally), (now, tally.done))
        late = min(LATEST_S, max(LATE_S, tally.seconds * SHARE))
        far = now - spoke >= SOON_S and tally.done - done >= SHARE * tally.total
        if tally.done < tally.total and (far or now - spoke >= late):
            self._spoke[id(tally)] = (now, tally.done)
            self._say(_line(f"{tally.name}: {counted(tally)}, ", moving(tally)))

    def end(self, tally: Tally) -> None:
        """A stage ends."""
        self._spoke.pop(id(tally), None)
        self._say(_line(f"{tally.name}: ", finished(tally)))

    def note(self, text: str) -> None:
        """One line of news."""
        self._say(text)

    detail = note

    def doing(self, text: str) -> None:
        """Work that cannot be counted begins."""
        if text:
            self._say(text)

    def did(self, text: str, seconds: float, *, tell: bool) -> None:
        """It has ended."""
        if tell:
            self._say(f"{text}: took {duration(seconds)}")

    def _whose(self, tally: Tally) -> str:
        names = self._work.names
        return f" (system {names.index(tally.system) + 1} of {len(names)})" if tally.system in names else ""

    def _say(self, text: str) -> None:
        minutes, seconds = divmod(int(self._clock() - self._started), 60)
        line = f"[{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}] {clean(text)}"
        print(writable(line, self._stream.encoding or "utf-8"), file=self._stream, flush=True)


def _line(head: str, pieces: Sequence[Piece]) -> str:
    return head + ", ".join(filter(None, [*(text for _, text in pieces), gpu_memory()]))


class Silence:
    """Shows nothing."""

    def start(self) -> None:
        """Nothing."""

    stop = start

    def begin(self, tally: Tally) -> None:
        """Nothing."""

    moved = end = begin

    def note(self, text: str) -> None:
        """Nothing."""

    detail = doing = note

    def did(self, text: str, seconds: float, *, tell: bool) -> None:
        """Nothing."""
