"""Verdicts to a decision: the ship rule, ties, keep, and cannot tell."""

from __future__ import annotations

import pytest

from evalgate.core.data import GateSpec
from evalgate.core.results import Estimate, SystemScore, Verdict
from evalgate.decision import best_baselines, decide, mean_gain_low

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
