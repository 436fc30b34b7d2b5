"""No metric raises, or gives a number that is none, for anything that a model may write."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate import plugins
from evalgate.core.data import Example, MetricUse, Task, TaskSpec
from evalgate.core.results import Prediction, Score

SCHEMA: dict[str, object] = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
# What needs a model's files is checked with one of its own.
NAMES = [name for name in plugins.metric_names() if name != "bert_score"]
OPTIONS: dict[str, dict[str, str | int | float | bool | list[str]]] = {
    "regex_match": {"pattern": "A[0-9]"},
    "markdown_structure": {"sections": ["# Order"]},
    **{f"class_{kind}": {"of": "refund"} for kind in ("precision", "recall", "f1")},
}
TASK = TaskSpec(name="t", kind="qa", data="t", metrics=())
OBJECTS = {name for name in NAMES if name.startswith("field_") or name == "exact_object"}
PIECES = [
    *("", " ", "\n", "\t", "\x00", "\ud800", "\udfff", "\ufeff", "\u202e", "\u2066", "\u3000", "e\u0301"),
    *("\u05db\u05ea\u05d1", "\u0643\u062a\u0627\u0628", "\U0001f600", "\U0001f469\u200d\U0001f467"),
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-0",
        "forty-two",
        "\u0661\u0662",
        "\u00bd",
        "1,2,3",
        "refund",
        "Refund.",
    ),
    *(
        '{"order": NaN}',
        '{"order": "A1"}',
        '{"order": Infinity}',
        "{",
        "}",
        "[",
        '"',
        "```json",
        "\\u0000",
        "&#0;",
        "%",
    ),
]
outputs = st.text(st.characters(), max_size=30) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def ask(name: str, output: str | None) -> Score:
    references = ('{"order": "A1"}',) if name in OBJECTS else ("42", "refund the cat\nat 12%")
    example = Example(id="e", inputs={"text": "refund the cat"}, references=references, label="refund")
    task = Task(spec=TASK, splits={"heldout": (example,)}, schema=SCHEMA)
    status = "ok" if output is not None else "error"
    prediction = Prediction(example_id="e", system="s", task="t", output=output, status=status)  # type: ignore[arg-type]
    return plugins.metric(MetricUse(name=name, options=OPTIONS.get(name, {})), TASK).score(example, prediction, task)


def check(name: str, output: str) -> None:
    score = ask(name, output)
    if score.status == "unscored":
        assert score.parts == () and score.failure is not None
        return
    assert score.parts and all(math.isfinite(part) for part in score.parts)
    metric = plugins.metric(MetricUse(name=name, options=OPTIONS.get(name, {})), TASK)
    value = float(metric.combine(np.array([score.parts])))
    if metric.spec.unit == "fraction":
        assert 0 <= value <= 1 + 1e-12 or math.isnan(value)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(outputs)
def test_any_output_is_scored_or_says_why_not(name: str, output: str) -> None:
    check(name, output)


@pytest.mark.parametrize("name", NAMES)
def test_no_output_is_unscored(name: str) -> None:
    assert ask(name, None).status == "unscored"


MEGABYTE_OF = ["a", "word ", "refund the cat ", "1 ", "{", "\n", "a\n", "\U0001f600", "\ud800", '{"order": ']


# Every metric with a fifth of the texts: all pairs take minutes.
PAIRS = [(name, unit) for i, name in enumerate(NAMES) for j, unit in enumerate(MEGABYTE_OF) if (i + j) % 5 == 0]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "unit"), PAIRS)
def test_a_megabyte_takes_seconds_and_not_minutes(name: str, unit: str) -> None:
    start = time.process_time()
    check(name, unit * (1_000_000 // len(unit)))
    assert time.process_time() - start < 20
