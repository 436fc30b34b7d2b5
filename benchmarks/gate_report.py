"""How long `evalgate gate` and `evalgate report` take on a large recording, and how much memory.

Run: `OMP_NUM_THREADS=1 python benchmarks/gate_report.py`. 10,000 summaries and 10,000 labelled messages, answered by
three baselines and three candidates, scored by `--metrics` (the first ones of the list; all by default). Each command
is a fresh process, as a user starts it. Medians of `--rounds`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from large_run import LABELLED, TEXT, record
from metrics_throughput import score

from evalgate.execution.workers import usable_cores


def measure(command: str, folder: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU-seconds and the peak in MB of one command in its own process."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "evalgate.cli", command, str(folder)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 1, 2), process.returncode
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    """Print a line for each command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--metrics", type=int, default=len(TEXT))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", help="a folder for the recording, used again if it is there")
    asked = parser.parse_args()
    names = (*TEXT[: asked.metrics], *LABELLED)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(asked.keep or scratch) / "run"
        if not folder.exists():
            score(folder, record(folder, asked.n, 60, names), usable_cores())
        size = sum(path.stat().st_size for path in folder.rglob("*.jsonl")) / 1e6
        print(f"{asked.n:,} examples of 2 tasks, 6 systems, {len(names)} metrics, {size:.0f} MB\n")
        print("| command | wall, seconds | CPU-seconds | peak, MB |\n|---|--:|--:|--:|")
        for command in ("gate", "report"):
            rounds = [measure(command, folder) for _ in range(asked.rounds)]
            wall, used, peak = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(f"| {command} | {wall:.1f} | {used:.1f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
