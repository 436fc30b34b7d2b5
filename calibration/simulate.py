"""All cells of the page, spread over processes; results are the same for every number of them."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import scipy

from calibration import clusters, exact, families, gates, latency, looks
from calibration.rows import SIZES, Row, Task
from calibration.shapes import ALL, BINARY
from evalgate import __version__
from evalgate.core.seeds import now

SEED = 20_260_101
REPLICATIONS = 5_000
QUICK = 100

RUNNERS: dict[str, Callable[[Task], list[Row]]] = {
    "gates": gates.simulate,
    "clusters": clusters.simulate,
    "family": families.simulate,
    "looks": looks.simulate,
    "latency": latency.simulate,
    "exact": exact.binary,
    "worst": exact.worst,
    "floor": exact.floors,
}
# Settings of each part, in the order of the results.
SETTINGS: dict[str, tuple[str, ...]] = {
    "gates": tuple(ALL),
    "exact": tuple(shape.name for shape in BINARY),
    "worst": ("",),
    "floor": tuple(str(floor) for floor in exact.FLOORS),
    "clusters": clusters.CELLS,
    "latency": latency.ORDERS,
    "family": tuple(families.SETTINGS),
    "looks": tuple(f"{kind} {team}" for kind in looks.KINDS for team in looks.TEAMS),
}


def tasks(replications: int, seed: int) -> list[Task]:
    """Every cell. Blocked latency, which no gate of evalgate measures, at one size only."""
    return [
        Task(part, setting, n, replications, seed)
        for part, settings in SETTINGS.items()
        for setting in settings
        for n in (SIZES if setting != "blocked" else (200,))
    ]


def run(todo: list[Task], workers: int, report: Callable[[int, int], None]) -> list[Row]:
    """The rows of all tasks, in their order; `report(done, all)` after each. The longest start first."""
    cost = {"latency": 4, "gates": 1, "family": 1, "looks": 0.5, "clusters": 0.4}
    order = sorted(range(len(todo)), key=lambda i: -cost.get(todo[i].part, 0) * todo[i].n)
    found: dict[int, list[Row]] = {}
    for done, (i, rows) in enumerate(_finished(todo, order, workers), start=1):
        found[i] = rows
        report(done, len(todo))
    return [row for i in range(len(todo)) for row in found[i]]


def _finished(todo: list[Task], order: list[int], workers: int) -> Iterator[tuple[int, list[Row]]]:
    if workers == 1:
        for i in order:
            yield i, work(todo[i])
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = _submitted(pool, todo, order)
        for future in as_completed(futures):
            yield futures[future], future.result()


def _submitted(pool: Executor, todo: list[Task], order: list[int]) -> dict[Future[list[Row]], int]:
    return {pool.submit(work, todo[i]): i for i in order}


def work(task: Task) -> list[Row]:
    """One task's rows; shares rounded to what a count of replications, or a table, can show."""
    return [
        row._replace(passed=round(row.passed, 7), failed=round(row.failed, 7))
        for row in RUNNERS[task.part](replace(task))
    ]


def about(replications: int, seed: int, workers: int, started: float, cpu_before: float) -> dict[str, object]:
    """What the page says of the run that made it."""
    return {
        "date": now()[:10],
        "evalgate": __version__,
        "seed": seed,
        "replications": replications,
        "workers": workers,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "wall_s": round(time.perf_counter() - started),
        "cpu_s": round(cpu_seconds() - cpu_before),
        "peak_mb": round(max(resource.getrusage(who).ru_maxrss for who in _WHO) / 1024),
    }


_WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def cpu_seconds() -> float:
    """CPU time of this process and of those that it has waited for."""
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, _WHO))
