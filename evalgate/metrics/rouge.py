"""ROUGE F1 through Google's `rouge_score`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from evalgate.core.data import Example, Task
from evalgate.core.results import MetricSpec
from evalgate.metrics.scoring import MeanMetric, Options

KINDS = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}


@lru_cache(maxsize=4)
def _scorer(stemmer: bool) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(KINDS.values()), use_stemmer=stemmer)


@lru_cache(maxsize=65_536)
def _all_kinds(reference: str, output: str, stemmer: bool) -> dict[str, float]:
    """All kinds at once, kept: a task that asks for three of them pays once."""
    return {kind: float(value.fmeasure) for kind, value in _scorer(stemmer).score(reference, output).items()}


class Rouge(MeanMetric):
    """ROUGE-1, -2 or -L F1 in [0, 1]; with several references the best counts."""

    def __init__(self, name: str, options: Options) -> None:
        self._kind, self._stemmer = KINDS[name], bool(options.get("stemmer", False))
        signature = f"{self._kind}|stemmer:{'yes' if self._stemmer else 'no'}|refs:max|rouge_score|v1"
        super().__init__(MetricSpec(name=name, unit="fraction", better="higher", signature=signature))

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """F1 in [0, 1]."""
        return max(_all_kinds(r, output, self._stemmer)[self._kind] for r in example.references), None
