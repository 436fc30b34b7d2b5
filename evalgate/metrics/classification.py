"""Labels: accuracy and macro-F1 from the exact label that an answer is."""

from __future__ import annotations

import numpy as np

from evalgate.core.data import Example, Task
from evalgate.core.protocols import Array
from evalgate.core.results import MetricSpec, Prediction, Score
from evalgate.metrics.scoring import MeanMetric, Options, score_of, unscored

NO_LABEL = "(none)"


class KnownLabels:
    """A task's labels, gathered once from all its examples and not again with every answer."""

    def __init__(self) -> None:
        self._task: Task | None = None
        self._labels: list[str] = []

    def of(self, task: Task) -> list[str]:
        """The labels of `task`."""
        if task is not self._task:
            self._task, self._labels = task, task.labels
        return self._labels


def extract_label(output: str, labels: list[str]) -> str | None:
    """The label that the whole answer is, but for case, spaces and closing punctuation; None otherwise."""
    text = " ".join(output.split()).strip(" .!,;:'\"").casefold()
    return next((label for label in labels if label.casefold() == text), None)


class Accuracy(MeanMetric):
    """1 where the answer is the label. An answer that is no label is wrong, and shown in its own column."""

    def __init__(self, options: Options) -> None:
        del options
        self._known = KnownLabels()
        super().__init__(MetricSpec(name="accuracy", unit="fraction", better="higher", signature="label:exact|v1"))

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """1 or 0, with `true<TAB>predicted` for the confusion matrix."""
        label = extract_label(output, self._known.of(task))
        return float(label == example.label), f"{example.label}\t{label or NO_LABEL}"


class MacroF1:
    """The unweighted mean of the per-class F1 over classes that occur as truth; parts are (true, predicted) indices."""

    is_mean = False

    def __init__(self, options: Options) -> None:
        del options
        self._known = KnownLabels()
        self.spec = MetricSpec(
            name="macro_f1", unit="fraction", better="higher", signature="label:exact|classes:true|v1"
        )

    def score(self, example: Example, prediction: Prediction, task: Task) -> Score:
        """The pair of class indices; -1 where the answer is no label."""
        if prediction.output is None:
            return unscored(self.spec, example, prediction)
        labels = self._known.of(task)
        label = extract_label(prediction.output, labels)
        pair = (float(labels.index(example.label or "")), float(labels.index(label) if label else -1))
        return score_of(self.spec, example, prediction, pair)

    def combine(self, parts: Array) -> Array:
        """Macro-F1 of `parts[..., n, 2]`, for every leading index at once."""
        lead, n = parts.shape[:-2], parts.shape[-2]
        if n == 0:
            return np.full(lead, np.nan)
        flat = parts.reshape(-1, n, 2).astype(np.int64)
        k = int(flat.max()) + 1
        rows = np.arange(len(flat))[:, None]
        cells = (rows * k + flat[..., 0]) * (k + 1) + flat[..., 1] + 1  # column 0 takes the answers without a label
        matrix = np.bincount(cells.ravel(), minlength=len(flat) * k * (k + 1)).reshape(-1, k, k + 1)
        hits = np.diagonal(matrix[..., 1:], axis1=1, axis2=2).astype(np.float64)
        true, predicted = matrix.sum(axis=2), matrix[..., 1:].sum(axis=1)
        f1 = 2 * hits / np.maximum(true + predicted, 1)
        present = true > 0
        return np.asarray((f1 * present).sum(axis=1) / present.sum(axis=1)).reshape(lead)
