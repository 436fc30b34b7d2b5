"""Verdicts to one decision: ship a named candidate, keep the baseline, or cannot tell yet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from evalgate.core.data import GateSpec
from evalgate.core.results import Decision, DecisionOutcome, Estimate, SystemScore, Verdict
from evalgate.stats.multiple import holm
from evalgate.stats.plan import z_of

# One-sided error rate of the lower bound that ranks candidates which all pass.
RANK_ALPHA = 0.05


def best_baselines(
    scores: Sequence[SystemScore], *, baselines: Sequence[str], primary: Mapping[str, str]
) -> dict[str, str]:
    """Task -> the baseline with the best value of its primary metric (`primary[task]`), ties to the first by name.

    Tasks on which no baseline was scored are left out.
    """
    found: dict[str, str] = {}
    for task, metric in primary.items():
        rows = [
            (row.estimate.value if row.better == "lower" else -row.estimate.value, row.system)
            for row in scores
            if row.system in baselines and row.task == task and row.metric == metric and row.estimate is not None
        ]
        if rows:
            found[task] = min(rows)[1]
    return found


def mean_gain_low(gains: Sequence[Estimate]) -> float:
    """The lower bound (one-sided 95%) of the mean gain over tasks, which are independent; -inf without any gain."""
    if not gains:
        return -math.inf
    spreads = [(gain.high - gain.low) / (2 * z_of((1 - gain.level) / 2)) for gain in gains]
    mean = sum(gain.value for gain in gains) / len(gains)
    return mean - z_of(RANK_ALPHA) * math.hypot(*spreads) / len(gains)


def shares_of_alpha(
    verdicts: Sequence[Verdict], *, candidates: Sequence[str], gates: Sequence[GateSpec]
) -> dict[str, float]:
    """The share of each gate's alpha at which a candidate is judged: Holm over the largest p of its required gates.

    A candidate that may not ship breaks at least one gate, and ships only if that gate's p is small as well. So its
    largest p is one p-value of "it may not ship", and Holm's method over candidates bounds the chance that any of
    them ships wrongly, whichever gates they break. Without it two candidates with different faults have twice alpha.
    """
    alpha = {gate.name: gate.alpha for gate in gates if gate.required}
    largest = []
    for name in candidates:
        mine = {v.gate: v for v in verdicts if v.candidate == name}
        # In units of its gate's alpha, so that gates with several alphas can be compared.
        found = [_doubt(mine.get(gate)) / level for gate, level in alpha.items()]
        largest.append(min(1.0, RANK_ALPHA * max(found, default=1 / RANK_ALPHA)))
    return {name: level / RANK_ALPHA for name, level in zip(candidates, holm(largest, RANK_ALPHA)[1], strict=True)}


def _doubt(verdict: Verdict | None) -> float:
    """A verdict's p-value of "it breaks this gate"; 1 where it cannot pass."""
    if verdict is None or verdict.p_pass is None or verdict.outcome == "fail":
        return 1.0
    return verdict.p_pass


def decide(
    verdicts: Sequence[Verdict],
    *,
    candidates: Sequence[str],
    gates: Sequence[GateSpec],
    gains: Mapping[str, Sequence[Estimate]] | None = None,
    best: Mapping[str, str] | None = None,
    scores: Sequence[SystemScore] = (),
) -> Decision:
    """The decision over all verdicts.

    A candidate ships if every required gate has passed for it. Of several, the one with the largest lower bound of its
    mean gain over the primary task metrics ships (`gains[candidate]`, one estimate a task against the best baseline),
    ties by name. If a required gate has failed for every candidate the baseline is kept, else the run is inconclusive.
    A gate that was not run decides nothing: it stands beside one that has failed.
    """
    required = [gate.name for gate in gates if gate.required]
    by_candidate = {c: {v.gate: v for v in verdicts if v.candidate == c} for c in candidates}
    passing = [c for c in candidates if required and all(_outcome(by_candidate[c], g) == "pass" for g in required)]
    failed = {c: [g for g in required if _outcome(by_candidate[c], g) == "fail"] for c in candidates}
    ship: str | None = None
    outcome: DecisionOutcome
    if passing:
        outcome, ship = "ship", min(passing, key=lambda c: (-mean_gain_low((gains or {}).get(c, ())), c))
        reason = _ship_reason(ship, passing, required)
    elif all(failed.values()):
        outcome, reason = "keep_baseline", _keep_reason(by_candidate, failed, best or {})
    else:
        outcome, reason = "inconclusive", _open_reason(by_candidate, failed, required)
    return Decision(
        outcome=outcome, ship=ship, reason=reason, best_baselines=dict(best or {}), verdicts=tuple(verdicts),
        scores=tuple(scores),
    )  # fmt: skip


def _outcome(verdicts: Mapping[str, Verdict], gate: str) -> str:
    verdict = verdicts.get(gate)
    return "not run" if verdict is None else verdict.outcome


def _names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _ship_reason(ship: str, passing: Sequence[str], required: Sequence[str]) -> str:
    gates = f"its required gate ({required[0]})" if len(required) == 1 else (
        f"all {len(required)} required gates ({_names(required)})"
    )  # fmt: skip
    text = f"{ship} passes {gates}."
    others = sorted(c for c in passing if c != ship)
    if others:
        verb = "passes" if len(others) == 1 else "pass"
        text += (
            f" {_names(others)} {verb} too; {ship} has the largest lower bound of the mean gain "
            "over the best baselines."
        )
    return text


def _keep_reason(
    by_candidate: Mapping[str, Mapping[str, Verdict]], failed: Mapping[str, Sequence[str]], best: Mapping[str, str]
) -> str:
    if not failed:
        return "There is no candidate, so there is nothing to ship."
    text = " ".join(_fails(name, gates, by_candidate[name]) for name, gates in failed.items())
    names = list(dict.fromkeys(best.values()))
    return text + (f" Keep {_names(names)}." if names else " Keep what is in use today.")


def _fails(name: str, gates: Sequence[str], verdicts: Mapping[str, Verdict]) -> str:
    """What a candidate fails, whether that was seen at half, and what was therefore not run."""
    half = " at half of the held-out set" if any(verdicts[gate].look == "half" for gate in gates) else ""
    skipped = [gate for gate, verdict in verdicts.items() if verdict.outcome == "not_run"]
    rest = f" ({_names(skipped)} not run)" if skipped else ""
    return f"{name} fails {_names(gates)}{half}{rest}."


def _open_reason(
    by_candidate: Mapping[str, Mapping[str, Verdict]], failed: Mapping[str, Sequence[str]], required: Sequence[str]
) -> str:
    if not required:
        return "No gate is required, so nothing can be decided."
    parts = []
    for name, verdicts in by_candidate.items():
        if failed[name]:
            parts.append(_fails(name, failed[name], verdicts))
            continue
        still = [_still_open(verdicts.get(gate), gate) for gate in required if _outcome(verdicts, gate) != "pass"]
        parts.append(f"{name} cannot be judged yet on {_names(still)}.")
    return " ".join(parts)


def _still_open(verdict: Verdict | None, gate: str) -> str:
    if verdict is None:
        return f"{gate} (not run)"
    if verdict.needed_n is None or verdict.needed_n <= verdict.n:
        return gate
    return f"{gate} (needs about {verdict.needed_n:,} in total, has {verdict.n:,})"
