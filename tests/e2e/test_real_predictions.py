"""Answers that real systems gave: the level of a comparison of equals, and a small regression that is known."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evalgate
from evalgate.core.data import Example, MetricUse, Task, TaskSpec
from evalgate.core.results import Prediction
from evalgate.metrics.rouge import Rouge

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
# Beside the checkout, or beside the folder of worktrees that it lies in.
DATA = next((p / "shared" / "data" for p in (ROOT.parent, ROOT.parents[1]) if (p / "shared").is_dir()), ROOT.parent)
SUMMARIES = DATA / "tweetsumm_system_predictions" / "test.jsonl"
MMLU = DATA / "mmlu_checkpoint_predictions" / "predictions.jsonl"
ALPHA = 0.05


def read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{path.parent.name}/{path.name}")
    return [json.loads(line) for line in path.read_text().strip().split("\n")]


def _rouge(metric: Rouge, task: Any, row: int, reference: str, output: str) -> float:
    answer = Prediction(example_id=str(row), system="s", task="t", output=output)
    return metric.score(Example(id=str(row), inputs={}, references=(reference,)), answer, task).parts[0]


@cache
def summaries() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """ROUGE-L by system over the rows that all have answered, and each row's conversation as a code."""
    found = [r for r in read(SUMMARIES) if all(r["predictions"].values())]
    names = set.intersection(*(set(r["predictions"]) for r in found))
    metric = Rouge("rouge_l", {})
    spec = TaskSpec(name="t", kind="summarization", data="t", metrics=(MetricUse(name="rouge_l"),))
    task = Task(spec=spec, splits={})
    scores = {
        name: np.array([_rouge(metric, task, r["id"], r["reference"], r["predictions"][name]) for r in found])
        for name in sorted(names)
    }
    return scores, np.unique([r["conversation_id"] for r in found], return_inverse=True)[1]


def share_passed(
    first: np.ndarray, second: np.ndarray, swaps: np.ndarray, codes: np.ndarray | None, **options: Any
) -> float:
    """The share of random relabellings `swaps[r, n]` of the two systems that pass."""
    clusters = None if codes is None else [str(code) for code in codes]
    passed = 0
    for swap in swaps:
        a, b = np.where(swap, second, first), np.where(swap, first, second)
        passed += evalgate.compare(a, b, clusters=clusters, **options).outcome == "pass"
    return passed / len(swaps)


PAIRS = [("bart-large-samsum-zeroshot", "bart-finetuned-2ep"), ("bart-finetuned-2ep", "bart-finetuned-3ep")]


@pytest.mark.parametrize("pair", PAIRS)
def test_relabelled_summaries_keep_their_level_by_conversation(pair: tuple[str, str]) -> None:
    scores, codes = summaries()
    r = 2_000
    generator = np.random.default_rng(5)
    swaps = (generator.random((r, codes.max() + 1)) < 0.5)[:, codes]  # a conversation's rows are swapped together
    with_clusters = share_passed(scores[pair[0]], scores[pair[1]], swaps, codes)
    without = share_passed(scores[pair[0]], scores[pair[1]], swaps, None)
    assert with_clusters <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / r) ** 0.5
    if pair == PAIRS[0]:
        assert without > 0.09  # what it costs to take a conversation's rows for independent


@cache
def checkpoints() -> dict[str, np.ndarray]:
    """Right or wrong by checkpoint over all items."""
    items = read(MMLU)
    return {
        name: np.array([float(r["predictions"][name] == r["answer"]) for r in items])
        for name in items[0]["predictions"]
    }


def test_relabelled_checkpoints_keep_their_level() -> None:
    scores = checkpoints()
    r = 2_000
    swaps = np.random.default_rng(6).random((r, 12_343)) < 0.5
    share = share_passed(scores["checkpoint-0"], scores["checkpoint-200"], swaps, None)
    assert share <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / r) ** 0.5


@pytest.mark.parametrize(
    ("margin", "outcome", "words"),
    [
        (0.005, "inconclusive", "a drop above 0.5 points cannot be excluded"),
        (0.01, "inconclusive", "a drop above 1.0 points cannot be excluded"),
        (0.02, "pass", "The score dropped by less than the allowed 2.0 points"),
    ],
)
def test_a_known_small_regression_is_judged_by_its_margin(margin: float, outcome: str, words: str) -> None:
    scores = checkpoints()
    base, tuned = scores["checkpoint-0"], scores["checkpoint-200"]
    assert (round(100 * base.mean(), 2), round(100 * tuned.mean(), 2)) == (46.92, 46.25)
    verdict = evalgate.compare(tuned, base, rule="not_worse", margin=margin)
    assert verdict.outcome == outcome
    assert words in verdict.reason
