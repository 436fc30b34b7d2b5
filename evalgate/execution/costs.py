"""What measuring costs: seconds recorded as they are spent, and the cheapest questions first."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from evalgate.core.memory import peak_bytes, reset_peak
from evalgate.core.seeds import clock
from evalgate.core.serving import Cost
from evalgate.files import Appender, count_lines

# An answer that nobody was asked for took no time that says anything.
KNOWN = b'"cached":true'


@contextmanager
def timed(
    costs: Path, *, system: str, task: str, recorded: Path, opening: Callable[[], float] = lambda: 0.0
) -> Iterator[None]:
    """Append to `costs` how long the questions took that are answered meanwhile: the new lines of `recorded`.

    Answers that were known are not counted, nor is `opening`: the seconds in which the model was opened so far.
    """
    reset_peak()
    before, opened, started = count_lines(recorded, KNOWN), opening(), clock()
    yield
    n = count_lines(recorded, KNOWN) - before
    if n > 0:
        seconds = clock() - started - (opening() - opened)
        with Appender(costs) as file:
            file.write([Cost(system=system, task=task, n=n, seconds=seconds, peak_memory_bytes=peak_bytes())])


def cheapest_first(
    tasks: Iterable[str], costs: Collection[Cost], *, systems: Collection[str], sizes: Mapping[str, int]
) -> list[str]:
    """Tasks by the seconds that `systems` took for a question, times how many there are; unknown ones last."""
    pace = {task: seconds_each(task, costs, systems) for task in tasks}

    def seconds(task: str) -> float:
        each = pace[task]
        return math.inf if each is None else each * sizes.get(task, 0)

    return sorted(pace, key=lambda task: (seconds(task), task))


def seconds_each(task: str, costs: Collection[Cost], systems: Collection[str]) -> float | None:
    """The mean seconds a question of some systems on a task; None where they were never timed."""
    rows = [cost for cost in costs if cost.task == task and cost.system in systems]
    return sum(row.seconds for row in rows) / sum(row.n for row in rows) if rows else None
