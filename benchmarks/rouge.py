"""ROUGE beside Google's `rouge_score`: equal numbers, and how many summaries a CPU-second.

Run: `OMP_NUM_THREADS=1 python benchmarks/rouge.py`. Seeded texts of 60 words with the frequencies of English words
(Zipf); an answer keeps most of its reference. One core, CPU time; neither side has seen a text before it is timed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from rouge_score.rouge_scorer import RougeScorer

from evalgate import plugins
from evalgate.core.data import Example, MetricUse, Task, TaskSpec
from evalgate.core.results import Prediction
from evalgate.core.seeds import rng

KINDS = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL", "rouge_lsum": "rougeLsum"}
STARTS = (
    "deliv",
    "ship",
    "refund",
    "order",
    "cancel",
    "connect",
    "relat",
    "custom",
    "argu",
    "gener",
    "happ",
    "consign",
)
ENDS = ("", "s", "ed", "ing", "ation", "er", "ers", "ly", "ment", "ness", "ies", "ional", "ability", "ful", "ize")

SHORT = np.array(
    ["the", "of", "and", "to", "a", "in", "is", "that", "for", "it", "was", "on", "you", "with", "not", "be"]
)


def words(n: int) -> list[str]:
    """Words with English endings in some order, so that the stemmer has its usual work."""
    made = [f"{a}{b}{c}" for b in ("", "a", "o", "un", "ter", "il", "ap", "or") for a in STARTS for c in ENDS]
    return made[:n]


def texts(n: int, length: int, lines: int) -> list[tuple[str, str]]:
    """Pairs (reference, answer)."""
    generator, known = rng(5, "rouge"), np.array(words(1_440))
    # The most frequent words are the short ones, as in English.
    known = np.concatenate([SHORT, generator.permutation(known)])
    weights = 1 / (1.0 + np.arange(len(known)))
    drawn = known[generator.choice(len(known), size=(n, length), p=weights / weights.sum())]
    other = known[generator.choice(len(known), size=(n, length), p=weights / weights.sum())]
    kept = generator.random((n, length)) < 0.6
    breaks = {i * length // lines for i in range(1, lines)}

    def write(row: list[str]) -> str:
        return "".join(("" if not i else "\n" if i in breaks else " ") + w for i, w in enumerate(row)) + "."

    pairs = zip(drawn.tolist(), np.where(kept, drawn, other).tolist(), strict=True)
    return [(write(reference).capitalize(), write(answer)) for reference, answer in pairs]


def timed(score: Callable[[str, str], list[float]], pairs: list[tuple[str, str]]) -> tuple[list[list[float]], float]:
    """Every pair's numbers, and pairs a CPU-second."""
    start = time.process_time()
    found = [score(reference, answer) for reference, answer in pairs]
    return found, len(pairs) / (time.process_time() - start)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--words", type=int, default=60)
    asked = parser.parse_args()
    task = Task(spec=TaskSpec(name="t", kind="summarization", data="t", metrics=()), splits={})
    print("| kinds | stemmer | rouge_score, a CPU-second | evalgate | ratio | largest difference |")
    print("|---|---|--:|--:|--:|--:|")
    pairs = texts(asked.n, asked.words, lines=4)
    for kinds in (["rouge_1", "rouge_2", "rouge_l"], ["rouge_lsum"]):
        for stemmer in (False, True):
            google = RougeScorer([KINDS[kind] for kind in kinds], use_stemmer=stemmer)
            metrics = [plugins.metric(MetricUse(name=kind, options={"stemmer": stemmer})) for kind in kinds]

            def ours(reference: str, answer: str, metrics: list[object] = metrics) -> list[float]:
                example = Example(id="e", inputs={}, references=(reference,))
                given = Prediction(example_id="e", system="s", task="t", output=answer)
                return [m.score(example, given, task).parts[0] for m in metrics]  # type: ignore[attr-defined]

            def theirs(reference: str, answer: str, google: RougeScorer = google) -> list[float]:
                return [value.fmeasure for value in google.score(reference, answer).values()]

            found, quick = timed(ours, pairs)
            wanted, slow = timed(theirs, pairs)
            apart = float(np.abs(np.array(found) - np.array(wanted)).max())
            said = "yes" if stemmer else "no"
            speeds = f"{slow:,.0f} | {quick:,.0f} | {quick / slow:.1f}"
            print(f"| {', '.join(kinds)} | {said} | {speeds} | {apart:.1g} |", flush=True)


if __name__ == "__main__":
    main()
