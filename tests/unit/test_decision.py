"""Verdicts to a decision: the ship rule, ties, keep, and cannot tell."""

from __future__ import annotations

import pytest

from evalgate.core.data import GateSpec
from evalgate.core.results import Estimate, SystemScore, Verdict
from evalgate.decision import best_baselines, decide, mean_gain_low, shares_of_alpha

GATES = [
    GateSpec(name="quality", metric="t.m", rule="better_than_baselines", min_gain=0.05),
    GateSpec(name="json", metric="t.json_valid", rule="at_least", limit=0.9),
    GateSpec(name="nice", metric="t.n", rule="at_least", limit=0.9, required=False),
]


def estimate(value, half=0.02):
    return Estimate(value=value, low=value - half, high=value + half, level=0.9, n=200, method="t")


def verdicts(**outcomes):
    return [
        Verdict(
            gate=gate, candidate=c, outcome=outcome, reason="", n=100,
            needed_n=390 if outcome == "inconclusive" else None,
        )
        for c, per_gate in outcomes.items()
        for gate, outcome in zip(("quality", "json", "nice"), per_gate.split(), strict=False)
    ]  # fmt: skip


def run(found, **more):
    names = list(dict.fromkeys(v.candidate for v in found))
    return decide(found, candidates=names, gates=GATES, **more)


def test_a_candidate_that_passes_all_required_gates_ships():
    decision = run(verdicts(a="pass pass fail", b="pass fail pass"))
    assert (decision.outcome, decision.ship) == ("ship", "a")
    assert decision.reason == "a passes all 2 required gates (quality and json)."


def test_of_several_the_largest_lower_bound_ships_and_ties_go_by_name():
    found = verdicts(b="pass pass pass", a="pass pass pass")
    wide = {"a": [estimate(0.05, half=0.04)], "b": [estimate(0.04, half=0.01)]}
    decision = run(found, gains=wide)
    assert decision.ship == "b"
    assert "a passes too; b has the largest lower bound of the mean gain" in decision.reason
    same = {"a": [estimate(0.05)], "b": [estimate(0.05)]}
    assert run(found, gains=same).ship == "a"
    assert run(found).ship == "a"


def test_the_baseline_is_kept_if_every_candidate_fails():
    decision = run(verdicts(a="fail pass pass", b="pass fail pass"), best={"t": "rag"})
    assert (decision.outcome, decision.ship) == ("keep_baseline", None)
    assert decision.reason == "a fails quality. b fails json. Keep rag."
    assert decision.best_baselines == {"t": "rag"}


def test_otherwise_it_cannot_tell_yet():
    decision = run(verdicts(a="inconclusive pass pass", b="pass fail pass"))
    assert decision.outcome == "inconclusive"
    assert decision.reason == ("a cannot be judged yet on quality (needs about 390 in total, has 100). b fails json.")


def test_a_gate_that_was_not_run_never_ships():
    decision = run(verdicts(a="pass"))
    assert (decision.outcome, decision.reason) == ("inconclusive", "a cannot be judged yet on json (not run).")


def judged(**p_values):
    return [
        Verdict(gate=gate, candidate=c, outcome="pass" if p <= 0.05 else "inconclusive", reason="", p_pass=p)
        for c, ps in p_values.items()
        for gate, p in zip(("quality", "json", "nice"), ps, strict=False)
    ]


def test_several_candidates_share_one_error_rate_by_their_largest_p():
    found = judged(a=(0.001, 0.02, 0.9), b=(0.03, 0.001, 0.001), c=(0.5, 0.001, 0.001))
    shares = shares_of_alpha(found, candidates=["a", "b", "c"], gates=GATES)
    assert shares == pytest.approx({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3})  # 0.02 > 0.05 / 3: all stop there
    found = judged(a=(0.001, 0.015), b=(0.024, 0.001), c=(0.5, 0.001))
    shares = shares_of_alpha(found, candidates=["a", "b", "c"], gates=GATES)
    assert shares == pytest.approx({"a": 1 / 3, "b": 1 / 2, "c": 1})
    assert shares_of_alpha(judged(a=(0.9, 0.9)), candidates=["a"], gates=GATES) == {"a": 1}


def test_a_gate_that_cannot_pass_is_full_doubt_and_alphas_are_compared_in_their_own_unit():
    found = judged(a=(0.0001, 0.0001), b=(0.0001, 0.0001))
    found[0] = Verdict(gate="quality", candidate="a", outcome="fail", reason="", p_pass=0.0001)
    found[2] = Verdict(gate="quality", candidate="b", outcome="inconclusive", reason="")
    shares = shares_of_alpha(found, candidates=["a", "b"], gates=GATES)
    assert shares == pytest.approx({"a": 0.5, "b": 0.5})
    strict = [GateSpec(name="quality", metric="t.m", rule="better_than_baselines", min_gain=0.05, alpha=0.005)]
    found = judged(a=(0.002, 0.0), b=(0.004, 0.0))
    assert shares_of_alpha(found, candidates=["a", "b"], gates=strict) == pytest.approx({"a": 0.5, "b": 1})


def test_without_candidates_or_required_gates_nothing_ships():
    assert decide([], candidates=[], gates=GATES).outcome == "keep_baseline"
    assert decide(verdicts(a="pass pass pass"), candidates=["a"], gates=GATES[2:]).outcome == "inconclusive"


def test_the_mean_gain_bound_is_the_estimates_own_for_one_task():
    assert mean_gain_low([estimate(0.05)]) == pytest.approx(0.03)
    assert mean_gain_low([estimate(0.05), estimate(0.05)]) == pytest.approx(0.05 - 0.02 / 2**0.5)


def test_best_baselines_per_task_with_direction_and_ties():
    def cell(system, value, better="higher", task="t"):
        return SystemScore(system=system, task=task, metric="m", estimate=estimate(value), better=better)

    scores = [
        cell("zero", 0.4),
        cell("rag", 0.5),
        cell("few", 0.5),
        cell("tuned", 0.9),
        cell("zero", 0.1, "lower", "u"),
    ]
    scores += [cell("rag", 0.3, "lower", "u"), SystemScore(system="zero", task="v", metric="m", estimate=None)]
    best = best_baselines(scores, baselines=["zero", "rag", "few"], primary={"t": "m", "u": "m", "v": "m"})
    assert best == {"t": "few", "u": "zero"}
