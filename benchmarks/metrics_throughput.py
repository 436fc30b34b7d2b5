"""How long all text and classification metrics take, with intervals, and how much memory.

Run: `OMP_NUM_THREADS=1 python benchmarks/metrics_throughput.py`. 10,000 examples x 6 systems: summaries of 60 words
(`--words`) with a reference and an input of twice as many, and messages with six labels. A system is one piece of work
for two processes. Memory is the largest of a process; CPU time is that of all.
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
from evalgate.core.results import Prediction
from evalgate.core.seeds import rng
from evalgate.execution.process import standing_heap
from evalgate.stats.interval import estimate_scores

ROUGE = ("rouge_1", "rouge_2", "rouge_l", "rouge_lsum")
COPIES = ("length_ratio", "novel_ngrams", "copied_span")
TEXT = (*ROUGE, "bleu", "chrf", "exact_match", "token_f1", "numeric_match", *COPIES)
LABELS = ("billing", "delivery", "refund", "warranty", "account", "other")
LABELLED = ("accuracy", "macro_f1")


def summaries(n: int, system: int, length: int) -> tuple[list[Example], list[str]]:
    """Examples with an input of which the reference is a part, and one system's answers."""
    pairs = texts(n, length, 4)
    examples = [
        Example(id=str(i), inputs={"text": f"{reference} {pairs[i - 1][0]}"}, references=(reference,))
        for i, (reference, _) in enumerate(pairs)
    ]
    return examples, [f"{answer} {system} of {i}" for i, (_, answer) in enumerate(pairs)]


def messages(n: int, system: int, _length: int) -> tuple[list[Example], list[str]]:
    """Labelled examples and one system's labels, mostly right."""
    generator = rng(3, "labels", system)
    truth = rng(3, "truth").choice(LABELS, size=n)
    answers = np.where(generator.random(n) < 0.7, truth, generator.choice([*LABELS, "no idea"], size=n))
    return [Example(id=str(i), inputs={}, label=str(t)) for i, t in enumerate(truth)], [str(a) for a in answers]


def measure(work: tuple[int, int, int, str]) -> dict[str, float]:
    """Seconds of CPU and of wall time for one system, and the process's peak in MB; for one metric, if it is named."""
    n, system, length, only = work
    spent = {"scores": 0.0, "intervals": 0.0, "wall": 0.0}
    makers: list[tuple[Callable[[int, int, int], tuple[list[Example], list[str]]], tuple[str, ...]]]
    makers = [(summaries, TEXT), (messages, LABELLED)]
    for make, names in makers:
        examples, outputs = make(n, system, length)
        task = Task(spec=TaskSpec(name="t", kind="qa", data="t", metrics=()), splits={"heldout": tuple(examples)})
        answers = [
            Prediction(example_id=e.id, system=str(system), task="t", output=output)
            for e, output in zip(examples, outputs, strict=True)
        ]
        metrics: list[Metric] = [plugins.metric(MetricUse(name=name)) for name in names if only in ("", name)]
        # A first answer loads what a metric needs.
        rows = {m.spec.name: [m.score(examples[0], answers[0], task)][:0] for m in metrics}
        with standing_heap():
            wall, start = time.perf_counter(), time.process_time()
            # As a run does it: every metric of one answer before the next answer.
            for example, answer in zip(examples, answers, strict=True):
                for metric in metrics:
                    rows[metric.spec.name].append(metric.score(example, answer, task))
            scored = time.process_time()
            for metric in metrics:
                estimate = estimate_scores(rows[metric.spec.name], metric, seed=1)
                assert estimate is not None and estimate.low <= estimate.value <= estimate.high
            spent["scores"] += scored - start
            spent["intervals"] += time.process_time() - scored
            spent["wall"] += time.perf_counter() - wall
    spent["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return spent


def main() -> None:
    """Print a line, or a table of metrics each by itself (which shares no texts and so takes longer in all)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--systems", type=int, default=6)
    parser.add_argument("--words", type=int, default=60)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--each", action="store_true")
    asked = parser.parse_args()
    print("| metrics | scores, CPU-seconds | intervals | wall, seconds | largest process, MB |\n|---|--:|--:|--:|--:|")
    with multiprocessing.get_context("spawn").Pool(asked.processes) as pool:
        for only in (*TEXT, *LABELLED) if asked.each else ("",):
            work = [(asked.n, system, asked.words, only) for system in range(asked.systems)]
            found = pool.map(measure, work, chunksize=1)
            sums = {key: sum(one[key] for one in found) for key in ("scores", "intervals", "wall")}
            peak = max(one["peak MB"] for one in found)
            cells = (
                f"{sums['scores']:.1f} | {sums['intervals']:.1f} | {sums['wall'] / asked.processes:.1f} | {peak:.0f}"
            )
            print(f"| {only or 'all'} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
