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

from metrics_throughput import LABELLED, TEXT, messages, summaries

from evalgate.core.data import Example, GateSpec, MetricUse, ModelSpec, SuiteSpec, SystemSpec, Task, TaskSpec
from evalgate.core.results import Prediction, Run
from evalgate.files import Appender, write_lines, write_record
from evalgate.scoring import Scorer
from evalgate.store import RunFolder

BASELINES, CANDIDATES = ("zero-shot", "few-shot", "rag"), ("qlora-1", "qlora-2", "qlora-3")
# The ones that are asked for most often come first.
ORDER = ("rouge_l", "rouge_1", "rouge_2", "bleu", "token_f1", "exact_match", *TEXT)
GATES = (
    GateSpec(name="win", metric="summarize.rouge_l", rule="better_than_baselines"),
    GateSpec(name="keep", metric="route.accuracy", rule="not_worse_than_baseline", margin=0.02),
    GateSpec(name="floor", metric="route.accuracy", rule="at_least", limit=0.6),
)


def record(folder: Path, n: int, names: tuple[str, ...]) -> None:
    """Write a whole recording; everything in it but the answers' texts is as a run leaves it."""
    uses = tuple(MetricUse(name=name) for name in names)
    tasks = {
        "summarize": TaskSpec(name="summarize", kind="summarization", data="summarize", metrics=uses),
        "route": TaskSpec(
            name="route", kind="classification", data="route", metrics=tuple(MetricUse(name=m) for m in LABELLED)
        ),
    }
    suite = SuiteSpec(name="large", version=1, model=ModelSpec(id="none"), tasks=tuple(tasks.values()), gates=GATES)
    systems = {
        name: SystemSpec(name=name, kind="prompt", backend="none", model="none", prompts={})
        for name in (*BASELINES, *CANDIDATES)
    }
    paths, scorer = RunFolder(folder), Scorer()
    write_record(
        paths.run_file,
        Run(
            id="large", suite=suite, suite_folder="none", suite_digest="0", data_digest="0", model_digest="0",
            systems=systems, baselines=BASELINES, candidates=CANDIDATES, gates=GATES, seed=1, limit=None,
            started="2026-01-01T00:00:00+00:00",
        ),
    )  # fmt: skip
    for task, make in (("summarize", summaries), ("route", messages)):
        for number, system in enumerate(systems):
            examples, outputs = make(n, number, 60)
            loaded = Task(spec=tasks[task], splits={"heldout": tuple(examples)})
            write_lines(paths.examples(task), examples)
            answers = [answer(example, system, task, text) for example, text in zip(examples, outputs, strict=True)]
            write_lines(paths.predictions(system, task), answers)
            with Appender(paths.scores(system, task)) as file:
                scorer.score(loaded, examples, answers, done=set(), file=file)
    scorer.close()


def answer(example: Example, system: str, task: str, text: str) -> Prediction:
    """One answer as a batch gives it."""
    return Prediction(
        example_id=example.id, system=system, task=task, output=text, latency_s=0.2, prompt_tokens=300,
        completion_tokens=80, request_digest="0" * 64,
    )  # fmt: skip


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
    names = tuple(dict.fromkeys(ORDER))[: asked.metrics]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(asked.keep or scratch) / "run"
        if not folder.exists():
            record(folder, asked.n, names)
        size = sum(path.stat().st_size for path in folder.rglob("*.jsonl")) / 1e6
        print(f"{asked.n:,} examples of 2 tasks, 6 systems, {len(names)} + {len(LABELLED)} metrics, {size:.0f} MB\n")
        print("| command | wall, seconds | CPU-seconds | peak, MB |\n|---|--:|--:|--:|")
        for command in ("gate", "report"):
            rounds = [measure(command, folder) for _ in range(asked.rounds)]
            wall, used, peak = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(f"| {command} | {wall:.1f} | {used:.1f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
