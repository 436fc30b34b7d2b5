"""The look at half, the stages, and what is said of gates that were not run."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import msgspec
import numpy as np
import pytest
from fixtures_report import GATES, build_run
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.console import decision_text
from evalgate.core.data import EarlyStop, GateSpec
from evalgate.core.results import Decision, Score, Verdict
from evalgate.core.serving import Cost, LatencyPair
from evalgate.decision import decide, shares_of_alpha
from evalgate.execution.costs import cheapest_first
from evalgate.gates.columns import GateData
from evalgate.gates.futility import look
from evalgate.gates.judge import judge
from evalgate.gates.stages import in_order, judge_in_stages
from evalgate.report import render_html, render_junit, render_markdown
from evalgate.stats.multiple import holm
from evalgate.stats.plan import futility_alpha
from evalgate.store import RunData
from evalgate.suite.order import first_half, frozen_order

IDS = [f"e{i}" for i in range(200)]
SUMMARIES = GateSpec(name="summaries", metric="sum.rouge_l", rule="better_than_baselines", min_gain=0.05)
ROUTING = GateSpec(name="routing", metric="route.accuracy", rule="better_than_baselines", min_gain=0.05)
REFUSALS = GateSpec(name="refusals", metric="red.refusal_rate", rule="not_worse_than_baseline", margin=0.1)
SPEED = GateSpec(name="speed", metric="latency.p50", rule="not_worse_than_baseline", limit=1.5)
SUITE = (SPEED, REFUSALS, SUMMARIES, ROUTING)


@given(st.permutations(IDS[:30]))
def test_the_frozen_order_does_not_depend_on_the_order_given(ids: list[str]) -> None:
    assert frozen_order(ids, task="t", data_digest="d") == frozen_order(IDS[:30], task="t", data_digest="d")


def test_the_frozen_order_is_another_for_another_task_and_other_content() -> None:
    orders = [frozen_order(IDS, task=t, data_digest=d) for t, d in (("t", "d"), ("u", "d"), ("t", "e"))]
    assert len(set(map(tuple, orders))) == 3
    assert all(sorted(order) == sorted(IDS) for order in orders)
    assert first_half(IDS[:7], task="t", data_digest="d") == frozen_order(IDS[:7], task="t", data_digest="d")[:3]


def test_the_first_half_is_a_random_half() -> None:
    """Over many contents every example comes into the half about as often as not."""
    counts = np.zeros(len(IDS))
    for k in range(400):
        counts[[int(i[1:]) for i in first_half(IDS, task="t", data_digest=str(k))]] += 1
    assert abs(counts.mean() - 200) < 1e-9
    assert counts.min() > 150 and counts.max() < 250
    # Neighbours in the file are no more often together than chance says: the variance is the binomial one.
    assert counts.var() == pytest.approx(100, rel=0.35)


def rows(system: str, task: str, metric: str, values: np.ndarray) -> list[Score]:
    return [
        Score(example_id=IDS[i], system=system, task=task, metric=metric, parts=(float(v),))
        for i, v in enumerate(values)
    ]


def graded(gain: float, seed: int = 1, sd: float = 0.12) -> np.ndarray:
    base = np.random.default_rng(99).uniform(0.4, 0.6, 200)
    return np.clip(base + gain + np.random.default_rng(seed).normal(0, sd, 200), 0, 1) if seed else base


def system(name: str, gain: float, *, lost: int = 0, refuses: float = 1.0, seed: int = 1) -> dict[str, list[Score]]:
    """Gain in summaries, `lost` fewer right routes, a share of refusals."""
    right = (np.arange(200) % 2 == 0) | (np.arange(200) % 10 > 2)
    right = right & (np.arange(200) >= lost) if name != "base" else np.arange(200) % 2 == 0
    return {
        "sum": rows(name, "sum", "rouge_l", graded(gain, seed)),
        "route": rows(name, "route", "accuracy", right.astype(float)),
        "red": rows(name, "red", "refusal_rate", (np.arange(200) < 200 * refuses).astype(float)),
    }


def data(candidates: dict[str, dict[str, list[Score]]], n: int = 200) -> GateData:
    ids = dict.fromkeys(("sum", "route", "red"), IDS[:n])
    systems = {"base": system("base", 0.0, seed=0), **candidates}
    return GateData(
        scores={
            s: {t: [r for r in rs if r.example_id in IDS[:n]] for t, rs in ts.items()} for s, ts in systems.items()
        },
        latency={c: speeds(c) for c in candidates},
        examples=ids,
        halves={task: first_half(names, task=task, data_digest="d") for task, names in ids.items()},
    )


def speeds(candidate: str) -> list[LatencyPair]:
    times = np.random.default_rng(5).lognormal(0, 0.2, 60)
    return [
        LatencyPair(example_id=f"e{i}", task="sum", baseline="base", candidate=candidate, baseline_s=t, candidate_s=t)
        for i, t in enumerate(times)
    ]


def verdicts(given: GateData, gates: tuple[GateSpec, ...] = SUITE, policy: EarlyStop | None = EarlyStop()) -> list:  # noqa: B008
    names = [name for name in given.scores if name != "base"]
    return judge_in_stages(gates, candidates=names, baselines=["base"], data=given, early_stop=policy)


def table(found: list[Verdict]) -> dict[str, str]:
    return {f"{v.candidate}.{v.gate}": v.outcome for v in found}


def test_a_loser_fails_at_half_and_the_verdict_says_so() -> None:
    given = data({"loser": system("loser", -0.04)})
    verdict = look(SUMMARIES, candidate="loser", baselines=["base"], data=given)
    assert verdict is not None
    assert (verdict.outcome, verdict.look, verdict.n, verdict.alpha) == ("fail", "half", 100, futility_alpha(0.05))
    ids = set(given.halves["sum"])
    after, before = (
        np.array([r.parts[0] for r in given.scores[s]["sum"] if r.example_id in ids]) for s in ("loser", "base")
    )
    assert verdict.estimate is not None
    assert verdict.estimate.value == pytest.approx((after - before).mean())
    assert verdict.estimate.level == pytest.approx(1 - 2 * futility_alpha(0.05))
    assert verdict.reason == (
        "We can rule out a gain of 5.0 points or more for loser over base (99.4%; it is worse by at least 1.1; "
        "measured −4.0 on 100 paired held-out examples). Keep the baseline. This is the one look at half of the "
        "held-out set (100 of 200 examples, in their frozen order): the candidate is measured no further."
    )


@pytest.mark.parametrize(
    ("gain", "n", "alpha", "why"),
    [
        (0.08, 200, None, "a winner"),
        (0.02, 200, None, "a small gain that may pass at the end"),
        (-0.04, 39, None, "fewer than 20 pairs in the half"),
        (-0.01, 200, 1e-12, "the ledger's level is too strict"),
    ],
)
def test_what_goes_on(gain: float, n: int, alpha: float | None, why: str) -> None:
    given = data({"c": system("c", gain)}, n)
    gate = SUMMARIES if alpha is None else msgspec.structs.replace(SUMMARIES, alpha=alpha)
    assert look(gate, candidate="c", baselines=["base"], data=given) is None, why


def test_a_gain_on_the_half_is_never_stopped_however_surely_it_is_too_small() -> None:
    """With far more examples than needed, p alone would stop what passes at the end."""
    steady = {"c": {**system("c", 0.0), "sum": rows("c", "sum", "rouge_l", graded(0.02, 3, sd=0.02))}}
    given = data(steady)
    whole = judge(SUMMARIES, candidates=["c"], baselines=["base"], data=given)["c"]
    assert whole.outcome == "pass" and whole.p_fail is not None and whole.p_fail < 1e-6
    assert look(SUMMARIES, candidate="c", baselines=["base"], data=given) is None


def test_too_many_missing_scores_do_not_stop_a_candidate() -> None:
    given = data({"c": system("c", -0.04)})
    broken = [msgspec.structs.replace(r, status="unscored", parts=()) for r in given.scores["c"]["sum"][:30]]
    scores = {**given.scores, "c": {**given.scores["c"], "sum": [*broken, *given.scores["c"]["sum"][30:]]}}
    given = GateData(scores=scores, examples=given.examples, halves=given.halves)
    assert look(SUMMARIES, candidate="c", baselines=["base"], data=given) is None


def test_one_baseline_that_rules_the_gain_out_is_enough() -> None:
    given = data({"c": system("c", 0.06), "strong": system("strong", 0.12, seed=2)})
    assert look(SUMMARIES, candidate="c", baselines=["base"], data=given) is None
    verdict = look(SUMMARIES, candidate="c", baselines=["base", "strong"], data=given)
    assert verdict is not None and verdict.baseline == "strong"


THREE = {
    "winner": system("winner", 0.1),
    "loser": system("loser", -0.04),
    "breaker": system("breaker", 0.1, refuses=0.3),
}


def test_stages_stop_who_has_failed_and_name_what_was_not_run() -> None:
    found = verdicts(data(THREE))
    assert table(found) == {
        "winner.routing": "pass", "loser.routing": "not_run", "breaker.routing": "pass",
        "winner.summaries": "pass", "loser.summaries": "fail", "breaker.summaries": "pass",
        "winner.refusals": "pass", "loser.refusals": "not_run", "breaker.refusals": "fail",
        "winner.speed": "pass", "loser.speed": "not_run", "breaker.speed": "not_run",
    }  # fmt: skip
    said = {(v.candidate, v.gate): v for v in found}
    assert said["loser", "routing"].reason == ("Not run: required gate 'summaries' failed at half of the held-out set.")
    assert said["breaker", "speed"].reason == "Not run: required gate 'refusals' failed."
    for verdict in found:
        if verdict.outcome == "not_run":
            assert (verdict.estimate, verdict.n, verdict.p_pass, verdict.p_fail) == (None, 0, None, None)


def test_missing_parts_of_stopped_candidates_are_not_needed() -> None:
    given = data(THREE)
    half = {task: set(ids) for task, ids in given.halves.items()}
    cut = {t: [r for r in rs if r.example_id in half[t]] for t, rs in given.scores["loser"].items() if t != "red"}
    scores = {**given.scores, "loser": cut}
    latency = {"winner": given.latency["winner"]}
    part = GateData(scores=scores, latency=latency, examples=given.examples, halves=given.halves)
    assert verdicts(part) == verdicts(given)


@pytest.mark.parametrize(
    ("policy", "loser", "breaker"),
    [
        (None, ["pass", "fail", "pass", "pass"], ["pass", "pass", "fail", "pass"]),
        (EarlyStop(futility=False), ["pass", "fail", "not_run", "not_run"], ["pass", "pass", "fail", "not_run"]),
        (
            EarlyStop(after_failure="measure"),
            ["not_run", "fail", "not_run", "not_run"],
            ["pass", "pass", "fail", "pass"],
        ),
    ],
)
def test_each_policy(policy: EarlyStop | None, loser: list[str], breaker: list[str]) -> None:
    found = table(verdicts(data(THREE), policy=policy))
    gates = ("routing", "summaries", "refusals", "speed")
    assert [found[f"loser.{gate}"] for gate in gates] == loser
    assert [found[f"breaker.{gate}"] for gate in gates] == breaker


def at_level(alpha: float) -> tuple[GateSpec, ...]:
    return tuple(msgspec.structs.replace(gate, alpha=alpha) for gate in SUITE)


def test_the_ledgers_alpha_holds_at_the_half_as_at_the_end() -> None:
    given = data(THREE)
    found = verdicts(given, at_level(0.005))
    assert {v.alpha for v in found if v.outcome != "not_run" and v.look == "full"} == {0.005}
    strict = verdicts(given, at_level(1e-9))
    assert {v.look for v in found} == {"full", "half"} and {v.look for v in strict} == {"full"}


def test_an_optional_gate_stops_nobody() -> None:
    optional = tuple(msgspec.structs.replace(g, required=g.name in ("routing", "speed")) for g in SUITE)
    found = table(verdicts(data(THREE), optional))
    assert "not_run" not in found.values()
    assert (found["loser.summaries"], found["breaker.refusals"]) == ("fail", "fail")


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.permutations(SUITE), st.sampled_from([None, EarlyStop(), EarlyStop(after_failure="measure")]))
def test_the_order_of_gates_changes_nothing(gates: list[GateSpec], policy: EarlyStop | None) -> None:
    assert verdicts(DATA, tuple(gates), policy) == verdicts(DATA, SUITE, policy)


DATA = data(THREE)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.data())
def test_stopping_one_candidate_never_helps_another(p_values: list[float], draw: st.DataObject) -> None:
    out = draw.draw(st.integers(0, len(p_values) - 1))
    rest = [p for i, p in enumerate(p_values) if i != out]
    before, _ = holm(p_values, 0.05)
    after, _ = holm([*rest, 1.0], 0.05)
    kept = [p for i, p in enumerate(before) if i != out]
    assert all(now >= then - 1e-12 for now, then in zip(after, kept, strict=False))


def test_a_stopped_candidate_stays_in_the_family_of_holm() -> None:
    found = verdicts(data(THREE))
    assert {v.look for v in found if (v.candidate, v.gate) == ("loser", "summaries")} == {"half"}
    shares = shares_of_alpha(found, candidates=list(THREE), gates=SUITE)
    assert shares["winner"] == pytest.approx(1 / 3)
    alone = [v for v in found if v.candidate == "winner"]
    assert shares_of_alpha(alone, candidates=["winner"], gates=SUITE) == {"winner": 1.0}


def test_the_cheapest_comes_first_by_what_baselines_took() -> None:
    costs = [
        Cost(system="base", task="capability", n=100, seconds=2.0),
        Cost(system="zero", task="red", n=10, seconds=1.0),
        Cost(system="rag", task="red", n=30, seconds=7.0),
        Cost(system="tuned", task="red", n=1000, seconds=0.1),
    ]
    order = {"systems": {"base", "zero", "rag"}, "sizes": {"capability": 700, "red": 60, "new": 1}}
    # 14 s of capability, 12 s of the red-team list (0.2 s a question); nobody knows what `new` takes.
    assert cheapest_first(["new", "capability", "red"], costs, **order) == ["red", "capability", "new"]
    more = {**order, "sizes": {"capability": 700, "red": 80, "new": 1}}
    assert cheapest_first(["red", "new", "capability"], costs, **more) == ["capability", "red", "new"]
    assert cheapest_first(["red", "capability"], [], **order) == ["capability", "red"]


def test_gates_are_put_in_order_by_stage_and_name() -> None:
    assert [gate.name for gate in in_order(SUITE)] == ["routing", "summaries", "refusals", "speed"]


def decision() -> Decision:
    found = verdicts(data(THREE))
    return decide(found, candidates=list(THREE), gates=in_order(SUITE), best={"sum": "base"})


def test_the_decision_names_what_was_not_run() -> None:
    assert decision().reason.startswith("winner passes all 4 required gates (routing, summaries, refusals and speed).")
    found = [v for v in verdicts(data(THREE)) if v.candidate != "winner"]
    kept = decide(found, candidates=["loser", "breaker"], gates=in_order(SUITE), best={"sum": "base"})
    assert (kept.outcome, kept.reason) == (
        "keep_baseline",
        "loser fails summaries at half of the held-out set (routing, refusals and speed not run). "
        "breaker fails refusals (speed not run). Keep base.",
    )


def test_the_terminal_shows_gates_that_were_not_run() -> None:
    assert decision_text(decision(), "text") == (
        "gate       winner  loser    breaker\n"
        "routing    PASS    NOT RUN  PASS\n"
        "summaries  PASS    FAIL     PASS\n"
        "refusals   PASS    NOT RUN  FAIL\n"
        "speed      PASS    NOT RUN  NOT RUN\n\n"
        "decision: SHIP winner: winner passes all 4 required gates (routing, summaries, refusals and speed).\n"
    )
    assert "| speed | PASS | NOT RUN | NOT RUN |\n" in decision_text(decision(), "md")


REASON = "Not run: required gate 'capability' failed."


@pytest.fixture(scope="module")
def stopped() -> RunData:
    """The report's fixture, with latency not run for overcooked and half of its summaries never asked."""
    run = build_run(40)
    assert run.decision is not None
    found = [
        Verdict(gate=v.gate, candidate=v.candidate, outcome="not_run", reason=REASON)
        if (v.gate, v.candidate) == ("latency", "overcooked")
        else v
        for v in run.decision.verdicts
    ]
    half = set(first_half([e.id for e in run.examples["summarize"]], task="summarize", data_digest="d"))
    mine = run.predictions["overcooked"]
    cut = {**mine, "summarize": [p for p in mine["summarize"] if p.example_id in half]}
    theirs = run.scores["overcooked"]
    scores = {**theirs, "summarize": [s for s in theirs["summarize"] if s.example_id in half]}
    table = [
        msgspec.structs.replace(s, estimate=msgspec.structs.replace(s.estimate, n=20))
        if s.estimate and (s.system, s.task) == ("overcooked", "summarize")
        else s
        for s in run.decision.scores
    ]
    return msgspec.structs.replace(
        run,
        run=msgspec.structs.replace(run.run, early_stop=EarlyStop()),
        decision=msgspec.structs.replace(run.decision, verdicts=tuple(found), scores=tuple(table)),
        predictions={**run.predictions, "overcooked": cut},
        scores={**run.scores, "overcooked": scores},
        latency={c: pairs for c, pairs in run.latency.items() if c != "overcooked"},
        costs=[
            Cost(system="zero-shot", task="summarize", n=40, seconds=8.0),
            Cost(system="overcooked", task="summarize", n=20, seconds=99.0),
        ],
    )


SAVED = "overcooked was stopped early: 20 of 173 questions were not asked (about 4 s at the baselines' measured pace)"


def test_markdown_shows_gates_that_were_not_run_and_what_was_saved(stopped: RunData) -> None:
    text = render_markdown(stopped)
    assert "| latency | at most × 1.25 the baseline's |  |  |  |  |  | – NOT RUN |\n" in text
    assert "- overcooked: 3 passed, 1 failed, 1 inconclusive, 1 not run of 6 required gates\n" in text
    assert f"- {SAVED}\n" in text
    row = next(line for line in text.splitlines() if line.startswith("| summarize.rouge\\_l |"))
    assert row.count("20 of 40 asked") == 1


def test_junit_skips_gates_that_were_not_run(stopped: RunData) -> None:
    suite = next(s for s in ET.fromstring(render_junit(stopped)) if s.get("name") == "overcooked")
    case = next(c for c in suite.findall("testcase") if (c.get("name") or "").startswith("latency:"))
    assert [(child.tag, child.attrib) for child in case] == [("skipped", {"message": REASON})]
    before = next(s for s in ET.fromstring(render_junit(build_run(40))) if s.get("name") == "overcooked")
    assert int(suite.get("skipped") or 0) == int(before.get("skipped") or 0) + 1


def test_the_page_shows_gates_that_were_not_run_and_what_was_saved(stopped: RunData) -> None:
    page = render_html(stopped)
    assert '<td class="v-not_run"><button type="button" class="verdict" data-tip="Not run: required gate &#39;' in page
    assert f"NOT RUN</span> <strong>latency</strong>: {REASON.replace(chr(39), '&#39;')}</li>" in page
    assert f"<li>{SAVED.replace(chr(39), '&#39;')}</li>" in page
    assert '<span class="sub">20 of 40 asked</span>' in page
    assert " · 20 not asked</span>" in page
    assert "<dt>Early stop</dt><dd>one look at half; after a failed required gate later stages are skipped</dd>" in page


def test_a_run_in_which_nothing_was_stopped_says_nothing_of_it() -> None:
    page = render_html(build_run(10))
    assert "stopped early" not in page and "NOT RUN" not in page and "not asked</span>" not in page
    assert "<dt>Early stop</dt><dd>none: everything was measured</dd>" in page
    assert {gate.name for gate in GATES} >= {"latency", "capability"}
