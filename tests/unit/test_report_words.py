"""The report's words: names, times, texts without spaces, what was not measured, what a comparison may not claim."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fixtures_report import build_run

from evalgate.core.data import ModelSpec
from evalgate.report import render_html, render_markdown
from evalgate.report.evidence import word_diff
from evalgate.report.html import ticks
from evalgate.report.phrases import phrase_changes
from evalgate.report.view import decision_view
from evalgate.report.words import middle, moment
from evalgate.store import RunData


@pytest.fixture(scope="module")
def data() -> RunData:
    return build_run(40)


def less(data: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(data, **changes)


def test_texts_without_spaces_are_compared_character_by_character() -> None:
    assert word_diff("客户要求退款,OK。", "客户希望退款。") == [
        ("same", "客户"),
        ("lost", "要求"),
        ("gained", "希望"),
        ("same", "退款"),
        ("lost", ",OK"),
        ("same", "。"),
    ]
    assert phrase_changes("客户要求退款 today", "客户", "要求退款 Today") == (["要求退款 today"], ["客户"])


def test_long_names_keep_both_ends_and_times_are_told_to_the_minute() -> None:
    assert middle("a" * 30) == "a" * 30
    assert middle("start_" + "x" * 80 + "_of_the_end") == "start_xxxxxxxxxxx…x_of_the_end"
    assert moment("2026-11-23T07:26:43+02:00") == "2026-11-23 05:26 UTC"
    assert (moment("2026-11-23T07:26:43"), moment("today")) == ("2026-11-23T07:26:43", "today")


def test_backticks_become_code_and_nothing_else() -> None:
    assert ticks("set `a<b` & `c`") == "set <code>a&lt;b</code> &amp; <code>c</code>"
    assert ticks("one ` alone") == "one ` alone"


def test_what_was_not_measured_is_one_sentence(data: RunData) -> None:
    suite = less(data.run.suite, tasks=data.run.suite.tasks[:1])
    bare = less(data, run=less(data.run, suite=suite), latency={}, cards={}, scores={s: {} for s in data.scores})
    bare = less(bare, decision=less(data.decision, serving=()))  # type: ignore[arg-type]
    text = render_html(bare)
    told = "capability by subject, safety items, response times side by side, what answering takes, training curves"
    assert f"Not measured in this run: {told}." in text and "<h3>Safety items" not in text
    assert "Not measured in this run" not in render_html(data)


def test_a_comparison_claims_neither_a_lock_nor_a_check(data: RunData) -> None:
    run, suite = data.run, less(data.run.suite, model=ModelSpec(id=""))
    page = render_html(less(data, run=less(run, suite_folder="", model_digest="", suite=suite)))
    assert "none: two recordings are compared" in page and "suite.lock" not in page
    assert "two recordings tell nothing of what either side was trained on" in page
    assert "<dt>Model digest</dt>" not in page and "<dt>Model digest</dt>" in render_html(data)


def test_a_ship_says_what_it_holds_for_once(data: RunData) -> None:
    limits = "This holds for examples like the held-out ones and says nothing about others"
    for reason, told in (("It passes.", True), ("It says nothing about examples unlike the held-out set.", False)):
        ship = less(data.decision, outcome="ship", ship="qlora", reason=reason)
        assert (limits in decision_view(less(data, decision=ship))["facts"]) is told
    assert limits not in decision_view(data)["facts"]


def test_markdown_counts_changed_capability_questions_where_they_are_recorded() -> None:
    text = render_markdown(build_run(40, questions=True))
    row = next(line for line in text.splitlines() if line.startswith("| capability |"))
    better, worse = (int(cell) for cell in row.split("|")[6:8])
    assert better > 0 and worse > 0
