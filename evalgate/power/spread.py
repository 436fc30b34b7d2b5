"""How much one example tells: assumed by kind of metric, or measured on a recorded run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import ndtri

from evalgate.core.data import GateSpec
from evalgate.core.serving import LatencyPair
from evalgate.feasibility import ZERO_OR_ONE
from evalgate.gates.columns import Column, GateData, clusters_of, column, quantile_of, scored
from evalgate.gates.pairs import align
from evalgate.judging import metrics_of
from evalgate.stats.paired import paired_test
from evalgate.stats.plan import z_of
from evalgate.stats.quantile import n_resamples, quantile_ratio
from evalgate.store import BASE, CAPABILITY, RunData

GRADED_SD, DISCORDANCE, CAPABILITY_DISCORDANCE = 0.25, 0.2, 0.1
BASE_MEAN = 0.5
# What a p95 of 500 interleaved pairs shows (docs/decisions/0013), carried over to other quantiles.
LATENCY_SCALE = 0.41
CORRELATION = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """`sd` of one example's difference (latency: of the log ratio, times sqrt(n)), and where it is known from.

    `rate` is a floor's measured rate, `base_mean` the baseline's mean score, `clustered` whether `sd` holds clusters.
    """

    sd: float
    binary: bool
    source: str
    base_mean: float = BASE_MEAN
    rate: float | None = None
    n: int | None = None
    clustered: bool = False


def assumed(gate: GateSpec) -> Spread:
    """What is usual for the gate's kind of metric; a pilot run tells the truth."""
    if gate.is_timed:
        quantile = quantile_of(gate)
        sd = LATENCY_SCALE * quantile_scale(quantile)
        return Spread(sd=sd, binary=False, source=f"assumed spread {sd:.2f} of the log ratio")
    if gate.metric_name in ZERO_OR_ONE and gate.rule in ("at_least", "at_most"):
        return Spread(sd=math.sqrt(DISCORDANCE), binary=True, source="assumed rate")
    if gate.metric_name in ZERO_OR_ONE:
        share = CAPABILITY_DISCORDANCE if gate.task == CAPABILITY else DISCORDANCE
        return Spread(sd=math.sqrt(share), binary=True, source=f"assumed discordance {share:g}")
    return Spread(sd=GRADED_SD, binary=False, source=f"assumed sd {GRADED_SD:g}")


def quantile_scale(quantile: float) -> float:
    """The error of a normal sample's quantile relative to its sd: `sqrt(q(1-q)) / phi(z_q)`."""
    z = float(ndtri(quantile))
    return math.sqrt(quantile * (1 - quantile) * 2 * math.pi) * math.exp(z * z / 2)


def measured(gate: GateSpec, data: RunData) -> Spread | None:
    """The spread in a recorded run: the widest over its candidates and what they are compared with; None if not there.

    Examples that either system did not answer are left out. No effect is read from the run, but for a floor's rate.
    """
    run = data.run
    if gate.is_timed:
        pairs = [data.latency.get(name, []) for name in run.candidates]
        found = [_latency(gate, rows) for rows in pairs if sum(row.times(gate.task) is not None for row in rows) > 1]
        return max(found, key=lambda spread: spread.sd, default=None)
    table = GateData(scores=data.scores, metrics=metrics_of(data), base=BASE)
    mine = scored(gate, run.candidates, table)
    if gate.rule in ("at_least", "at_most"):
        return min((_rate(gate, name, table) for name in mine), key=lambda spread: spread.rate or 0.0, default=None)
    others = scored(gate, [BASE], table) if gate.rule == "not_worse_than_baseline" else []
    others = others or scored(gate, run.baselines, table)
    found = [spread for name in mine for other in others if (spread := _paired(gate, name, other, table)) is not None]
    return max(found, key=lambda spread: spread.sd, default=None)


def _known(columns: Mapping[str, Column]) -> list[str]:
    """The examples that every system has a whole score for."""
    first, *rest = columns.values()
    return [i for i in first.entries if all(_whole(c.entries.get(i)) for c in (first, *rest))]


def _whole(entry: object) -> bool:
    return entry is not None and not (isinstance(entry, list) and None in entry)


def _paired(gate: GateSpec, name: str, other: str, table: GateData) -> Spread | None:
    columns = {system: column(gate, system, table) for system in (name, other)}
    ids = _known(columns)
    if len(ids) < 2:
        return None
    clusters = clusters_of(gate, [name, other], table)
    sides = [{i: columns[system].entries[i] for i in ids} for system in (name, other)]
    pairs = align(sides[0], sides[1], clusters)
    test = paired_test(pairs.candidate, pairs.baseline, codes=pairs.codes, binary=pairs.binary, guard=False)
    # Not one differing answer, or one number everywhere: the next one may be the first.
    sd = max(test.sd, 1 / math.sqrt(len(ids)) if pairs.binary else 0.01)
    word = f"discordance {sd * sd:.2g}" if pairs.binary and pairs.codes is None else f"sd {sd:.2g}"
    return Spread(
        sd=sd, binary=pairs.binary, base_mean=test.base_mean, n=len(ids), clustered=pairs.codes is not None,
        source=f"measured {word} ({name} against {other}, {len(ids)} examples)",
    )  # fmt: skip


def _rate(gate: GateSpec, name: str, table: GateData) -> Spread:
    found = column(gate, name, table)
    ids = _known({name: found})
    sides = align({i: found.entries[i] for i in ids}, dict.fromkeys(ids, 0.0))
    rate, sd = float(sides.candidate.mean()), float(sides.candidate.std(ddof=1)) if len(ids) > 1 else GRADED_SD
    return Spread(
        sd=max(sd, 0.01), binary=sides.binary, rate=rate, base_mean=0.0, n=len(ids),
        source=f"measured rate {100 * rate:.1f}% ({name}, {len(ids)} examples)",
    )  # fmt: skip


def _latency(gate: GateSpec, rows: list[LatencyPair]) -> Spread:
    import numpy as np

    alpha, n = 0.05, len(rows)
    times = np.array([found for row in rows if (found := row.times(gate.task))])
    candidate, baseline = times[:, 0], times[:, 1]
    ratio = quantile_ratio(candidate, baseline, quantile=quantile_of(gate), b=n_resamples(alpha), seed=0)
    sd = math.log(ratio.high(alpha) / ratio.low(alpha)) / (2 * z_of(alpha)) * math.sqrt(n)
    return Spread(sd=max(sd, 0.01), binary=False, n=n, source=f"measured spread {sd:.2f} ({n} pairs)")
