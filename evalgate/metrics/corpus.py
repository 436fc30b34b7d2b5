"""Metrics of a whole set of answers: one number from the sums of each answer's counts, not a mean of scores."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from evalgate.core.data import Example, Task
from evalgate.core.protocols import Array
from evalgate.core.results import MetricSpec, Prediction, Score
from evalgate.metrics.batch import Batch
from evalgate.metrics.references import NO_REFERENCE
from evalgate.metrics.scoring import score_of, unscored

# A text and its references.
Answer = tuple[str, tuple[str, ...]]


class CorpusMetric:
    """Subclasses give `spec`, each example's `counts` and the number `of_sums`, which resamples share."""

    is_mean = False

    def __init__(self, spec: MetricSpec) -> None:
        self.spec = spec

    @abstractmethod
    def counts(self, output: str, references: tuple[str, ...]) -> tuple[float, ...]:
        """One answer's counts against one or more references, always equally many."""

    def counts_batch(self, answers: Sequence[Answer], batch: Batch) -> Sequence[tuple[float, ...]]:
        """`counts` of many answers."""
        return [self.counts(output, references) for output, references in answers]

    @abstractmethod
    def of_sums(self, sums: Array) -> Array:
        """The number for `sums[..., k]` of counts over examples."""

    def score(self, example: Example, prediction: Prediction, task: Task) -> Score:
        """The example's counts; unscored without an answer or without references."""
        if prediction.output is None:
            return unscored(self.spec, example, prediction)
        if not example.references:
            return replace(unscored(self.spec, example, prediction), failure=NO_REFERENCE)
        return score_of(self.spec, example, prediction, self.counts(prediction.output, example.references))

    def score_batch(self, batch: Batch) -> list[Score]:
        """`score` of each item."""
        items = [(example, prediction.output) for example, prediction in batch.items]
        answers = [(output, e.references) for e, output in items if output is not None and e.references]
        counts, scores = iter(self.counts_batch(answers, batch)), []
        for example, prediction in batch.items:
            if prediction.output is None or not example.references:
                scores.append(self.score(example, prediction, batch.task))
            else:
                scores.append(score_of(self.spec, example, prediction, next(counts)))
        return scores

    def combine(self, parts: Array) -> Array:
        """The number for `parts[..., n, k]`; NaN where n is 0."""
        if parts.shape[-2] == 0:
            return np.full(parts.shape[:-2], np.nan)
        return self.of_sums(parts.sum(axis=-2))
