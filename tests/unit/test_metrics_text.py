"""Numbers in answers, diagnostics, options, and what is refused before it could be scored."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from evalgate import plugins
from evalgate.core.data import Example, GateSpec, MetricUse, ModelSpec, Suite, SuiteSpec, Task, TaskSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.numbers import numbers_in
from evalgate.core.results import Failure, Prediction, Score
from evalgate.feasibility import refuse_unfit_metrics
from evalgate.suite.formats import read_examples


def ask(name: str, output: str, *references: str, text: str = "", **options: Any) -> Score:
    task = Task(spec=TaskSpec(name="t", kind="qa", data="t", metrics=()), splits={})
    example = Example(id="e", inputs={"text": text}, references=references)
    metric = plugins.metric(MetricUse(name=name, options=options))
    return metric.score(example, Prediction(example_id="e", system="s", task="t", output=output), task)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("42", ["42"]),
        ("It costs $1,234.50.", ["1234.50"]),
        ("1'234'567 or 1_000 or 1\u202f000", ["1234567", "1000", "1000"]),
        ("-5, +5 and \u22125", ["-5", "5", "-5"]),
        ("-$5", ["-5"]),
        ("pages 10-12", ["10", "12"]),
        (".5 and 5.", ["0.5", "5"]),
        ("12% and 12.5 %", ["0.12", "0.125"]),
        ("1e3 and 2.5E-2", ["1e3", "0.025"]),
        ("1,2,3", []),
        ("3,5", []),
        ("1,23,456", []),
        ("3.12.2024 and 1.2.3", []),
        ("5kg, 10k, 3rd, A4, x2", []),
        ("forty-two, NaN, Infinity, \u0663\u0664, ½", []),
        ("", []),
        ("9" * 401, []),
    ],
)
def test_the_numbers_of_a_text(text: str, numbers: list[str]) -> None:
    assert numbers_in(text) == [Decimal(n) for n in numbers]


@pytest.mark.parametrize(
    ("output", "reference", "options", "right"),
    [
        ("So it is 42.", "42", {}, 1.0),
        ("42 of 50", "42", {}, 0.0),
        ("42 of 50", "42", {"extract": "first"}, 1.0),
        ("42 of 50", "42", {"extract": "whole"}, 0.0),
        (" $42. ", "42", {"extract": "whole"}, 1.0),
        (".5", "0.5", {"extract": "whole"}, 1.0),
        ("1,000", "1000.0", {}, 1.0),
        ("12%", "0.12", {}, 1.0),
        ("12", "12%", {}, 0.0),
        ("1.1", "1.0", {"tolerance": 0.1}, 1.0),
        ("1.1000001", "1.0", {"tolerance": 0.1}, 0.0),
        ("103", "100", {"relative": 0.03}, 1.0),
        ("104", "100", {"relative": 0.03}, 0.0),
        ("-97", "-100", {"relative": 0.03}, 1.0),
        ("0.001", "0", {"relative": 0.5}, 0.0),
        ("104", "100", {"relative": 0.03, "tolerance": 4}, 1.0),
        ("0.3", "0.30000000000000004", {}, 0.0),
    ],
)
def test_a_number_is_right_within_its_tolerance(
    output: str, reference: str, options: dict[str, Any], right: float
) -> None:
    assert ask("numeric_match", output, reference, **options).parts == (right,)


def test_words_are_no_number_and_said_to_be_none() -> None:
    score = ask("numeric_match", "forty-two", "42")
    assert (score.status, score.parts, score.detail) == ("scored", (0.0,), "no-number")
    assert ask("numeric_match", "43", "42", "43").parts == (1.0,)


NEED_REFERENCES = ["rouge_lsum", "bleu", "chrf", "exact_match", "token_f1", "numeric_match", "length_ratio"]


@pytest.mark.parametrize("name", NEED_REFERENCES)
def test_without_references_nothing_is_measured(name: str) -> None:
    score = ask(name, "x")
    assert (score.status, score.parts) == ("unscored", ())
    assert score.failure == Failure(code="no-reference", message="the example has no reference to compare with")


@pytest.mark.parametrize(
    ("name", "output", "text", "parts", "detail"),
    [
        ("novel_ngrams", "the cat sat", "The cat sat down.", (0.0,), None),
        ("novel_ngrams", "the dog sat", "the cat sat", (1.0,), None),
        ("novel_ngrams", "the cat ran", "the cat sat", (0.5,), None),
        ("novel_ngrams", "cat", "the cat sat", (0.0,), "no-ngrams"),
        ("copied_span", "The cat sat!", "the cat sat down", (1.0,), "3"),
        ("copied_span", "a dog and the cat", "the cat sat", (0.4,), "2"),
        ("copied_span", "", "the cat sat", (0.0,), "0"),
        ("copied_span", "猫 犬", "犬 猫 犬", (1.0,), "2"),
        ("copied_span", "x y", "", (0.0,), "0"),
    ],
)
def test_what_of_an_answer_is_copied(
    name: str, output: str, text: str, parts: tuple[float, ...], detail: str | None
) -> None:
    score = ask(name, output, "x", text=text)
    assert (score.parts, score.detail) == (parts, detail)


def test_the_length_ratio_is_of_all_words_together() -> None:
    assert ask("length_ratio", "one two three", "one two", "one two three four five").parts == (3.0, 2.0)
    metric = plugins.metric(MetricUse(name="length_ratio"))
    assert (metric.spec.unit, metric.spec.better) == ("ratio", "neither")


@pytest.mark.parametrize(
    ("name", "options", "what", "fix"),
    [
        ("rouge_l", {"stemer": True}, "the metric rouge_l has no option 'stemer'", "did you mean 'stemmer'?"),
        ("rouge_l", {"stemmer": "yes"}, "the option 'stemmer' of the metric rouge_l is 'yes'", "write true or false"),
        ("exact_match", {"x": 1}, "the metric exact_match has no option 'x'", "it has none"),
        (
            "bleu",
            {"tokenize": "ja-mecab"},
            "the option 'tokenize' of the metric bleu is 'ja-mecab'",
            "write one of: 13a, intl, char, zh, none",
        ),
        ("chrf", {"word_order": 3}, "the option 'word_order' of the metric chrf is 3", "write a whole number, 0 to 2"),
        (
            "numeric_match",
            {"tolerance": -1},
            "the option 'tolerance' of the metric numeric_match is -1",
            "write a number of at least 0",
        ),
    ],
)
def test_an_option_that_means_nothing_is_refused(name: str, options: dict[str, Any], what: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        plugins.metric(MetricUse(name=name, options=options))
    page = "metrics and their options stand in docs/metrics.md"
    assert str(caught.value) == f"error[bad-metric-option]: {what}\n\nhint: {fix}; {page}"


@pytest.mark.parametrize(
    ("row", "metric", "code", "what"),
    [
        ('{"references": []}', "bleu", "missing-reference", "the metric bleu needs a reference, this row has none"),
        ('{"references": [" "]}', "chrf", "missing-reference", "reference 1 is empty: an empty answer would be right"),
        ('{"references": null}', "chrf", "wrong-type", "Expected 'array', got 'null' - at '$.references'"),
        ('{"references": [null]}', "rouge_lsum", "wrong-type", "Expected 'str', got 'null' - at '$.references[0]'"),
        (
            '{"references": ["forty"]}', "numeric_match", "bad-reference",
            "the metric numeric_match needs a number, the reference 'forty' has none",
        ),
    ],
)  # fmt: skip
def test_wrong_references_are_refused_before_anything_is_scored(
    tmp_path: Path, row: str, metric: str, code: str, what: str
) -> None:
    path = tmp_path / "heldout.jsonl"
    path.write_text('{"id": "a", "inputs": {"text": "x"}, ' + row[1:] + "\n")
    spec = TaskSpec(name="t", kind="generation", data="t", metrics=(MetricUse(name=metric),))
    with pytest.raises(EvalgateError) as caught:
        read_examples(path, spec)
    assert (caught.value.code, caught.value.what) == (code, what)
    assert caught.value.where == f"{path}:1 (id 'a')"


def suite_of(*metrics: str, gate: str) -> Suite:
    task = TaskSpec(name="t", kind="qa", data="t", metrics=tuple(MetricUse(name=name) for name in metrics))
    policy = (GateSpec(name="echo", metric=f"t.{gate}", rule="at_most", limit=0.5),)
    spec = SuiteSpec(name="desk", version=1, model=ModelSpec(id="m"), tasks=(task,), gates=policy)
    return Suite(spec=spec, folder="desk", tasks={}, digest="", data_digest="")


def test_a_diagnostic_cannot_gate_whole_text() -> None:
    with pytest.raises(UsageError) as caught:
        refuse_unfit_metrics(suite_of("rouge_l", "copied_span", gate="copied_span"))
    assert str(caught.value) == (
        "error[cannot-gate]: gate 'echo' judges t.copied_span, which is a diagnostic: neither more nor less of it is "
        "better\n  at: desk/suite.yaml\n\nhint: gate on one of: t.rouge_l"
    )


def test_a_diagnostic_cannot_rank_whole_text() -> None:
    with pytest.raises(UsageError) as caught:
        refuse_unfit_metrics(suite_of("copied_span", "rouge_l", gate="rouge_l"))
    assert str(caught.value) == (
        "error[cannot-rank]: task 't' ranks systems by its first metric, copied_span, which is a diagnostic\n"
        "  at: desk/suite.yaml\n\nhint: put a metric first of which more or less is better, such as rouge_l"
    )


@pytest.mark.parametrize("name", ["bleu", "chrf"])
def test_a_score_of_the_whole_corpus_cannot_gate(name: str) -> None:
    with pytest.raises(UsageError, match="not a mean of one fraction for each example"):
        refuse_unfit_metrics(suite_of("rouge_l", name, gate=name))
