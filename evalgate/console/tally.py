"""What progress displays count: the items of one stage, and the answers of a whole run."""

from __future__ import annotations

from collections.abc import Callable

from evalgate.core.showing import Outline

Clock = Callable[[], float]


class Tally:
    """One stage: how many items are done, at what pace, and what became of them.

    Args:
        name: The stage's name.
        total: How many items there are.
        done: How many were there before.
        unit: What an item is, in the plural.
        clock: Tells seconds.
        moved: Called after each change.
        system: Who is asked.
        task: What for.
    """

    def __init__(
        self,
        name: str,
        total: int,
        done: int,
        *,
        unit: str,
        clock: Clock,
        moved: Callable[[Tally], None],
        system: str = "",
        task: str = "",
    ) -> None:
        self.name, self.total, self.done, self.before, self.unit = name, total, done, done, unit
        self.system, self.task = system, task
        self.failed = self.known = self.tokens = 0
        self.told = ""
        self._clock, self._moved = clock, moved
        self.started = self.last = clock()
        self._ended: float | None = None

    def __call__(self, n: int = 1) -> None:
        """`n` more items are done."""
        self.done += n
        self.last = self._clock()
        self._moved(self)

    def count(self, *, failed: int = 0, known: int = 0, tokens: int = 0) -> None:
        """What became of items; the display moves with the next tick."""
        self.failed, self.known, self.tokens = self.failed + failed, self.known + known, self.tokens + tokens

    def state(self, text: str) -> None:
        """Where the work stands."""
        self.told = text

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = self._clock()

    @property
    def seconds(self) -> float:
        """How long it takes so far, or took."""
        return (self._clock() if self._ended is None else self._ended) - self.started

    @property
    def asked(self) -> int:
        """Items that took time: neither there before nor known."""
        return max(0, self.done - self.before - self.known)

    @property
    def per_s(self) -> float | None:
        """Items a second up to the last one; None before the first one that took time."""
        asked = self.asked
        return asked / self._busy if asked and self._busy > 0 else None

    @property
    def _busy(self) -> float:
        return self.last - self.started

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens a second; None where none were counted."""
        return self.tokens / self._busy if self.tokens and self._busy > 0 else None

    @property
    def left_s(self) -> float | None:
        """Seconds to go, counted down between items; None before the first item that took time."""
        asked, busy = self.asked, self._busy  # another thread may count meanwhile
        if not asked or busy <= 0:
            return None
        still = self.total - self.done
        left = still * busy / asked - (self._clock() - self.last)
        return left if left > 0 else still * self.seconds / asked


class Work:
    """All answers of a run, as far as they were announced: how many there are, and how long the rest will take."""

    def __init__(self) -> None:
        self._planned: dict[str, dict[str, int]] = {}
        self._tallies: list[Tally] = []

    def outline(self, planned: Outline) -> None:
        """What will be asked from now on takes the place of what was announced before."""
        self._planned = {system: dict(tasks) for system, tasks in planned.items()}

    def add(self, tally: Tally) -> None:
        """One more stage; those of other work count for nothing here."""
        if tally.task in self._planned.get(tally.system, ()):
            self._tallies.append(tally)

    @property
    def names(self) -> list[str]:
        """The systems that are asked, in order."""
        return [*self._planned]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Each system with each task that it is asked for."""
        return [(system, task) for system, tasks in self._planned.items() for task in tasks]

    @property
    def total(self) -> int:
        """How many answers there will be."""
        return sum(sum(tasks.values()) for tasks in self._planned.values())

    @property
    def done(self) -> int:
        """How many of them are there."""
        return self.total - sum(self._missing().values())

    @property
    def left_s(self) -> float | None:
        """Seconds for the answers that are missing, at the pace of their task so far, or of all where it had none."""
        missing = self._missing()
        paces = {task: pace for task in missing if (pace := self._pace(task)) is not None}
        overall = self._pace(None)
        if overall is None:
            return None
        return sum(n * paces.get(task, overall) for task, n in missing.items())

    def _missing(self) -> dict[str, int]:
        """By task; a task may be asked twice of one system, first half of it: the later stage says more."""
        done = {(tally.system, tally.task): tally.done for tally in self._tallies}
        found: dict[str, int] = {}
        for system, tasks in self._planned.items():
            for task, n in tasks.items():
                found[task] = found.get(task, 0) + max(0, n - done.get((system, task), 0))
        return found

    def _pace(self, task: str | None) -> float | None:
        tallies = [tally for tally in self._tallies if task in (None, tally.task)]
        n = sum(tally.asked for tally in tallies)
        return sum(tally.last - tally.started for tally in tallies if tally.asked) / n if n else None
