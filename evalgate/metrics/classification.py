"""Labels: how many answers have the right one, over all, by class, and how sure the model was of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from evalgate.core.data import Example, Task
from evalgate.core.labels import NO_LIKELIHOODS, Extractor
from evalgate.core.prompts import EXACT, EXACT_LABEL, LabelRule
from evalgate.core.protocols import Array
from evalgate.core.results import Failure, MetricSpec, Prediction, Score
from evalgate.metrics.options import refuse_options, text_option, whole_option
from evalgate.metrics.scoring import Options, mean_of_first, score_of, unscored
from evalgate.stats import confusion
from evalgate.stats.reliability import calibration_error

NO_LABEL = "(none)"
NO_TRUTH = Failure(code="no-label", message="the example has no label")
N_BINS = 15


class LabelMetric:
    """A metric of the label that the task's rule finds in an answer; subclasses give `parts` and `combine`."""

    is_mean = False

    def __init__(self, spec: MetricSpec, rule: LabelRule) -> None:
        self.spec, self._rule = spec, rule
        self._task: Task | None = None
        self._extractor = Extractor(rule, ())

    def labels_of(self, task: Task) -> Extractor:
        """The task's labels by its rule, gathered once and not again with every answer."""
        if task is not self._task:
            self._task, self._extractor = task, Extractor(self._rule, task.labels)
        return self._extractor

    def score(self, example: Example, prediction: Prediction, task: Task) -> Score:
        """The example's parts with `true<TAB>predicted` for the confusion table; an answer without a label is wrong.

        Unscored where there is no answer, where its label could not be told, or where the example has none.
        """
        if prediction.output is None:
            return unscored(self.spec, example, prediction)
        extractor = self.labels_of(task)
        found = extractor.label(prediction.output, prediction.label_logprobs or None)
        if isinstance(found, Failure):
            return unscored(self.spec, example, prediction, found)
        if example.label is None or example.label not in extractor.labels:
            return unscored(self.spec, example, prediction, NO_TRUTH)
        parts = self.parts(example.label, found, extractor, prediction)
        if isinstance(parts, Failure):
            return unscored(self.spec, example, prediction, parts)
        return score_of(self.spec, example, prediction, parts, f"{example.label}\t{found or NO_LABEL}")

    def parts(
        self, true: str, found: str | None, extractor: Extractor, prediction: Prediction
    ) -> tuple[float, ...] | Failure:
        """The pair of class indices; -1 where the answer has no label."""
        labels = extractor.labels
        return float(labels.index(true)), float(labels.index(found) if found else -1)

    def combine(self, parts: Array) -> Array:
        """`parts[..., n, k]` to `[...]`."""
        raise NotImplementedError


class Accuracy(LabelMetric):
    """1 where the answer's label is the right one. An answer without a label is wrong, and shown in its own column."""

    is_mean = True

    def __init__(self, options: Options, rule: LabelRule = EXACT) -> None:
        refuse_options("accuracy", options)
        super().__init__(_spec("accuracy", f"{rule.signature}|{_version(rule)}"), rule)

    def parts(
        self, true: str, found: str | None, extractor: Extractor, prediction: Prediction
    ) -> tuple[float, ...] | Failure:
        """1 or 0."""
        return (float(found == true),)

    def combine(self, parts: Array) -> Array:
        """The mean over examples."""
        return mean_of_first(parts)


# Means over classes take those that occur as truth; what is predicted and never true only costs precision.
_OVERALL: dict[str, tuple[str, Callable[[confusion.Counts], Array]]] = {
    "macro_f1": ("|classes:true", lambda t: confusion.over_true(confusion.f1(t), t)),
    "weighted_f1": ("|classes:true", lambda t: confusion.over_true(confusion.f1(t), t, t.true)),
    "micro_f1": ("", confusion.micro_f1),
    "balanced_accuracy": ("|classes:true", lambda t: confusion.over_true(confusion.recall(t), t)),
    "mcc": ("|none:class", confusion.mcc),
}


class Overall(LabelMetric):
    """Macro, weighted or micro F1, balanced accuracy or Matthews' correlation over all classes."""

    def __init__(self, name: str, options: Options, rule: LabelRule = EXACT) -> None:
        refuse_options(name, options)
        settings, self._number = _OVERALL[name]
        version = _version(rule) if name == "macro_f1" else "v1"
        super().__init__(_spec(name, f"{rule.signature}{settings}|{version}"), rule)

    def summands(self, parts: Array) -> tuple[Array, Callable[[Array], Array]]:
        """What is summed over examples for `parts[n, 2]`, and the number as a function of those sums."""
        return confusion.summands(parts), lambda sums: np.asarray(self._number(confusion.of_sums(sums)))

    def combine(self, parts: Array) -> Array:
        """The number of `parts[..., n, 2]`, for every leading index at once; NaN where n is 0."""
        if parts.shape[-2] == 0:
            return np.full(parts.shape[:-2], np.nan)
        return np.asarray(self._number(confusion.counts(parts)))


_BY_CLASS = {"class_precision": confusion.precision, "class_recall": confusion.recall, "class_f1": confusion.f1}


class OfClass(LabelMetric):
    """Precision, recall or F1 of the one class that the option `of` names."""

    def __init__(self, name: str, options: Options, rule: LabelRule = EXACT) -> None:
        refuse_options(name, options, known=("of",))
        self._of, self._number = text_option(name, options, "of"), _BY_CLASS[name]
        super().__init__(_spec(name, f"{rule.signature}|of:{self._of}|v1"), rule)

    def parts(
        self, true: str, found: str | None, extractor: Extractor, prediction: Prediction
    ) -> tuple[float, ...] | Failure:
        """The pair of 1s and 0s: whether the example is, and is called, of the class."""
        return float(true == self._of), float(found == self._of)

    def combine(self, parts: Array) -> Array:
        """The class's number in `parts[..., n, 2]`; 0 where nothing is, or is called, of it; NaN where n is 0."""
        if parts.shape[-2] == 0:
            return np.full(parts.shape[:-2], np.nan)
        true, called = parts[..., 0], parts[..., 1]
        hits, size = (true * called).sum(axis=-1), np.full(parts.shape[:-2], float(parts.shape[-2]))
        n_true, n_called = true.sum(axis=-1), called.sum(axis=-1)
        table = confusion.Counts(hits[..., None], n_true[..., None], n_called[..., None], size)
        return np.asarray(self._number(table)[..., 0])


class CalibrationError(LabelMetric):
    """Expected calibration error: how far confidence and accuracy lie apart, over bins of equal width.

    Confidence is the probability of the answer's label among the task's labels, from the likelihoods that the backend
    gave. Without them an answer is unscored, with the code `no-likelihoods`.
    """

    def __init__(self, options: Options, rule: LabelRule = EXACT) -> None:
        refuse_options("ece", options, known=("bins",))
        self._bins = whole_option("ece", options, "bins", N_BINS, most=1_000)
        super().__init__(_spec("ece", f"{rule.signature}|bins:{self._bins}|v1", better="lower"), rule)

    def parts(
        self, true: str, found: str | None, extractor: Extractor, prediction: Prediction
    ) -> tuple[float, ...] | Failure:
        """The confidence and 1 or 0; an answer without a label is as sure as the likeliest label, and wrong."""
        shares = extractor.probabilities(prediction.label_logprobs or None)
        if shares is None or (found is not None and found not in shares):
            return NO_LIKELIHOODS
        return (shares[found] if found else max(shares.values())), float(found == true)

    def combine(self, parts: Array) -> Array:
        """The error in [0, 1] of `parts[..., n, 2]`; NaN where n is 0."""
        return calibration_error(parts, self._bins)


def _version(rule: LabelRule) -> str:
    """Of accuracy and macro-F1, which counted exact labels before these could have punctuation at their edges."""
    return "v2" if rule.signature == EXACT_LABEL else "v1"


def _spec(name: str, signature: str, better: Literal["higher", "lower"] = "higher") -> MetricSpec:
    return MetricSpec(name=name, unit="fraction", better=better, signature=signature)
