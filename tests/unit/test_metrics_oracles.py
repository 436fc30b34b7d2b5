"""Every metric against the library or the table that defines it."""

import json
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import accuracy_score, f1_score

from evalgate import plugins
from evalgate.core.data import Example, MetricUse, Task, TaskSpec
from evalgate.core.metric_kinds import JSON_METRICS
from evalgate.core.results import Failure, Prediction, Score
from evalgate.metrics.safety import is_refusal
from evalgate.testing import check_metric

LABELS = ("delivery", "refund", "warranty")
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "order": {"type": "string", "pattern": "^[A-Z][0-9]+$"},
        "urgent": {"type": "boolean"},
        "kind": {"enum": ["refund", "repair"]},
        "n": {"type": "integer", "minimum": 1},
    },
    "required": ["order"],
    "additionalProperties": False,
}


def task_of(metrics: list[str], **fields: Any) -> Task:
    spec = TaskSpec(name="t", kind="qa", data="t", metrics=tuple(MetricUse(name=m) for m in metrics))
    return Task(spec=spec, **{"splits": {}, **fields})


def ask(name: str, output: str | None, example: Example, task: Task, **options: Any) -> Score:
    metric = plugins.metric(MetricUse(name=name, options=options))
    status = "ok" if output is not None else "error"
    prediction = Prediction(example_id=example.id, system="s", task="t", output=output, status=status)  # type: ignore[arg-type]
    return metric.score(example, prediction, task)


def value(name: str, output: str, *references: str, schema: dict[str, object] | None = None, **options: Any) -> float:
    example = Example(id="e", inputs={}, references=references)
    return ask(name, output, example, task_of([name], schema=schema), **options).parts[0]


words = st.lists(
    st.sampled_from(["the", "a", "cat", "cats", "running", "ran", "Run,", "sofa's", "delivered", "12", "café"]),
    max_size=12,
).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(words, st.lists(words, min_size=1, max_size=3), st.booleans())
def test_rouge_equals_googles(output: str, references: list[str], stemmer: bool) -> None:
    kinds = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}
    scorer = RougeScorer(list(kinds.values()), use_stemmer=stemmer)
    for mine, theirs in kinds.items():
        wanted = max(scorer.score(r, output)[theirs].fmeasure for r in references)
        assert value(mine, output, *references, stemmer=stemmer) == wanted


truths_and_answers = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from((*LABELS, "no idea"))), min_size=1, max_size=25
)


@settings(max_examples=60, deadline=None)
@given(truths_and_answers)
def test_accuracy_and_macro_f1_equal_sklearns(pairs: list[tuple[str, str]]) -> None:
    examples = [Example(id=str(i), inputs={}, label=t) for i, (t, _) in enumerate(pairs)]
    every = tuple(Example(id=f"train{label}", inputs={}, label=label) for label in LABELS)
    task = task_of(["accuracy"], splits={"train": every, "heldout": tuple(examples)})
    truth, answers = [t for t, _ in pairs], [a for _, a in pairs]
    for name, wanted in (
        ("accuracy", accuracy_score(truth, answers)),
        ("macro_f1", f1_score(truth, answers, labels=sorted(set(truth)), average="macro", zero_division=0)),
    ):
        parts = [ask(name, a, e, task).parts for e, a in zip(examples, answers, strict=True)]
        combined = plugins.metric(MetricUse(name=name)).combine(np.array(parts))
        assert float(combined) == pytest.approx(wanted, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_macro_f1_of_a_batch_is_sklearns_of_each(data: st.DataObject) -> None:
    b, n, k = (data.draw(st.integers(1, high)) for high in (5, 20, 4))
    pair = st.tuples(st.integers(0, k - 1), st.integers(-1, k - 1))
    rows = data.draw(st.lists(st.lists(pair, min_size=n, max_size=n), min_size=b, max_size=b))
    parts = np.array(rows, dtype=np.float64)
    metric = plugins.metric(MetricUse(name="macro_f1"))
    wanted = [f1_score(p[:, 0], p[:, 1], labels=sorted(set(p[:, 0])), average="macro", zero_division=0) for p in parts]
    assert metric.combine(parts) == pytest.approx(wanted, abs=1e-12)
    assert metric.combine(parts[:, None]).shape == (b, 1)
    assert np.isnan(metric.combine(np.empty((b, 0, 2)))).all()


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("refund", "refund"),
        (" Refund.\n", "refund"),
        ('"REFUND"', "refund"),
        ("refund please", None),
        ("refunds", None),
        ("", None),
        ("delivery refund", None),
    ],
)
def test_a_label_is_the_whole_answer_or_none(answer: str, label: str | None) -> None:
    example = Example(id="e", inputs={}, label="refund")
    score = ask("accuracy", answer, example, task_of(["accuracy"], splits={"heldout": (example,)}))
    assert score.parts == (float(label == "refund"),)
    assert score.detail == f"refund\t{label or '(none)'}"


# Worked by hand from the official SQuAD 1.1 evaluation script's definitions.
SQUAD = [
    ("30 days", ["30 days"], 1.0, 1.0),
    ("The 30 days.", ["30 days"], 1.0, 1.0),
    ("within 30 days", ["30 days"], 0.0, 0.8),
    ("30", ["30 days"], 0.0, 2 / 3),
    ("14 days", ["30 days"], 0.0, 0.5),
    ("never", ["30 days"], 0.0, 0.0),
    ("30 days", ["never", "thirty days", "30 Days!"], 1.0, 1.0),
    ("days days", ["days 30"], 0.0, 0.5),
    ("", ["30 days"], 0.0, 0.0),
    ("the", ["a"], 1.0, 1.0),
    ("x-ray", ["xray"], 1.0, 1.0),
]


@pytest.mark.parametrize(("answer", "references", "exact", "f1"), SQUAD)
def test_short_answers_as_in_squad(answer: str, references: list[str], exact: float, f1: float) -> None:
    assert value("exact_match", answer, *references) == exact
    assert value("token_f1", answer, *references) == pytest.approx(f1, abs=1e-15)


objects = st.fixed_dictionaries(
    {},
    optional={
        "order": st.sampled_from(["A1", "a1", 7, None]),
        "urgent": st.sampled_from([True, "yes"]),
        "kind": st.sampled_from(["refund", "other"]),
        "n": st.sampled_from([0, 1, 1.5]),
        "extra": st.just(1),
    },
)


@settings(max_examples=100, deadline=None)
@given(objects)
def test_json_valid_is_jsonschemas_verdict(made: dict[str, Any]) -> None:
    wanted = jsonschema.Draft202012Validator(SCHEMA).is_valid(made)
    assert value("json_valid", json.dumps(made), schema=SCHEMA) == float(wanted)


@pytest.mark.parametrize(
    ("output", "word"),
    [
        ('{"order": "A1"}', None),
        (' {"order": "A1"}\n', None),
        ('{"urgent": true}', "missing-key"),
        ('{"order": "A1", "colour": 1}', "extra-key"),
        ('{"order": 1}', "wrong-type"),
        ('{"order": "A1", "kind": "gift"}', "not-in-enum"),
        ('{"order": "x"}', "pattern"),
        ('{"order": "A1", "n": 0}', "minimum"),
        ("[]", "wrong-type"),
        ('```json\n{"order": "A1"}\n```', "fence"),
        ('Here you are: {"order": "A1"}', "prose-around"),
        ('{"order": "A1"} Anything else?', "prose-around"),
        ('{"order": "A1"', "truncated"),
        ('{"order": "A', "truncated"),
        ("{'order': 'A1'}", "not-json"),
        ("no ticket", "not-json"),
        ("", "not-json"),
        ('{"order": NaN}', "not-json"),
        ('{"order": "A1", "order": "A2"}', "duplicate-key"),
        ('{"order": "' + "A" * 100_000 + '"}', "too-long"),
    ],
)
def test_what_is_wrong_with_an_object_has_a_word(output: str, word: str | None) -> None:
    score = ask("json_valid", output, Example(id="e", inputs={}), task_of(["json_valid"], schema=SCHEMA))
    assert (score.parts, score.detail) == ((float(word is None),), word)


@pytest.mark.parametrize(
    ("output", "reference", "f1", "exact"),
    [
        ('{"a": 1, "b": "x"}', '{"b": "x", "a": 1}', 1.0, 1.0),
        ('{"a": 1}', '{"a": 1, "b": "x"}', 2 / 3, 0.0),
        ('{"a": "1"}', '{"a": 1}', 0.0, 0.0),
        ('{"a": true}', '{"a": 1}', 0.0, 0.0),
        ('{"a": 1.0}', '{"a": 1}', 0.0, 0.0),
        ('{"a": [1, 2]}', '{"a": [2, 1]}', 1.0, 0.0),
        ('{"a": []}', "{}", 1.0, 0.0),
        ('{"a": {"b": 1}}', '{"a.b": 1}', 1.0, 0.0),
        ("{}", "{}", 1.0, 1.0),
        ("none", '{"a": 1}', 0.0, 0.0),
    ],
)
def test_fields_are_compared_with_their_types(output: str, reference: str, f1: float, exact: float) -> None:
    assert value("field_f1", output, reference) == pytest.approx(f1)
    assert value("exact_object", output, reference) == exact


@pytest.mark.parametrize("depth", [*range(700, 1001, 20), 2000, 20_000])
def test_no_depth_of_nesting_stops_a_metric(depth: int) -> None:
    for name in ("json_valid", "field_f1", "exact_object"):
        for text in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
            assert value(name, text, '{"a": 1}', schema=SCHEMA) == 0.0


REFUSALS = [
    "I can't help with that.",
    "I can’t help with that.",
    "Sorry, I cannot share a customer's address.",
    "I'm sorry, but I can’t do that.",
    "I am unable to do this for you.",
    "I’m not able to give out passwords.",
    "We won't help with fake receipts.",
    "I must decline.",
    "I’m afraid that is not possible.",
    "That is not something I can help with.",
    "No help from me on this.",
    "Hello! Thank you for writing to us today. I will not do this.",
]
ANSWERS = [
    "Sure, here is how.",
    "You can return it within 30 days.",
    "I can help with that.",
    "Sorry for the delay! Your parcel arrives today.",
    "It can't be returned after 30 days.",
    "The refund was not sent.",
    "",
    "Here is the list. " * 12 + "I can't say more.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals_are_seen(text: str) -> None:
    assert is_refusal(text)
    assert value("refusal_rate", text) == 1.0


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_are_no_refusals(text: str) -> None:
    assert not is_refusal(text)
    assert value("refusal_rate", text) == 0.0


NEEDED: dict[str, dict[str, Any]] = {
    "class_precision": {"of": "refund"},
    "class_recall": {"of": "refund"},
    "class_f1": {"of": "refund"},
    "regex_match": {"pattern": "a+"},
    "markdown_structure": {"sections": ["# a"]},
}


@pytest.mark.parametrize("name", [name for name in plugins.metric_names() if name != "bert_score"])
def test_every_built_in_metric_keeps_the_protocol(name: str) -> None:
    example = Example(id="e", inputs={"text": "x"}, references=('{"order": "A1"}', "refund"), label="refund")
    if name in JSON_METRICS:
        example = Example(id="e", inputs={"text": "x"}, references=('{"order": "A1"}',))
    metric = plugins.metric(MetricUse(name=name, options=NEEDED.get(name, {})))
    assert metric.spec.name == name
    check_metric(metric, example, task_of([name], splits={"heldout": (example,)}, schema=SCHEMA))


@pytest.mark.parametrize("name", [name for name in plugins.metric_names() if name != "bert_score"])
def test_a_missing_answer_is_unscored_with_the_backends_reason(name: str) -> None:
    example = Example(id="e", inputs={}, references=("x",), label="refund", cluster="c")
    task = task_of([name], splits={"heldout": (example,)})
    score = ask(name, None, example, task, **NEEDED.get(name, {}))
    assert (score.status, score.parts, score.cluster) == ("unscored", (), "c")
    assert score.failure == Failure(code="no-output", message="the system gave no answer")
