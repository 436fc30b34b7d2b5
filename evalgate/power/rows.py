"""One gate's power: what its n shows, the n that it needs, and its chance to pass, as numbers and as a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evalgate.core.data import GateSpec
from evalgate.core.record import Record
from evalgate.gates.columns import needed_limit, quantile_of
from evalgate.gates.words import count, percent, points
from evalgate.power.spread import CORRELATION, Spread
from evalgate.stats import power as stats
from evalgate.stats.paired import MIN_CLUSTERS, MIN_PAIRS
from evalgate.stats.plan import no_flip_n
from evalgate.stats.proportion import effective_n, floor_n
from evalgate.stats.quantile import min_pairs

POWERS = (0.8, 0.9)
# How far above a floor on a mean of graded scores the truth is taken to lie.
ABOVE_MEAN_FLOOR = 0.05


class Curve(Record, frozen=True, kw_only=True):
    """The chance to pass with `n` examples for each of several truths; the first truth must not pass: its chance is the
    false-ship rate. Truths are gains, changes, rates, means or latency ratios.
    """

    n: int
    truths: tuple[float, ...]
    chances: tuple[float, ...]


class GatePower(Record, frozen=True, kw_only=True):
    """What a gate can show. `shows` and `needs` are at 80 % and at 90 % power; None where no number does.

    `least` is the smallest n at which it can pass at all; `curves` are at half the present n (or of what it needs), at
    it and at twice it.
    `shows` is a gain, a drop that can be ruled out, a true rate or mean, or a true latency ratio. `needs` and `chance`
    (at the present n) suppose the `truth`. `enough` compares with the asked power.
    """

    gate: str
    metric: str
    asks: str
    truth: str
    alpha: float
    n: int | None
    n_effective: float | None
    spread: str
    shows: tuple[float | None, ...]
    needs: tuple[int | None, ...]
    chance: float | None
    enough: bool | None
    sentence: str
    least: int | None = None
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """A kind of gate's formulas: what n shows and needs at a power, its chance at n, and how these are said."""

    asks: str
    truth: str
    shows: Callable[[int, float], float | None]
    needs: Callable[[float], int | None]
    chance: Callable[[int], float]
    said: Callable[[float], str]
    truths: tuple[float, ...]
    passes: Callable[[float, int], float]
    least: int | None
    unit: str = "examples"
    effective: float | None = None
    note: str = ""


def plan_gate(
    gate: GateSpec, *, alpha: float, n: int | None, spread: Spread, sizes: Sequence[int] | None = None,
    power: float = POWERS[0],
) -> GatePower:  # fmt: skip
    """A gate's power at level `alpha` with `n` examples (latency: pairs; None: not known) in clusters of `sizes`."""
    answer = _answer(gate, alpha, n, spread, list(sizes) if sizes else None)
    shows = tuple(answer.shows(n, p) if n else None for p in POWERS)
    needs = tuple(answer.needs(p) for p in POWERS)
    chance = answer.chance(n) if n else None
    return GatePower(
        gate=gate.name, metric=gate.metric, asks=answer.asks, truth=answer.truth, alpha=alpha, n=n,
        n_effective=answer.effective if n else None, spread=spread.source, shows=shows, needs=needs, chance=chance,
        enough=None if chance is None else chance >= power, sentence=_sentence(answer, n, shows, needs),
        least=answer.least, curves=_curves(answer, n or needs[0]),
    )  # fmt: skip


def _curves(answer: _Answer, n: int | None) -> tuple[Curve, ...]:
    sizes = [] if n is None else [max(1, n // 2), n, 2 * n]
    return tuple(
        Curve(n=size, truths=answer.truths, chances=tuple(answer.passes(truth, size) for truth in answer.truths))
        for size in sizes
    )


def _answer(gate: GateSpec, alpha: float, n: int | None, spread: Spread, sizes: list[int] | None) -> _Answer:
    if gate.is_timed:
        return _latency(gate, alpha, spread)
    if gate.rule in ("at_least", "at_most"):
        limit = needed_limit(gate)
        floor = limit if gate.rule == "at_least" else 1 - limit
        return _floor(floor, alpha, n, spread, sizes) if spread.binary else _mean_floor(floor, alpha, n, spread, sizes)
    return _paired(gate, alpha, n, spread, sizes)


def _mean_plan(
    gate: GateSpec | None, alpha: float, spread: Spread, sizes: list[int] | None, lift: float
) -> stats.MeanPlan:
    deff = stats.design_effect(sizes, CORRELATION) if sizes and not spread.clustered else 1.0
    guarded = not spread.binary and (gate is None or gate.collapse_guard)
    return stats.MeanPlan(
        sd=spread.sd * math.sqrt(deff), alpha=alpha, collapse=spread.base_mean + lift if guarded else 0.0,
        per_cluster=sum(sizes) / len(sizes) if sizes else 1.0, normal=spread.binary and not sizes,
    )  # fmt: skip


def _least(sizes: list[int] | None, extra: int = 0) -> int:
    """What no gate decides below: 20 pairs, 8 clusters of the present size."""
    return max(MIN_PAIRS, extra, math.ceil(MIN_CLUSTERS * sum(sizes) / len(sizes)) if sizes else 0)


def _few(n: int, sizes: list[int] | None) -> bool:
    return n < MIN_PAIRS or (sizes is not None and len(sizes) < MIN_CLUSTERS)


def _paired(gate: GateSpec, alpha: float, n: int | None, spread: Spread, sizes: list[int] | None) -> _Answer:
    better = gate.rule == "better_than_baselines"
    limit, gain = gate.margin if better else 0.0, gate.min_gain if better else None
    gap = (gain - limit if gain is not None else 0.0) if better else gate.margin
    plan = _mean_plan(gate, alpha, spread, sizes, gain or 0.0)
    least = _least(sizes, no_flip_n(gap, alpha) if spread.binary and not better and gap > 0 else 0)
    above = f" above a margin of {points(limit)}" if limit else ""
    return _Answer(
        asks=(f"a gain of {points(gain or 0.0)} points{above}" if better else f"no drop of {points(gap)} points"),
        truth="the gain is as declared" if better else "nothing has changed",
        shows=lambda n, p: None if _few(n, sizes) else limit + plan.effect(n, p),
        needs=lambda p: _at_least(plan.n(gap, p), least),
        chance=lambda n: 0.0 if n < least or _few(n, sizes) else plan.chance(gap, n),
        said=lambda v: f"a gain of {points(v)} points is seen" if better else (
            f"a drop of {points(v)} points is ruled out, if there is none,"),
        truths=tuple(limit + gap * k for k in (0, 0.5, 1, 1.5, 2)) if better else tuple(gap * k for k in (-1, -0.5, 0)),
        passes=lambda truth, n: 0.0 if n < least else plan.chance(truth - limit if better else gap + truth, n),
        least=least,
        effective=None if n is None else n * (spread.sd / plan.sd) ** 2,
    )  # fmt: skip


def _mean_floor(floor: float, alpha: float, n: int | None, spread: Spread, sizes: list[int] | None) -> _Answer:
    gap = ABOVE_MEAN_FLOOR if spread.rate is None else spread.rate - floor
    plan = _mean_plan(None, alpha, spread, sizes, floor if spread.rate is None else spread.rate)
    truth = f"the mean is {points(floor + gap)} points" + ("" if spread.rate is None else ", as measured")
    return _Answer(
        asks=f"a mean of at least {points(floor)} points", truth=truth,
        shows=lambda n, p: None if _few(n, sizes) else floor + plan.effect(n, p),
        needs=lambda p: _at_least(plan.n(gap, p), _least(sizes)),
        chance=lambda n: 0.0 if _few(n, sizes) else plan.chance(gap, n),
        said=lambda v: f"a true mean of {points(v)} points passes",
        truths=tuple(floor + gap * k for k in (0, 0.5, 1, 1.5)),
        passes=lambda truth, n: 0.0 if n < _least(sizes) else plan.chance(truth - floor, n), least=_least(sizes),
        effective=None if n is None else n * (spread.sd / plan.sd) ** 2,
    )  # fmt: skip


def _floor(floor: float, alpha: float, n: int | None, spread: Spread, sizes: list[int] | None) -> _Answer:
    rate = (1 + floor) / 2 if spread.rate is None else spread.rate
    worth = 1.0 if sizes is None else effective_n(sum(sizes), sizes) / sum(sizes)

    def needs(power: float) -> int | None:
        found = stats.floor_examples(rate, floor, alpha, power)
        return None if found is None else math.ceil(found / worth - 1e-9)

    said = "as measured" if spread.rate is not None else "half of the allowed failures"
    least = floor_n(0, floor, alpha)
    least = None if least is None else math.ceil(least / worth - 1e-9)
    note = "" if least is None else f" Without a single failure {count(least)} are the least."
    return _Answer(
        asks=f"a rate of at least {percent(floor)}", truth=f"the rate is {percent(rate)}: {said}",
        shows=lambda n, p: stats.floor_rate(_whole(n * worth), floor, alpha, p),
        needs=needs, chance=lambda n: stats.floor_chance(rate, _whole(n * worth), floor, alpha),
        said=lambda v: f"a true rate of {percent(v)} passes", effective=None if n is None else n * worth,
        truths=tuple(floor + (1 - floor) * k for k in (0, 0.25, 0.5, 0.75, 1)), least=least, note=note,
        passes=lambda truth, n: stats.floor_chance(truth, _whole(n * worth), floor, alpha),
    )  # fmt: skip


def _latency(gate: GateSpec, alpha: float, spread: Spread) -> _Answer:
    limit, least = needed_limit(gate), min_pairs(quantile_of(gate))
    return _Answer(
        asks=f"at most {limit:.2f}× the baseline's {gate.metric_name}", truth="nothing has changed", unit="pairs",
        shows=lambda n, p: None if n < least else stats.ratio_effect(n, limit, spread.sd, alpha, p),
        needs=lambda p: _at_least(stats.ratio_pairs(limit, spread.sd, alpha, p), least),
        chance=lambda n: 0.0 if n < least else stats.ratio_chance(1.0, n, limit, spread.sd, alpha),
        said=lambda v: f"a true ratio of {v:.2f} passes {limit:.2f}",
        truths=(limit, math.sqrt(limit), 1.0), least=least,
        passes=lambda truth, n: 0.0 if n < least else stats.ratio_chance(truth, n, limit, spread.sd, alpha),
    )  # fmt: skip


def _whole(n: float) -> int:
    return math.floor(n + 1e-9)


def _at_least(n: int | None, least: int) -> int | None:
    return None if n is None else max(n, least)


def _sentence(answer: _Answer, n: int | None, shows: Sequence[float | None], needs: Sequence[int | None]) -> str:
    first, second = needs
    if first is None or second is None:
        need = f"No number of {answer.unit} is enough if {answer.truth}.{answer.note}"
    else:
        need = (
            f"To pass 8 times in 10 it needs {count(first)} {answer.unit}, 9 times in 10 {count(second)}, "
            f"if {answer.truth}.{answer.note}"
        )
    if n is None:
        return need
    if shows[0] is None:
        return f"With {count(n)} {answer.unit} it cannot pass. {need}"
    return f"With {count(n)} {answer.unit} {answer.said(shows[0])} 8 times in 10. {need}"
