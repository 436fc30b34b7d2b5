"""How long all text and classification metrics take, with intervals, and how much memory.

Run: `OMP_NUM_THREADS=1 python benchmarks/metrics_throughput.py`. 10,000 examples x 6 systems: summaries of 60 words
(`--words`) with a reference and an input of twice as many, and messages with six labels. Recorded answers are read,
scored and their scores written as a run does it, then the score table is made. CPU time is that of all processes.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

from large_run import LABELLED, TEXT, record

from evalgate.core.data import Task
from evalgate.core.results import Prediction
from evalgate.execution.process import no_collections, standing_heap
from evalgate.execution.workers import usable_cores
from evalgate.files import Appender, read_lines
from evalgate.judging import metrics_of, score_table
from evalgate.scoring import Scorer
from evalgate.store import RunFolder, load_run


def score(folder: Path, tasks: list[Task], cores: int) -> float:
    """Score every system's answers; gives the workers' peak memory in MB, all together."""
    paths, scorer = RunFolder(folder), Scorer(cores)
    for task in tasks:
        for path in sorted((folder / "predictions").iterdir()):
            name = task.spec.name
            answers = read_lines(paths.predictions(path.name, name), Prediction)
            with Appender(paths.scores(path.name, name)) as file:
                scorer.score(task, task.splits["heldout"], answers, done=(), file=file)
    peak = sum(map(_peak, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))
    scorer.close()
    return peak


def _peak(process: str) -> float:
    """The most memory in MB that a process had."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def used() -> float:
    """CPU-seconds of this process and of those that it has ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def measure(names: tuple[str, ...], n: int, systems: int, words: int, cores: int) -> str:
    """One line of the table."""
    with tempfile.TemporaryDirectory() as scratch, standing_heap():
        folder = Path(scratch)
        tasks = record(folder, n, words, names, systems)
        start, wall = used(), time.perf_counter()
        workers = score(folder, tasks, cores)
        scored, wall_scored = used(), time.perf_counter()
        with no_collections():
            data = load_run(folder)
        table = score_table(data, metrics_of(data))
        end, wall_end = used(), time.perf_counter()
        assert len(table) == systems * len(names)
        assert all(cell.estimate and cell.estimate.low <= cell.estimate.value <= cell.estimate.high for cell in table)
    times = f"{scored - start:.1f} | {end - scored:.1f} | {wall_scored - wall:.1f} + {wall_end - wall_scored:.1f}"
    return f"{times} | {_peak('self'):.0f} + {workers:.0f}"


def main() -> None:
    """Print a line, or a table of metrics each by itself (which shares no texts and so takes longer in all)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--systems", type=int, default=6)
    parser.add_argument("--words", type=int, default=60)
    parser.add_argument("--cores", type=int, default=usable_cores())
    parser.add_argument("--each", action="store_true")
    asked = parser.parse_args()
    everything = (*TEXT, *LABELLED)
    print("| metrics | scoring, CPU-seconds | reading and table | wall, seconds | peak, MB, and workers |")
    print("|---|--:|--:|--:|--:|")
    for names in [(name,) for name in everything] if asked.each else [everything]:
        line = measure(names, asked.n, asked.systems, asked.words, asked.cores)
        print(f"| {names[0] if asked.each else 'all'} | {line} |", flush=True)


if __name__ == "__main__":
    main()
