"""A/A by relabelling: where the labels of two systems are dealt by chance neither is better, and a gate must say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from evalgate.core.data import GateSpec
from evalgate.core.record import Record
from evalgate.core.results import Score
from evalgate.core.seeds import rng
from evalgate.gates.columns import GateData
from evalgate.gates.judge import judge
from evalgate.judging import metrics_of
from evalgate.stats.proportion import p_at_least
from evalgate.store import RunData

N_SEEDS = 200
# A sound gate is called unsound once in a thousand doctor's visits.
P_UNSOUND = 0.001


class Relabelled(Record, frozen=True, kw_only=True):
    """How often one gate passed a candidate that is no better; `p` is the chance of as many at the gate's own alpha."""

    gate: str
    baseline: str
    passed: int
    n: int
    alpha: float
    p: float
    sound: bool


def relabel(data: RunData, candidate: str, best: Mapping[str, str]) -> tuple[list[Relabelled], int]:
    """Every required superiority gate over seeded relabellings of candidate and best baseline, and the ships.

    Labels are swapped by cluster where examples have clusters. A relabelling ships where all these gates pass.
    """
    gates = [g for g in data.run.gates if g.required and g.rule == "better_than_baselines" and g.task in best]
    passed = [_passes(data, gate, candidate, best[gate.task]) for gate in gates]
    ships = sum(all(column) for column in zip(*passed, strict=True))
    found = []
    for gate, outcomes in zip(gates, passed, strict=True):
        p = p_at_least(sum(outcomes), len(outcomes), gate.alpha)
        found.append(
            Relabelled(
                gate=gate.name,
                baseline=best[gate.task],
                passed=sum(outcomes),
                n=len(outcomes),
                alpha=gate.alpha,
                p=p,
                sound=p >= P_UNSOUND / len(gates),
            )
        )
    return found, ships


def _passes(data: RunData, gate: GateSpec, candidate: str, baseline: str) -> list[bool]:
    """Whether the gate passed, seed by seed."""
    rows = [[s for s in data.scores[name].get(gate.task, ()) if s.metric == gate.metric_name]
            for name in (candidate, baseline)]  # fmt: skip
    groups = sorted({_group(s) for side in rows for s in side})
    outcomes = []
    for seed in range(N_SEEDS):
        flips = rng(data.run.seed, "doctor", "relabel", gate.task, seed).random(len(groups)) < 0.5
        swapped = dict(zip(groups, flips, strict=True))
        outcomes.append(_judge(data, gate, _dealt(rows, swapped, candidate, baseline), candidate, baseline))
    return outcomes


def _group(score: Score) -> str:
    return f"cluster {score.cluster}" if score.cluster is not None else f"example {score.example_id}"


def _dealt(
    rows: Sequence[Sequence[Score]], swapped: Mapping[str, bool], candidate: str, baseline: str
) -> dict[str, list[Score]]:
    dealt: dict[str, list[Score]] = {candidate: [], baseline: []}
    for side, is_candidate in zip(rows, (True, False), strict=True):
        for score in side:
            mine = candidate if swapped[_group(score)] != is_candidate else baseline
            dealt[mine].append(msgspec.structs.replace(score, system=mine))
    return dealt


def _judge(data: RunData, gate: GateSpec, dealt: dict[str, list[Score]], candidate: str, baseline: str) -> bool:
    gate_data = GateData(
        scores={name: {gate.task: scores} for name, scores in dealt.items()},
        metrics=metrics_of(data),
        examples={gate.task: [e.id for e in data.examples[gate.task]]},
        seed=data.run.seed,
    )
    return judge(gate, candidates=[candidate], baselines=[baseline], data=gate_data)[candidate].outcome == "pass"
