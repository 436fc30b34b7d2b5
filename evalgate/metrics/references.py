"""What compares an answer with references: the best one counts, and where there is none nothing is measured."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from evalgate.core.data import Example, Task
from evalgate.core.results import Failure, Prediction, Score
from evalgate.metrics.batch import Batch
from evalgate.metrics.scoring import MeanMetric, score_of, unscored

NO_REFERENCE = Failure(code="no-reference", message="the example has no reference to compare with")


class BestReference(MeanMetric):
    """A mean of each example's best value over its references; subclasses give `spec` and `against`.

    An example without references is unscored with `no-reference`; a suite with such examples cannot be frozen.
    """

    def against(self, output: str, reference: str) -> float:
        """How well the answer fits one reference, in [0, 1]."""
        raise NotImplementedError

    def against_batch(self, pairs: Sequence[tuple[str, str]], batch: Batch) -> Sequence[float]:
        """`against` of many pairs."""
        return [self.against(output, reference) for output, reference in pairs]

    def detail(self, output: str) -> str | None:
        """A short word on the answer for the report."""
        return None

    def score(self, example: Example, prediction: Prediction, task: Task) -> Score:
        """The best reference's value."""
        if prediction.output is None:
            return unscored(self.spec, example, prediction)
        if not example.references:
            return replace(unscored(self.spec, example, prediction), failure=NO_REFERENCE)
        value = max(self.against(prediction.output, reference) for reference in example.references)
        return score_of(self.spec, example, prediction, (value,), self.detail(prediction.output))

    def score_batch(self, batch: Batch) -> list[Score]:
        """`score` of each item."""
        values = iter(self.against_batch(pairs_of(batch), batch))
        scores = []
        for example, prediction in batch.items:
            if prediction.output is None or not example.references:
                scores.append(self.score(example, prediction, batch.task))
            else:
                value = max(next(values) for _ in example.references)
                detail = self.detail(prediction.output)
                scores.append(score_of(self.spec, example, prediction, (value,), detail))
        return scores


def pairs_of(batch: Batch) -> list[tuple[str, str]]:
    """Each answer that there is with each of its references."""
    items = [(example, prediction.output) for example, prediction in batch.items]
    return batch.kept("pairs", lambda: [(o, r) for e, o in items if o is not None for r in e.references])
