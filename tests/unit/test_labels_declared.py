"""Labels are extracted as a suite declares, and classification numbers are scikit-learn's."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    matthews_corrcoef,
    precision_recall_fscore_support,
)

from evalgate import plugins
from evalgate.core.data import Example, MetricUse, Task, TaskSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.labels import Extractor
from evalgate.core.prompts import LabelRule
from evalgate.core.results import Failure, Prediction, Score
from evalgate.stats import confusion
from evalgate.suite.labels import check_labels

PATTERN = r"class: (?P<answer>[a-z ]+)"
LABELS = ("delivery", "order status", "refund", "status")
EVERY = tuple(Example(id=f"train{label}", inputs={}, label=label) for label in LABELS)
ALL_METRICS = {
    "accuracy": {}, "macro_f1": {}, "micro_f1": {}, "weighted_f1": {}, "balanced_accuracy": {}, "mcc": {}, "ece": {},
    "class_precision": {"of": "refund"}, "class_recall": {"of": "refund"}, "class_f1": {"of": "refund"},
}  # fmt: skip


def task_of(rule: LabelRule | None = None, rows: tuple[Example, ...] = EVERY, **fields: Any) -> Task:
    uses = tuple(MetricUse(name=name, options=dict(options)) for name, options in ALL_METRICS.items())
    if rule is not None:
        fields["label"] = rule
    spec = TaskSpec(name="t", kind="classification", data="t", metrics=uses, **fields)
    return Task(spec=spec, splits={"heldout": rows})


def score(name: str, output: str | None, label: str | None, rule: LabelRule | None = None, **fields: Any) -> Score:
    task = task_of(rule)
    prediction = Prediction(example_id="e", system="s", task="t", output=output, **fields)
    metric = plugins.metric(MetricUse(name=name, options=dict(ALL_METRICS[name])), task.spec)
    return metric.score(Example(id="e", inputs={}, label=label), prediction, task)


def found(rule: LabelRule, output: str) -> str | Failure | None:
    return Extractor(rule, LABELS).label(output)


@pytest.mark.parametrize(
    ("rule", "output", "label"),
    [
        (LabelRule(), " Refund. ", "refund"),
        (LabelRule(), "a refund", None),
        (LabelRule(aliases={"money back": "refund"}), "Money  back!", "refund"),
        (LabelRule(aliases={"refund": "delivery"}), "refund", "refund"),
        (LabelRule(find="regex", pattern=PATTERN), "class: refund\nclass: order status", "order status"),
        (LabelRule(find="regex", pattern=PATTERN), "refund", None),
        (LabelRule(find="json_field", field="a.b"), '{"a": {"b": "Refund"}}', "refund"),
        (LabelRule(find="json_field", field="a.b"), '{"a": {"b": ["refund"]}}', None),
        (LabelRule(find="json_field", field="a.b"), '{"a": "refund"}', None),
        (LabelRule(find="json_field", field="a"), 'Sure: {"a": "refund"}', None),
        (LabelRule(find="json_field", field="a", aliases={"true": "refund", "2": "delivery"}), '{"a": true}', "refund"),
        (LabelRule(find="json_field", field="a", aliases={"true": "refund", "2": "delivery"}), '{"a": 2}', "delivery"),
        (LabelRule(find="last_label"), "no refund is asked for, only the order\nstatus.", "order status"),
        (LabelRule(find="last_label"), "the status: REFUND", "refund"),
        (LabelRule(find="last_label"), "refunded", None),
        (LabelRule(find="last_label", after="label:"), "a refund. Label: delivery", "delivery"),
        (LabelRule(find="last_label", after="label:"), "a refund", None),
        (LabelRule(find="last_label", after="label:"), "label: refund label:", None),
        (LabelRule(find="last_label", aliases={"1": "refund", "0": "delivery"}), "10 words of 1.0, label: 1", "refund"),
        (LabelRule(find="last_label", aliases={"1": "refund"}), "explained in 10 of 1.5", None),
    ],
)  # fmt: skip
def test_a_label_is_found_where_the_task_says(rule: LabelRule, output: str, label: str | None) -> None:
    assert found(rule, output) == label


def test_a_slow_regex_leaves_the_answer_unscored() -> None:
    rule = LabelRule(find="regex", pattern=r"(?P<answer>(a|aa)+)$x", timeout_s=0.05)
    row = score("macro_f1", "a" * 60 + "!", "refund", rule)
    assert row.failure == Failure(code="answer-timeout", message="the regex took longer than 0.05 s")
    assert (row.status, row.parts) == ("unscored", ())


def test_the_likeliest_label_and_its_probability() -> None:
    rule = LabelRule(find="likelihood")
    logprobs = {"refund": math.log(0.06), "delivery": math.log(0.02), "other": 0.0}
    assert score("accuracy", "", "refund", rule, label_logprobs=logprobs).parts == (1.0,)
    assert score("ece", "", "refund", rule, label_logprobs=logprobs).parts == pytest.approx((0.75, 1.0))
    assert score("ece", "", "delivery", rule, label_logprobs=logprobs).parts == pytest.approx((0.75, 0.0))


@pytest.mark.parametrize("logprobs", [None, {}, {"other": 0.0}, {"refund": math.nan}, {"refund": -math.inf}])
def test_no_likelihoods_leave_an_answer_unscored(logprobs: dict[str, float] | None) -> None:
    for name in ("accuracy", "ece"):
        row = score(name, "refund", "refund", LabelRule(find="likelihood"), label_logprobs=logprobs)
        assert row.failure == Failure(code="no-likelihoods", message="the backend gave no likelihoods of the labels")
    assert score("ece", "refund", "refund", label_logprobs=logprobs).status == "unscored"


@pytest.mark.parametrize("name", sorted(ALL_METRICS))
def test_an_example_without_a_label_is_unscored(name: str) -> None:
    for label in (None, "gift"):
        row = score(name, "refund", label, label_logprobs={"refund": 0.0})
        assert row.failure == Failure(code="no-label", message="the example has no label")


def test_every_metric_of_a_task_sees_the_same_label_and_says_so_in_its_signature() -> None:
    rule = LabelRule(find="last_label", after="label:")
    rows = [score(n, "x. label: refund", "status", rule, label_logprobs={"refund": -1.0}) for n in sorted(ALL_METRICS)]
    assert {row.detail for row in rows} == {"status\trefund"}
    task = task_of(rule)
    signatures = [plugins.metric(use, task.spec).spec.signature for use in task.spec.metrics]
    assert all(text.startswith("label:last_label:") for text in signatures)
    assert plugins.metric(MetricUse(name="accuracy"), task_of().spec).spec.signature == "label:exact|v2"
    assert plugins.metric(MetricUse(name="macro_f1"), task_of().spec).spec.signature == "label:exact|classes:true|v2"
    assert score("accuracy", "no idea", "refund").detail == "refund\t(none)"


pairs = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from((*LABELS, "no idea"))), min_size=1, max_size=25)


def combined(name: str, rows: list[tuple[str, str]], **fields: Any) -> float:
    examples = tuple(Example(id=str(i), inputs={}, label=t) for i, (t, _) in enumerate(rows))
    task = task_of(None, (*EVERY, *examples))
    metric = plugins.metric(MetricUse(name=name, options=dict(ALL_METRICS[name])), task.spec)
    answers = [Prediction(example_id=str(i), system="s", task="t", output=a) for i, (_, a) in enumerate(rows)]
    parts = [metric.score(e, p, task).parts for e, p in zip(examples, answers, strict=True)]
    return float(metric.combine(np.array(parts)))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(pairs)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_numbers_over_all_classes_equal_sklearns(rows: list[tuple[str, str]]) -> None:
    truth, answers = [t for t, _ in rows], [a for _, a in rows]
    present = sorted(set(truth))
    wanted = {
        "macro_f1": f1_score(truth, answers, labels=present, average="macro", zero_division=0),
        "weighted_f1": f1_score(truth, answers, labels=present, average="weighted", zero_division=0),
        "micro_f1": f1_score(truth, answers, labels=LABELS, average="micro", zero_division=0),
        "balanced_accuracy": balanced_accuracy_score(truth, answers),
        "mcc": matthews_corrcoef(truth, answers),
    }
    assert {name: combined(name, rows) for name in wanted} == pytest.approx(wanted, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_numbers_of_a_class_and_the_table_equal_sklearns(rows: list[tuple[str, str]]) -> None:
    truth, answers = [t for t, _ in rows], [a for _, a in rows]
    one = precision_recall_fscore_support(truth, answers, labels=["refund"], zero_division=0)
    for name, wanted in zip(("class_precision", "class_recall", "class_f1"), one, strict=False):
        assert combined(name, rows) == pytest.approx(wanted[0], abs=1e-12)
    indices = np.array([[LABELS.index(t), LABELS.index(a) if a in LABELS else -1] for t, a in rows], dtype=np.float64)
    table = confusion.counts(np.concatenate([indices, [[3.0, 3.0]]]))
    matrix = confusion_matrix([*truth, "status"], [*answers, "status"], labels=[*LABELS, "no idea"])
    assert table.hits.tolist() == matrix.diagonal()[:4].tolist()
    assert table.true.tolist() == matrix.sum(axis=1)[:4].tolist()
    assert table.predicted.tolist() == matrix.sum(axis=0)[:4].tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1000).map(lambda v: v / 1000), st.booleans()), min_size=1, max_size=40))
def test_the_calibration_error_is_that_of_sklearns_curve(rows: list[tuple[float, bool]]) -> None:
    metric = plugins.metric(MetricUse(name="ece", options={"bins": 8}))
    parts = np.array(rows, dtype=np.float64)
    right, sure = calibration_curve(parts[:, 1], parts[:, 0], n_bins=8, strategy="uniform")
    # scikit-learn gives an edge to the bin below it, which moves no probability that lies on none.
    n = np.bincount(np.clip((parts[:, 0] * 8).astype(int), 0, 7), minlength=8)
    if not np.isin(parts[:, 0] * 8, np.arange(1, 8)).any():
        assert float(metric.combine(parts)) == pytest.approx(np.abs(right - sure) @ n[n > 0] / n.sum(), abs=1e-12)
    assert 0 <= float(metric.combine(parts)) <= 1


@pytest.mark.parametrize("name", sorted(ALL_METRICS))
def test_many_resamples_are_combined_at_once_as_one_by_one(name: str) -> None:
    metric = plugins.metric(MetricUse(name=name, options=dict(ALL_METRICS[name])))
    draw = np.random.default_rng(3)
    width = 1 if name == "accuracy" else 2
    high = {"accuracy": 2, "ece": 2}.get(name, 2 if name.startswith("class_") else 4)
    parts = draw.integers(0, high, size=(3, 5, 12, width)).astype(np.float64)
    if name in ("macro_f1", "micro_f1", "weighted_f1", "balanced_accuracy", "mcc"):
        parts[..., 1] -= draw.integers(0, 2, size=(3, 5, 12)) * (parts[..., 1] + 1)  # some answers have no label
    singles = [[float(metric.combine(parts[i, j])) for j in range(5)] for i in range(3)]
    assert metric.combine(parts) == pytest.approx(np.array(singles), abs=1e-12)
    assert np.isnan(metric.combine(np.empty((4, 0, width)))).all()


def labels_error(task: TaskSpec, *labels: str) -> str:
    rows = tuple(Example(id=f"r{i}", inputs={"text": "x"}, label=label) for i, label in enumerate(labels))
    with pytest.raises(EvalgateError) as caught:
        check_labels(Path("suite"), task, {"heldout": rows})
    return str(caught.value)


def test_a_row_whose_label_is_not_declared_cannot_be_frozen() -> None:
    spec = task_of(LabelRule(labels=("delivery", "refund"))).spec
    assert labels_error(spec, "refund", "gift") == (
        "error[unknown-label]: the label 'gift' is not among `labels` of task 't'\n"
        "  at: suite/t/heldout.jsonl:2 (id 'r1')\n\n"
        "hint: use one of: delivery, refund"
    )


def test_an_alias_and_a_metric_of_no_label_cannot_be_frozen() -> None:
    spec = task_of(LabelRule(aliases={"money": "refnd"})).spec
    assert "the alias 'money' of task 't' stands for 'refnd', which is no label" in labels_error(
        spec, "refund", "status"
    )
    assert "t.class_precision is of 'refund', which is no label" in labels_error(task_of().spec, "a", "b")


def test_declared_labels_are_the_tasks() -> None:
    assert task_of(LabelRule(labels=("b", "a"))).labels == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "options", "what"),
    [
        ("accuracy", {"of": "a"}, "the metric accuracy has no option 'of'"),
        ("class_f1", {}, "the metric class_f1 needs the option 'of'"),
        ("class_f1", {"of": 3}, "the option 'of' of the metric class_f1 is 3, not a text"),
        ("ece", {"bins": 0}, "the option 'bins' of the metric ece is 0"),
    ],
)
def test_options_are_never_ignored(name: str, options: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError) as caught:
        plugins.metric(MetricUse(name=name, options=options))
    assert (caught.value.what, caught.value.code) == (what, "bad-metric-option")


def test_a_wrong_option_whole_text() -> None:
    with pytest.raises(UsageError) as caught:
        plugins.metric(MetricUse(name="ece", options={"bin": 3}))
    assert str(caught.value) == (
        "error[bad-metric-option]: the metric ece has no option 'bin'\n\n"
        "hint: did you mean 'bins'?; metrics and their options stand in docs/metrics.md"
    )
