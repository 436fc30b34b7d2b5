"""Scores of parts of a task: which parts there are, their numbers, and what the report says of many looks."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from fixtures_report import build_run
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate import plugins
from evalgate.config.load import load_suite_spec
from evalgate.core.data import Example, MetricUse, SliceSpec
from evalgate.core.errors import UsageError
from evalgate.core.results import Failure, Score
from evalgate.judging import metrics_of
from evalgate.report.html import render_html
from evalgate.report.slices import many_looks, places_in, slices_view
from evalgate.slices import MAX_SLICES, score_slices, slice_table, slices_of
from evalgate.stats.interval import estimate_scores

EXAMPLES = [
    Example(
        id=str(i),
        inputs={"text": "word " * (i + 1)},
        label="ab"[i % 2],
        cluster=f"c{i // 3}",
        tags=("all", *(["even"] if i % 2 == 0 else [])),
    )
    for i in range(12)
]


def row(i: int, value: float | None) -> Score:
    score = Score(example_id=str(i), system="s", task="t", metric="accuracy", parts=(value or 0.0,))
    missing = {"status": "unscored", "parts": (), "failure": Failure(code="no-output")}
    return score if value is not None else msgspec.structs.replace(score, **missing)


def test_the_parts_of_a_task() -> None:
    found = slices_of(EXAMPLES, ("tag", "label", "cluster", "length"))
    assert found["tag", "even"] == {"0", "2", "4", "6", "8", "10"}
    assert ("tag", "all") not in found
    assert found["label", "b"] == {"1", "3", "5", "7", "9", "11"}
    assert found["cluster", "c3"] == {"9", "10", "11"}
    lengths = {name: sorted(map(int, ids)) for (by, name), ids in found.items() if by == "length"}
    assert lengths == {"words: up to 4": [0, 1, 2, 3], "words: 5 to 8": [4, 5, 6, 7], "words: over 8": [8, 9, 10, 11]}


def test_small_parts_are_left_out_and_of_many_the_largest_stay() -> None:
    many = [Example(id=str(i), inputs={}, cluster=f"c{min(i // 2, 60)}") for i in range(200)]
    assert not slices_of(EXAMPLES, ("cluster",), min_n=4)
    found = slices_of(many, ("cluster",))
    assert len(found) == MAX_SLICES
    assert ("cluster", "c60") in found
    assert slices_of([], ("tag", "length")) == {}
    assert slices_of([msgspec.structs.replace(e, inputs={"text": "x"}) for e in EXAMPLES], ("length",)) == {}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0.0, 1.0, None])), min_size=1, max_size=30))
def test_a_part_has_the_number_that_its_rows_alone_have(rows: list[tuple[str, float | None]]) -> None:
    examples = [Example(id=str(i), inputs={}, tags=(tag,)) for i, (tag, _) in enumerate(rows)]
    metric = plugins.metric(MetricUse(name="accuracy"))
    found = score_slices([row(i, v) for i, (_, v) in enumerate(rows)], metric, slices_of(examples, ("tag",)))
    tags = {tag for tag, _ in rows}
    alone = {t: estimate_scores([row(i, v) for i, (tag, v) in enumerate(rows) if tag == t], metric) for t in tags}
    wanted = {} if len(tags) == 1 else {t: estimate for t, estimate in alone.items() if estimate is not None}
    assert {part.slice: part.estimate for part in found} == wanted


def test_a_corpus_metric_can_be_sliced() -> None:
    parts = np.random.default_rng(1).integers(1, 9, size=(12, 2)).astype(float)
    rows = [
        Score(example_id=str(i), system="s", task="t", metric="length_ratio", parts=tuple(both))
        for i, both in enumerate(parts)
    ]
    metric = plugins.metric(MetricUse(name="length_ratio"))
    by_label = {part.slice: part.estimate for part in score_slices(rows, metric, slices_of(EXAMPLES, ("label",)))}
    assert by_label["a"].value == pytest.approx(parts[::2, 0].sum() / parts[::2, 1].sum())
    assert by_label["a"].n == 6


def test_a_run_is_sliced_by_what_its_suite_declares_else_by_tag_and_label() -> None:
    data = build_run(40, hostile=False)
    tasks = tuple(
        msgspec.structs.replace(t, slices=SliceSpec(by=("length",), metrics=("exact_match",), min_n=2))
        if t.name == "policy_qa"
        else t
        for t in data.run.suite.tasks
    )
    suite = msgspec.structs.replace(data.run.suite, tasks=tasks)
    data = msgspec.structs.replace(data, run=msgspec.structs.replace(data.run, suite=suite))
    found = slice_table(data, metrics_of(data))
    kinds = {(part.task, part.by, part.metric) for part in found}
    assert ("policy_qa", "length", "exact_match") in kinds
    assert ("route", "label", "accuracy") in kinds
    assert not {by for task, by, _ in kinds if task == "policy_qa"} - {"length"}
    assert all(part.estimate.low <= part.estimate.value <= part.estimate.high for part in found)


def test_many_slices_are_many_looks_in_words() -> None:
    assert many_looks(240) == (
        "Many slices are many looks: of these 240 intervals at 95% about 12 of them miss the truth by chance alone, "
        "and the best and the worst slice are the likeliest to. Slices do not gate: what one of them suggests needs a "
        "held-out set of its own."
    )
    assert "one of them may well miss" in many_looks(6)


def test_the_page_shows_slices_with_the_warning() -> None:
    data = build_run(40)
    assert data.decision is not None
    assert 'id="slices"' not in render_html(data)
    parts = slice_table(data, metrics_of(data))
    page = render_html(msgspec.structs.replace(data, decision=msgspec.structs.replace(data.decision, slices=parts)))
    assert many_looks(len(parts)) in page
    assert "Slices of route" in page
    assert all(f'data-task="route" data-label="{label}">{label}</button>' in page for label in ("refund", "setup"))


SLICED = """\
name: desk
version: 1
model: models/tiny
tasks:
  route: {kind: classification, metrics: [accuracy, macro_f1], slices: {by: [label, length], metrics: [macro_f1]}}
  reply: {kind: generation, metrics: [rouge_l]}
gates:
  - {name: routing, metric: route.accuracy, rule: at_least, limit: 0.9}
"""


def test_slices_are_declared_in_the_suite(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(SLICED)
    route, reply = load_suite_spec(tmp_path).tasks
    assert route.slices == SliceSpec(by=("label", "length"), metrics=("macro_f1",))
    assert not reply.slices and b"slices" not in msgspec.json.encode(reply)


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ("[macro_f1]}", "[macro_f2]}", "metrics[0]", "'route' has no metric 'macro_f2'; did you mean 'macro_f1'?"),
        ("[label, length]", "[lable]", "by[0]", "'lable' is not allowed; did you mean 'label'?"),
    ],
)
def test_a_slice_of_nothing_is_refused(tmp_path: Path, old: str, new: str, where: str, what: str) -> None:
    (tmp_path / "suite.yaml").write_text(SLICED.replace(old, new))
    with pytest.raises(UsageError) as caught:
        load_suite_spec(tmp_path)
    assert f"tasks.route.slices.{where}: {what}" in str(caught.value)


def test_names_of_lengths_stand_from_short_to_long() -> None:
    data = build_run(40)
    assert data.decision is not None
    tasks = tuple(
        msgspec.structs.replace(t, slices=SliceSpec(by=("length", "tag"), min_n=1)) for t in data.run.suite.tasks
    )
    run = msgspec.structs.replace(data.run, suite=msgspec.structs.replace(data.run.suite, tasks=tasks))
    data = msgspec.structs.replace(data, run=run)
    decision = msgspec.structs.replace(data.decision, slices=slice_table(data, metrics_of(data)))
    table = slices_view(msgspec.structs.replace(data, decision=decision))["tables"][0]
    assert [row["kind"] for row in table["rows"]] == ["tag", "length", "length", "length"]
    starts = [row["slice"].removeprefix("words: ").split()[0] for row in table["rows"][1:]]
    assert (starts[0], starts[2]) == ("up", "over")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1500), st.sampled_from(["c1", "c2", "words: over 3", None])), min_size=1, max_size=30
    )
)
def test_the_page_puts_an_example_into_the_parts_that_the_table_has(rows: list[tuple[int, str | None]]) -> None:
    examples = [Example(id=str(i), inputs={"text": "w " * n}, cluster=c) for i, (n, c) in enumerate(rows)]
    found = slices_of(examples, ("length", "cluster"))
    parts = [*found]
    members = {part: {e.id for e in examples if at in places_in(parts, e)} for at, part in enumerate(parts)}
    assert members == found
