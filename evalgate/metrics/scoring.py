"""The common half of every metric: its options, how an error becomes unscored, the mean."""

from __future__ import annotations

import numpy as np

from evalgate.core.data import Example, Task
from evalgate.core.protocols import Array
from evalgate.core.results import Failure, MetricSpec, Prediction, Score

Options = dict[str, str | int | float | bool | list[str]]
NO_OUTPUT = Failure(code="no-output", message="the system gave no answer")


def score_of(
    spec: MetricSpec, example: Example, prediction: Prediction, parts: tuple[float, ...], detail: str | None = None
) -> Score:
    """A scored item."""
    return Score(
        example_id=example.id,
        system=prediction.system,
        task=prediction.task,
        metric=spec.name,
        parts=parts,
        repeat=prediction.repeat,
        cluster=example.cluster,
        detail=detail,
    )


def unscored(spec: MetricSpec, example: Example, prediction: Prediction, failure: Failure | None = None) -> Score:
    """An item that could not be measured, with the reason. It is counted, never dropped."""
    return Score(
        example_id=example.id,
        system=prediction.system,
        task=prediction.task,
        metric=spec.name,
        status="unscored",
        failure=failure or prediction.failure or NO_OUTPUT,
        repeat=prediction.repeat,
        cluster=example.cluster,
    )


def mean_of_first(parts: Array) -> Array:
    """The mean of the first part over examples: `parts[..., n, k]` to `[...]`; NaN where n is 0."""
    if parts.shape[-2] == 0:
        return np.full(parts.shape[:-2], np.nan)
    return np.asarray(parts[..., 0].mean(axis=-1), dtype=np.float64)


class MeanMetric:
    """A metric whose number is the mean of one value per example; subclasses give `spec` and `value`."""

    is_mean = True

    def __init__(self, spec: MetricSpec) -> None:
        self.spec = spec

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """The example's value and a short detail for the report."""
        raise NotImplementedError

    def score(self, example: Example, prediction: Prediction, task: Task) -> Score:
        """The example's score; unscored where the system gave no answer at all."""
        if prediction.output is None:
            return unscored(self.spec, example, prediction)
        value, detail = self.value(example, prediction.output, task)
        return score_of(self.spec, example, prediction, (value,), detail)

    def combine(self, parts: Array) -> Array:
        """The mean over examples."""
        return mean_of_first(parts)
