"""Gates that cannot pass whatever the candidate does: refused before anything runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evalgate.core.data import GateSpec
from evalgate.core.errors import EvalgateError
from evalgate.gates.columns import quantile_of
from evalgate.gates.words import count, percent, points
from evalgate.stats.paired import MIN_CLUSTERS, MIN_PAIRS
from evalgate.stats.plan import no_flip_n, paired_n
from evalgate.stats.proportion import effective_n, floor_n
from evalgate.stats.quantile import advised_pairs, min_pairs

# Share of answers that differ between two similar systems: for the realistic n in a message.
TYPICAL_DISCORDANCE = 0.10


def impossible(
    gate: GateSpec,
    n: int,
    *,
    alpha: float | None = None,
    cluster_sizes: Sequence[int] | None = None,
    binary: bool = True,
    lower_is_better: bool = False,
) -> list[str]:
    """Why `gate` cannot pass with `n` examples (latency: pairs), each as a sentence with the n that would do.

    Empty where a pass is possible. `alpha` overrides the gate's; `binary` says that its metric's scores are 0 or 1;
    `cluster_sizes` are the numbers of examples in each cluster, where examples are not independent.
    """
    level = gate.alpha if alpha is None else alpha
    name = f"gate '{gate.name}'"
    if gate.is_timed:
        return _latency(gate, name, n)
    if gate.rule in ("at_least", "at_most"):
        return _floor(gate, name, n, level, cluster_sizes, binary=binary, lower=lower_is_better)
    found = _clusters(name, cluster_sizes)
    if n < MIN_PAIRS:
        found.append(f"{name} cannot be judged on {n} examples: {MIN_PAIRS} are the least")
    if gate.rule == "better_than_baselines":
        return found + _superiority(gate, name)
    return found + _non_inferiority(gate, name, n, level, binary=binary)


def _clusters(name: str, sizes: Sequence[int] | None) -> list[str]:
    if sizes is None or len(sizes) >= MIN_CLUSTERS:
        return []
    return [
        f"{name} cannot be judged on examples from {len(sizes)} clusters, however many they are: "
        f"{MIN_CLUSTERS} clusters are the least"
    ]


def _latency(gate: GateSpec, name: str, n: int) -> list[str]:
    if gate.rule != "not_worse_than_baseline" or gate.limit is None or gate.limit <= 0:
        return [f"{name} on latency needs `rule: not_worse_than_baseline` and a `limit`, the largest ratio allowed"]
    try:
        quantile = quantile_of(gate)
    except EvalgateError as error:
        return [error.what]
    least = min_pairs(quantile)
    if n >= least:
        return []
    return [
        f"{name} cannot pass: {gate.metric_name} from {count(n)} pairs is always inconclusive; "
        f"{count(least)} pairs are the least, {count(advised_pairs(quantile))} are advised"
    ]


def _floor(
    gate: GateSpec, name: str, n: int, alpha: float, sizes: Sequence[int] | None, *, binary: bool, lower: bool
) -> list[str]:
    if gate.limit is None:
        return [f"{name} has no `limit`"]
    right = "at_most" if lower else "at_least"
    if gate.rule != right:
        return [f"{name}: {gate.metric} is {'lower' if lower else 'higher'}-is-better, so its rule is `{right}`"]
    floor = 1 - gate.limit if lower else gate.limit
    if not 0 < floor <= 1:
        return [f"{name} can never be failed: its limit {gate.limit:g} holds for every system"]
    if floor == 1:
        return [
            f"{name} cannot pass: no number of examples proves 100%; "
            "set a limit below it (299 examples without a failure prove 99%) and `zero_tolerance: true`"
        ]
    if found := _clusters(name, sizes):
        return found
    if not binary:
        return [f"{name} cannot be judged on {n} examples: {MIN_PAIRS} are the least"] if n < MIN_PAIRS else []
    least, effective = floor_n(0, floor, alpha), effective_n(n, sizes)
    if least is not None and effective >= least:
        return []
    what = f"{count(n)} examples"
    if sizes is not None:
        what += f" from {len(sizes)} clusters (which may tell no more than {math.floor(effective)} independent ones)"
    return [
        f"{name} cannot pass: {what} without a single failure do not prove {percent(floor)} "
        f"({percent(1 - alpha)} confidence); " + ("no n does" if least is None else f"{count(least)} do")
    ]


def _superiority(gate: GateSpec, name: str) -> list[str]:
    if gate.min_gain is None:
        return [f"{name} does not declare `min_gain`, the smallest gain worth shipping (5 points are 0.05)"]
    if gate.min_gain <= gate.margin:
        return [f"{name}: `min_gain` ({gate.min_gain:g}) must be above `margin` ({gate.margin:g})"]
    return []


def _non_inferiority(gate: GateSpec, name: str, n: int, alpha: float, *, binary: bool) -> list[str]:
    if gate.margin <= 0:
        return [f"{name} does not declare `margin`, the largest drop allowed (2 points are 0.02)"]
    least = no_flip_n(gate.margin, alpha)
    if not binary or n >= least:
        return []
    usual = paired_n(TYPICAL_DISCORDANCE**0.5, gate.margin, alpha=alpha, power=0.8)
    return [
        f"{name} cannot pass: {count(n)} examples cannot rule out a drop of {points(gate.margin)} points, even if not "
        f"one answer changes; that takes {count(least)}, and about {count(usual or least)} if 10% of the answers change"
    ]
