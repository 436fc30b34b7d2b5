"""The one early look, at half of the held-out set: it may fail a candidate that does not win, and never pass one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from evalgate.core.data import GateSpec
from evalgate.core.results import Verdict
from evalgate.gates.columns import GateData
from evalgate.gates.judge import judge
from evalgate.gates.words import count
from evalgate.stats.plan import futility_alpha


def is_futile(verdict: Verdict, margin: float) -> bool:
    """Whether a verdict on half of the examples, at `futility_alpha`, ends the measurement.

    The half must rule `min_gain` out and show no gain above `margin`. The second condition matters where a gate has far
    more examples than it needs: a true gain between `margin` and `min_gain` would pass at the end, and is not stopped.
    Both together cost less than one point of the power to pass, whatever the true gain.
    """
    return verdict.outcome == "fail" and verdict.estimate is not None and verdict.estimate.value <= margin


def look(gate: GateSpec, *, candidate: str, baselines: Sequence[str], data: GateData) -> Verdict | None:
    """The fail of a candidate at half of the held-out set (`data.halves`); None if it goes on.

    The test is that of a fail at the end (Simes over the baselines, missing scores worst-case, none below 20 pairs), at
    what O'Brien-Fleming spending allows by then. Raises what `judge` raises.
    """
    half = data.halves.get(gate.task, ())
    if not half or gate.rule != "better_than_baselines":
        return None
    level = futility_alpha(gate.alpha)
    found = judge(gate, candidates=[candidate], baselines=baselines, data=_only(half, gate, data), alpha=level)
    verdict = found[candidate]
    if not is_futile(verdict, gate.margin):
        return None
    total = len(data.examples.get(gate.task, half))
    note = (
        f"This is the one look at half of the held-out set ({count(len(half))} of {count(total)} examples, in their "
        "frozen order): the candidate is measured no further."
    )
    return msgspec.structs.replace(verdict, reason=f"{verdict.reason} {note}", look="half")


def _only(half: Sequence[str], gate: GateSpec, data: GateData) -> GateData:
    """The data of the gate's task, cut to some examples."""
    ids = set(half)
    part = GateData(
        scores={}, metrics=data.metrics, base=data.base, examples={gate.task: list(half)}, seed=data.seed,
        seeds=data.seeds,
    )  # fmt: skip
    for system in data.scores:
        column = data.found(gate, system)
        places = [place for place, name in enumerate(column.ids) if name in ids] if column is not None else []
        part.put(gate, system, column.at(places) if column is not None and places else None)
    return part
