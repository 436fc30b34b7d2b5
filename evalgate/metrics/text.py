"""Short answers: exact match and token F1, normalised as in SQuAD (Rajpurkar et al. 2016)."""

from __future__ import annotations

import re
import string
from collections import Counter

from evalgate.core.data import Example, Task
from evalgate.core.results import MetricSpec
from evalgate.metrics.scoring import MeanMetric, Options

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """Lower case, without punctuation, articles and extra spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


class ExactMatch(MeanMetric):
    """1 if the normalised answer equals a normalised reference."""

    def __init__(self, options: Options) -> None:
        del options
        super().__init__(MetricSpec(name="exact_match", unit="fraction", better="higher", signature="norm:squad|v1"))

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """1 or 0."""
        answer = normalize_answer(output)
        return float(any(answer == normalize_answer(r) for r in example.references)), None


class TokenF1(MeanMetric):
    """F1 of the words that answer and reference share; the best reference counts."""

    def __init__(self, options: Options) -> None:
        del options
        spec = MetricSpec(name="token_f1", unit="fraction", better="higher", signature="norm:squad|refs:max|v1")
        super().__init__(spec)

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """F1 in [0, 1]."""
        words = normalize_answer(output).split()
        return max((_f1(words, normalize_answer(r).split()) for r in example.references), default=0.0), None


def _f1(answer: list[str], reference: list[str]) -> float:
    if not answer or not reference:
        return float(answer == reference)
    shared = sum((Counter(answer) & Counter(reference)).values())
    return 2 * shared / (len(answer) + len(reference))
