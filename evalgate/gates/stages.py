"""In which order gates are measured and judged, and which candidates get so far; the order in a YAML plays no part.

Stages: `gain` (what decides whether a candidate wins: first a half, then the whole of the tasks of required
`better_than_baselines` gates), `harm` (what it may break: all other tasks and capability), `latency` (single calls).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from evalgate.core.data import TIMED, EarlyStop, GateSpec
from evalgate.core.results import Verdict
from evalgate.gates.columns import GateData
from evalgate.gates.futility import look
from evalgate.gates.judge import judge

Stage = Literal["half", "gain", "harm", "latency"]
STAGES: tuple[Stage, ...] = ("half", "gain", "harm", "latency")


def winning_tasks(gates: Iterable[GateSpec]) -> set[str]:
    """The tasks on which a candidate must win: those of required `better_than_baselines` gates."""
    found = {gate.task for gate in gates if gate.rule == "better_than_baselines" and gate.required}
    return found - set(TIMED)


def stage_of(gate: GateSpec, winning: Collection[str]) -> Stage:
    """The stage after which a gate can be judged."""
    if gate.is_timed:
        return "latency"
    return "gain" if gate.task in winning else "harm"


def in_order(gates: Iterable[GateSpec]) -> list[GateSpec]:
    """Gates by stage, then by name."""
    known = list(gates)
    winning = winning_tasks(known)
    return sorted(known, key=lambda gate: (STAGES.index(stage_of(gate, winning)), gate.name))


def judge_in_stages(
    gates: Sequence[GateSpec],
    *,
    candidates: Sequence[str],
    baselines: Sequence[str],
    data: GateData,
    early_stop: EarlyStop | None = None,
    until: Stage = "latency",
) -> list[Verdict]:
    """The verdicts of all gates for all candidates, by stage and name, up to the stage `until`.

    Under `early_stop` a candidate that fails at the half is judged no further, nor, with `after_failure: skip`, one
    that has failed a required gate of an earlier stage: its other gates are `not_run`. A pure function of its
    arguments, and the same for every order of `gates`. Every
    candidate is judged for itself, at the gates' own alpha. Raises what `judge` raises.
    """
    known, winning = in_order(gates), winning_tasks(gates)
    table: dict[tuple[str, str], Verdict] = {}
    if early_stop is not None and early_stop.futility:
        table = _look_at_half(known, candidates, baselines, data)
    out = _failures(table.values())
    stopped = set(out)
    for stage in STAGES[1 : STAGES.index(until) + 1]:
        for gate in (gate for gate in known if stage_of(gate, winning) == stage):
            for name in candidates:
                if name in out:
                    verdict = not_run(gate, name, out[name], at_half=name in stopped)
                else:
                    verdict = judge(gate, candidates=[name], baselines=baselines, data=data)[name]
                table.setdefault((gate.name, name), verdict)
        if early_stop is not None and early_stop.after_failure == "skip":
            out |= {name: failed for name, failed in _failures(table.values()).items() if name not in out}
    place = {gate.name: i for i, gate in enumerate(known)}
    return sorted(table.values(), key=lambda verdict: (place[verdict.gate], candidates.index(verdict.candidate)))


def failed(verdicts: Iterable[Verdict]) -> set[str]:
    """The candidates that have failed a required gate."""
    return set(_failures(verdicts))


def not_run(gate: GateSpec, candidate: str, causes: Sequence[str], *, at_half: bool) -> Verdict:
    """The verdict of a gate that was not measured to its end because required ones had failed."""
    names = " and ".join(f"'{name}'" for name in causes)
    where = " at half of the held-out set" if at_half else ""
    verb = "gate" if len(causes) == 1 else "gates"
    return Verdict(
        gate=gate.name, candidate=candidate, outcome="not_run", required=gate.required, alpha=gate.alpha,
        reason=f"Not run: required {verb} {names} failed{where}.",
    )  # fmt: skip


def unjudged(gate: GateSpec, candidate: str) -> Verdict:
    """The verdict of a gate on a candidate that a validity check has blocked before it was measured."""
    return Verdict(
        gate=gate.name, candidate=candidate, outcome="not_run", required=gate.required, alpha=gate.alpha,
        reason="Not run: a validity check failed.",
    )  # fmt: skip


def _look_at_half(
    gates: Sequence[GateSpec],
    candidates: Sequence[str],
    baselines: Sequence[str],
    data: GateData,
) -> dict[tuple[str, str], Verdict]:
    found = {
        (gate.name, name): look(gate, candidate=name, baselines=baselines, data=data)
        for gate in gates
        if gate.required and gate.rule == "better_than_baselines" and not gate.is_timed
        for name in candidates
    }
    return {key: verdict for key, verdict in found.items() if verdict is not None}


def _failures(verdicts: Iterable[Verdict]) -> dict[str, list[str]]:
    """Candidate -> the required gates that it has failed."""
    found: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.required and verdict.outcome == "fail":
            found.setdefault(verdict.candidate, []).append(verdict.gate)
    return found
