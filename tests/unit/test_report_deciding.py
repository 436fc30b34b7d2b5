"""What stands on the report's first screen: for each candidate the verdicts that decide, and why nothing more helps."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fixtures_report import build_run

from evalgate.core.results import Estimate, Finding, Verdict
from evalgate.report import render_html, render_markdown
from evalgate.report.deciding import MAX_OWN, deciding_view
from evalgate.report.verdicts import needed_words
from evalgate.report.view import decision_view
from evalgate.store import RunData


@pytest.fixture(scope="module")
def data() -> RunData:
    return build_run(40)


def less(data: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(data, **changes)


def with_verdicts(data: RunData, candidate: str, outcome: str, **changes: Any) -> RunData:
    """The same run with every verdict on one candidate set to one outcome."""
    assert data.decision
    rows = [less(v, outcome=outcome, **changes) if v.candidate == candidate else v for v in data.decision.verdicts]
    told: RunData = less(data, decision=less(data.decision, verdicts=tuple(rows)))
    return told


def lines(data: RunData, candidate: str) -> list[str]:
    found = next(c for c in deciding_view(data) if c["text"].startswith(f"{candidate}:"))
    return [f"{line['word']} {line['gate']}: {line['text']}" for line in found["lines"]]


def test_a_failed_gate_is_told_with_its_interval_and_open_ones_beside_it_are_not(data: RunData) -> None:
    found = lines(data, "overcooked")
    assert len(found) == 1
    assert found[0].startswith("FAIL capability: −")
    assert "points against few-shot, 95% interval −" in found[0]
    assert found[0].endswith("on 600 examples. Asked: not worse than the baseline, drop of at most 3 points")
    assert deciding_view(data)[0]["text"] == "qlora: 2 passed, 1 failed, 3 inconclusive of 6 required gates"


def test_an_open_gate_speaks_for_itself_and_says_how_many_examples_would_settle_it(data: RunData) -> None:
    open_ = with_verdicts(data, "qlora", "inconclusive", reason="It may be.", needed_n=900, n=40)
    found = lines(open_, "qlora")
    assert len(found) == MAX_OWN
    assert found[0] == (
        "INCONCLUSIVE summaries-better: It may be. About 900 examples in all would settle it, 860 more than the 40 of "
        "now."
    )
    latency = next(v for v in open_.decision.verdicts if v.gate == "latency")  # type: ignore[union-attr]
    gate = next(g for g in data.run.gates if g.name == "latency")
    assert "About 900 pairs of calls" in needed_words(latency, gate)
    view = next(c for c in deciding_view(open_) if c["text"].startswith("qlora"))
    assert (view["text"], view["more"]) == ("qlora: 6 inconclusive of 6 required gates", 3)


@pytest.mark.parametrize("reason", ["About 860 more decide.", "900 items are enough if nothing has changed."])
def test_a_number_that_a_verdict_tells_itself_is_not_told_twice(data: RunData, reason: str) -> None:
    open_ = with_verdicts(data, "qlora", "inconclusive", reason=reason, needed_n=900, n=40)
    assert lines(open_, "qlora")[0] == f"INCONCLUSIVE summaries-better: {reason}"


def test_of_a_candidate_that_passes_everything_the_gains_come_first(data: RunData) -> None:
    found = lines(with_verdicts(data, "qlora", "pass"), "qlora")
    assert [line.partition(":")[0] for line in found] == ["PASS summaries-better", "PASS routing-better", "PASS schema"]


def test_if_one_ships_the_others_have_their_counts_alone(data: RunData) -> None:
    passing = with_verdicts(data, "overcooked", "pass")
    view = deciding_view(less(passing, decision=less(passing.decision, outcome="ship", ship="overcooked")))
    assert [(c["text"].partition(":")[0], len(c["lines"])) for c in view] == [("overcooked", MAX_OWN), ("qlora", 0)]


def test_of_what_cannot_be_trusted_no_number_of_examples_helps(data: RunData) -> None:
    assert data.decision
    doubt = Finding(code="x", what="qlora slept", where="adapters/qlora", fix="train it again", system="qlora")
    note = less(doubt, system="overcooked", hard=False)
    told = less(data, decision=less(data.decision, findings=(doubt, note)))
    assert lines(told, "qlora") == ["TO DO : train it again (adapters/qlora)"]
    assert lines(told, "overcooked") == lines(data, "overcooked")
    everybody = less(data, decision=less(data.decision, findings=(less(doubt, system=""),)))
    assert lines(everybody, "overcooked") == ["TO DO : train it again (adapters/qlora)"]


def test_a_look_at_half_is_called_so(data: RunData) -> None:
    half = with_verdicts(data, "qlora", "fail", look="half")
    assert all(", at half of the held-out set. Asked: " in line for line in lines(half, "qlora"))


def test_a_gate_of_an_unknown_policy_and_one_without_an_estimate_have_a_line(data: RunData) -> None:
    assert data.decision
    bare = Verdict(gate="own", outcome="fail", reason="No.", candidate="qlora")
    known = less(bare, estimate=Estimate(value=0.1, low=0.0, high=0.2, level=0.9, n=7, method="own"))
    told = less(data, decision=less(data.decision, verdicts=(bare, less(known, gate="other"))))
    assert lines(told, "qlora") == ["FAIL own: No.", "FAIL other: 0.1, 90% interval 0 to 0.2, on 7 examples"]


def test_several_baselines_are_named_by_task(data: RunData) -> None:
    facts = decision_view(data)["facts"]
    assert facts[0] == "Best baseline of each task: few-shot (summarize, route, extract); rag (policy_qa, redteam)"
    one = less(data.decision, best_baselines={"route": "rag"})
    view = decision_view(less(data, decision=one))
    assert (view["headline"], view["facts"]) == ("Keep the baseline: rag", [])


def test_baselines_alone_are_not_called_kept(data: RunData) -> None:
    alone = less(data, run=less(data.run, candidates=()), latency={}, cards={})
    assert decision_view(alone)["headline"] == "Nothing to ship"


def test_both_reports_show_the_same_lines_as_text(data: RunData) -> None:
    assert data.decision
    reason = "<i>It</i> may be `min_gain`"
    odd = with_verdicts(data, "qlora", "inconclusive", reason=reason, needed_n=None)
    page, text = render_html(odd), render_markdown(odd)
    assert "&lt;i&gt;It&lt;/i&gt; may be <code>min_gain</code>." in page and "<i>" not in page
    assert "  - ? INCONCLUSIVE summaries-better: \\<i\\>It\\</i\\> may be \\`min\\_gain\\`.\n" in text
    assert "  - ✘ FAIL capability: −" in text
