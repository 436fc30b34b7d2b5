"""What gates judge, and one system's scores out of it, turned so that 1 is best."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evalgate.core.data import GateSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.protocols import Metric
from evalgate.core.results import Score
from evalgate.core.score_rows import ScoreColumn, columns_of
from evalgate.core.serving import LatencyPair
from evalgate.gates.pairs import Entry, cluster_codes
from evalgate.store import CAPABILITY


@dataclass(frozen=True, slots=True)
class Column:
    """One system's scores for a gate's metric, turned so that 1 is best; `unscored` is the share that is missing."""

    entries: dict[str, Entry]
    unscored: float
    n_unscored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GateData:
    """What gates judge: `scores[system][task]` rows of all metrics, `latency[candidate]` pairs.

    `metrics` maps `task.metric` to its metric (absent: higher is better, a mean). `base` is the system that stands
    for the untuned model; `examples[task]` are the ids that should have been scored, where known, and `halves[task]`
    those of the early look. `seeds[candidate]` names the systems of its recipe, one a training seed, itself the first.
    """

    scores: Mapping[str, Mapping[str, Sequence[Score]]]
    latency: Mapping[str, Sequence[LatencyPair]] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    base: str | None = None
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict)
    halves: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seed: int = 0
    seeds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    _found: dict[tuple[str, str], dict[str, ScoreColumn]] = field(default_factory=dict, compare=False, repr=False)
    _columns: dict[tuple[str, str], Column] = field(default_factory=dict, compare=False, repr=False)

    def found(self, gate: GateSpec, system: str) -> ScoreColumn | None:
        """One system's scores for the gate's metric, if there are any."""
        place = system, gate.task
        if place not in self._found:
            self._found[place] = columns_of(self.scores.get(system, {}).get(gate.task, ()))
        return self._found[place].get(gate.metric_name)

    def put(self, gate: GateSpec, system: str, column: ScoreColumn | None) -> None:
        """Let this be what `found` gives."""
        self._found[system, gate.task] = {} if column is None else {gate.metric_name: column}

    def column(self, gate: GateSpec, system: str) -> Column | None:
        """What `column` gives, made once for all gates on the metric; None where there are no rows."""
        if (gate.metric, system) not in self._columns and (found := self.found(gate, system)) is not None:
            metric = self.metrics.get(gate.metric)
            lower = metric is not None and metric.spec.better == "lower"
            self._columns[gate.metric, system] = _column(found, self.examples.get(gate.task, ()), lower=lower)
        return self._columns.get((gate.metric, system))


def refuse_unfit(gate: GateSpec, metrics: Mapping[str, Metric], where: str = "") -> None:
    """Raise `cannot-gate` if the gate's metric is a diagnostic or not a mean of one fraction for each example."""
    metric = metrics.get(gate.metric)
    if metric is None or _fit(metric):
        return
    can = sorted(name for name, other in metrics.items() if _fit(other))
    why = "not a mean of one fraction for each example"
    if metric.spec.better == "neither":
        why = "a diagnostic: neither more nor less of it is better"
    raise UsageError(
        f"gate '{gate.name}' judges {gate.metric}, which is {why}",
        code="cannot-gate",
        fix=f"gate on one of: {', '.join(can)}" if can else "gate on a metric such as accuracy",
        where=where,
    )


def _fit(metric: Metric) -> bool:
    return metric.is_mean and metric.spec.unit == "fraction" and metric.spec.better != "neither"


def column(gate: GateSpec, system: str, data: GateData) -> Column:
    """One system's scores for the gate's metric by example id (lists of repeats), turned if lower is better.

    Raises:
        EvalgateError: `cannot-gate`, `not-measured`.
    """
    refuse_unfit(gate, data.metrics)
    found = data.column(gate, system)
    if found is None:
        raise EvalgateError(
            f"gate '{gate.name}' needs {gate.metric} of '{system}', which was never measured",
            code="not-measured",
            fix=f"run the suite again without `--no-resume`: only what is missing is measured; or remove '{gate.name}'",
        )
    return found


def _column(found: ScoreColumn, examples: Sequence[str], *, lower: bool) -> Column:
    values = found.values
    if lower:
        values = [None if value is None else 1 - value for value in values]
    single: dict[str, Entry] = {**dict.fromkeys(examples), **dict(zip(found.ids, values, strict=True))}
    if not found.repeats and len(set(found.ids)) == len(found.ids):
        n_lost = sum(value is None for value in single.values())
        return Column(single, n_lost / len(single), n_lost)
    lists: dict[str, list[float | None]] = {i: [] for i in examples}
    for example_id, value in zip(found.ids, values, strict=True):
        lists.setdefault(example_id, []).append(value)
    entries: dict[str, Entry] = {i: values[0] if len(values) == 1 else values or None for i, values in lists.items()}
    n_unscored = sum(not values or None in values for values in lists.values())
    return Column(entries, n_unscored / len(lists), n_unscored)


def scored(gate: GateSpec, systems: Sequence[str], data: GateData) -> list[str]:
    """Those systems that have rows for the gate's metric."""
    return [system for system in systems if data.found(gate, system) is not None]


def clusters_of(gate: GateSpec, systems: Sequence[str], data: GateData) -> dict[str, str | None] | None:
    """Example id -> cluster.

    Subjects of a capability benchmark are strata, for the same ones are asked again, unless the gate calls them
    clusters: then its claim is about subjects like these.
    """
    capability = gate.task == CAPABILITY
    if capability and gate.subjects != "clusters":
        return None
    found: dict[str, str | None] = {}
    for system in systems:
        column = data.found(gate, system)
        if column is not None:
            named = column.details if capability else column.clusters
            found |= {column.ids[place]: cluster for place, cluster in named.items()}
    return found or None


def cluster_sizes(entries: Mapping[str, Entry], clusters: Mapping[str, str | None] | None) -> list[int] | None:
    """How many examples each cluster has; None where every example stands alone."""
    codes = cluster_codes(clusters, list(entries), len(entries))
    return None if codes is None else [int(size) for size in np.bincount(codes)]


def needed_limit(gate: GateSpec) -> float:
    """The gate's limit; a gate that needs one and has none is refused."""
    if gate.limit is None:
        raise UsageError(
            f"gate '{gate.name}' has no limit", code="bad-gate", fix="add `limit:`, e.g. 0.99 (or 1.10 for latency)"
        )
    return gate.limit


def quantile_of(gate: GateSpec) -> float:
    """0.95 for `latency.p95`."""
    match = re.fullmatch(r"p(\d{1,2}(?:\.\d+)?)", gate.metric_name)
    if match is None or float(match[1]) <= 0:
        raise UsageError(
            f"gate '{gate.name}' asks for {gate.metric}, which is no latency quantile",
            code="bad-gate",
            fix="use `latency.p50` or `latency.p95`",
        )
    return float(match[1]) / 100
