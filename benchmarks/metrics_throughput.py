"""How long all text and classification metrics take, with intervals, and how much memory.

Run: `OMP_NUM_THREADS=1 python benchmarks/metrics_throughput.py`. 10,000 examples x 6 systems, summaries of 60 words
a reference and an input of 120 words, and 10,000 messages with six labels; a system is one piece of work for two
processes. Memory is the largest of a process; CPU time is that of all.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable

import numpy as np
from rouge import texts

from evalgate import plugins
from evalgate.core.data import Example, MetricUse, Task, TaskSpec
from evalgate.core.protocols import Metric
from evalgate.core.results import Prediction, Score
from evalgate.core.seeds import rng
from evalgate.stats.interval import estimate_scores

ROUGE = ("rouge_1", "rouge_2", "rouge_l", "rouge_lsum")
COPIES = ("length_ratio", "novel_ngrams", "copied_span")
TEXT = (*ROUGE, "bleu", "chrf", "exact_match", "token_f1", "numeric_match", *COPIES)
LABELS = ("billing", "delivery", "refund", "warranty", "account", "other")
LABELLED = ("accuracy", "macro_f1")


def summaries(n: int, system: int) -> tuple[list[Example], list[str]]:
    """Examples with an input of which the reference is a part, and one system's answers."""
    pairs = texts(n, 60, 4)
    examples = [
        Example(id=str(i), inputs={"text": f"{reference} {pairs[i - 1][0]}"}, references=(reference,))
        for i, (reference, _) in enumerate(pairs)
    ]
    return examples, [f"{answer} {system} of {i}" for i, (_, answer) in enumerate(pairs)]


def messages(n: int, system: int) -> tuple[list[Example], list[str]]:
    """Labelled examples and one system's labels, mostly right."""
    generator = rng(3, "labels", system)
    truth = rng(3, "truth").choice(LABELS, size=n)
    answers = np.where(generator.random(n) < 0.7, truth, generator.choice([*LABELS, "no idea"], size=n))
    return [Example(id=str(i), inputs={}, label=str(t)) for i, t in enumerate(truth)], [str(a) for a in answers]


def measure(work: tuple[int, int]) -> dict[str, float]:
    """Seconds of CPU for each metric of one system, scoring and interval apart, and the process's peak in MB."""
    n, system = work
    spent: dict[str, float] = {}
    makers: list[tuple[Callable[[int, int], tuple[list[Example], list[str]]], tuple[str, ...]]]
    makers = [(summaries, TEXT), (messages, LABELLED)]
    for make, names in makers:
        examples, outputs = make(n, system)
        task = Task(spec=TaskSpec(name="t", kind="qa", data="t", metrics=()), splits={"heldout": tuple(examples)})
        answers = [
            Prediction(example_id=e.id, system=str(system), task="t", output=output)
            for e, output in zip(examples, outputs, strict=True)
        ]
        metrics: list[Metric] = [plugins.metric(MetricUse(name=name)) for name in names]
        rows: dict[str, list[Score]] = {name: [] for name in names}
        spent |= {f"{name}: scores": 0.0 for name in names}
        # As a run does it: every metric of one answer before the next answer.
        for example, answer in zip(examples, answers, strict=True):
            for metric in metrics:
                start = time.process_time()
                rows[metric.spec.name].append(metric.score(example, answer, task))
                spent[f"{metric.spec.name}: scores"] += time.process_time() - start
        for metric in metrics:
            start = time.process_time()
            estimate = estimate_scores(rows[metric.spec.name], metric, seed=1)
            assert estimate is not None and estimate.low <= estimate.value <= estimate.high
            spent[f"{metric.spec.name}: interval"] = time.process_time() - start
    spent["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return spent


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--systems", type=int, default=6)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    start = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(asked.processes) as pool:
        found = pool.map(measure, [(asked.n, system) for system in range(asked.systems)], chunksize=1)
    wall = time.perf_counter() - start
    print("| metric | scores, CPU-seconds | intervals |\n|---|--:|--:|")
    for name in (*TEXT, *LABELLED):
        cells = [sum(one[f"{name}: {part}"] for one in found) for part in ("scores", "interval")]
        print(f"| {name} | {cells[0]:.2f} | {cells[1]:.2f} |")
    total = sum(seconds for one in found for key, seconds in one.items() if key != "peak MB")
    print(f"CPU of all metrics {total:.1f} s, wall with the making of the texts {wall:.1f} s, "
          f"largest process {max(one['peak MB'] for one in found):.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
