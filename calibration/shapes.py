"""Score shapes: paired scores of a baseline and a candidate whose true difference is known exactly.

Shapes: `r` replications (simulated suites) of `n` examples. Scores are fractions. Draws come from tables of 256 levels,
so that every mean is a finite sum. The effect is the candidate's true gain; each shape says how it comes about.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

Array: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
Generator: TypeAlias = np.random.Generator
Pair: TypeAlias = tuple[Array, Array]
Kind: TypeAlias = Literal["graded", "binary"]

MARGIN = 0.02
N_LEVELS = 256


def levels(a: float, b: float) -> Array:
    """A Beta(a, b) distribution as 256 equally likely levels."""
    return np.asarray(betaincinv(a, b, (np.arange(N_LEVELS) + 0.5) / N_LEVELS), dtype=np.float64)


MIDDLE = levels(2, 3)
HIGH = levels(4, 2)


def draw(generator: Generator, table: Array, *size: int) -> Array:
    """Scores[size] from a table of levels."""
    return table[generator.integers(0, N_LEVELS, size=size, dtype=np.uint8)]


def chance(generator: Generator, p: float, *size: int) -> Mask:
    """True with probability `p`."""
    return np.asarray(generator.random(size, dtype=np.float32) < p)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A kind of suite. `pair(generator, r, n, effect)` gives `candidate[r, n]` and `baseline[r, n]`.

    `gain` is the smallest gain declared worth shipping, `truths` the effects that can exist.
    """

    name: str
    title: str
    kind: Kind
    gain: float
    pair: Callable[[Generator, int, int, float], Pair]
    rate: float = 0.0
    discordance: float = 0.0

    @property
    def truths(self) -> dict[str, float]:
        """The effects simulated: at the margin's edge, no gain, the declared gain, and twice that where it can be."""
        effects = {"edge": -MARGIN, "none": 0.0, "gain": self.gain, "double": 2 * self.gain}
        if self.kind == "graded":
            return effects
        return {name: e for name, e in effects.items() if changes(self.rate, self.discordance, e) is not None}


def _moved(candidate: Array, mean: float, effect: float, where: Mask | None = None, share: float = 1.0) -> Array:
    """Every score (or those in `where`, a `share` of all) moved towards 1, or towards 0, in proportion.

    `mean` is the true mean of the scores that move.
    """
    if effect == 0:
        return candidate
    step = effect / share
    moved = candidate + (1 - candidate) * (step / (1 - mean)) if effect > 0 else candidate * (1 + step / mean)
    return moved if where is None else np.where(where, moved, candidate)


def _graded(table: Array, own: float) -> Callable[[Generator, int, int, float], Pair]:
    """What the example asks, shared by both systems, mixed with what is each system's `own`."""

    def pair(generator: Generator, r: int, n: int, effect: float) -> Pair:
        shared = (1 - own) * draw(generator, table, r, n)
        baseline, candidate = (shared + own * draw(generator, table, r, n) for _ in range(2))
        return _moved(candidate, float(table.mean()), effect), baseline

    return pair


def _own_share(table: Array, sd: float) -> float:
    return sd / (math.sqrt(2) * float(table.std()))


def _identical(generator: Generator, r: int, n: int, effect: float) -> Pair:
    """Seven of ten outputs are the same; effects come from the others."""
    shared = 0.2 * draw(generator, MIDDLE, r, n)
    baseline, other = (shared + 0.8 * draw(generator, MIDDLE, r, n) for _ in range(2))
    changed = chance(generator, 0.3, r, n)
    candidate = np.where(changed, other, baseline)
    return _moved(candidate, float(MIDDLE.mean()), effect, changed, 0.3), baseline


def _zeros(generator: Generator, r: int, n: int, effect: float) -> Pair:
    """44 % of examples give both systems 0; of the others each system misses one in ten."""
    live = chance(generator, 0.56, r, n)
    shared = 0.3 * draw(generator, MIDDLE, r, n)
    sides = []
    for _ in range(2):
        scores = shared + 0.7 * draw(generator, MIDDLE, r, n)
        sides.append(scores * (live & chance(generator, 0.9, r, n)))
    candidate, baseline = sides
    return _moved(candidate, 0.9 * float(MIDDLE.mean()), effect, live, 0.56), baseline


def _fields(k: int, rate: float, redrawn: float) -> Callable[[Generator, int, int, float], Pair]:
    """`k` fields (or steps of a scale), each right at `rate`; a `redrawn` share of the candidate's is its own."""

    def pair(generator: Generator, r: int, n: int, effect: float) -> Pair:
        ours, theirs = (np.zeros((r, n), dtype=np.int64) for _ in range(2))
        for _ in range(k):
            right = chance(generator, rate, r, n)
            theirs += right
            ours += np.where(chance(generator, redrawn, r, n), chance(generator, rate, r, n), right)
        if effect > 0:
            ours += generator.binomial(k - ours, effect / (1 - rate))
        elif effect < 0:
            ours -= generator.binomial(ours, -effect / rate)
        return ours / k, theirs / k

    return pair


def _collapsing(p: float, own: float) -> Callable[[Generator, int, int, float], Pair]:
    """A share `p` of the candidate's outputs collapses to 0, the others are better by as much. A drop: more of it."""

    def pair(generator: Generator, r: int, n: int, effect: float) -> Pair:
        mean = float(HIGH.mean())
        shared = (1 - own) * draw(generator, HIGH, r, n)
        baseline, core = (shared + own * draw(generator, HIGH, r, n) for _ in range(2))
        kept = ~chance(generator, p, r, n)
        candidate = _moved(core, mean, p * mean / (1 - p)) * kept
        if effect < 0:
            return candidate * ~chance(generator, -effect / mean, r, n), baseline
        return _moved(candidate, mean / (1 - p), effect, kept, 1 - p), baseline

    return pair


def _recovering(generator: Generator, r: int, n: int, effect: float) -> Pair:
    """The mirror: 5 % of the baseline's outputs collapse, the candidate's never do."""
    baseline, candidate = _collapsing(0.05, 0.2)(generator, r, n, 0.0)
    return _moved(candidate, float(HIGH.mean()), effect), baseline


def _constant(p: float) -> Callable[[Generator, int, int, float], Pair]:
    """Against a baseline of 0.6 everywhere: a share `p` collapses, the others are better by as much, without noise."""

    def pair(generator: Generator, r: int, n: int, effect: float) -> Pair:
        baseline = np.full((r, n), 0.6)
        kept = ~chance(generator, p, r, n)
        candidate: Array = np.where(kept, 0.6 / (1 - p), 0.0)
        if effect < 0:
            return candidate * ~chance(generator, -effect / 0.6, r, n), baseline
        return _moved(candidate, 0.6 / (1 - p), effect, kept, 1 - p), baseline

    return pair


def changes(rate: float, discordance: float, effect: float) -> tuple[float, float] | None:
    """How often only the candidate, and only the baseline, is right; None where such an effect cannot exist."""
    gained = (discordance + effect) / 2
    lost = gained - effect
    if effect > 0:
        gained = min(gained, 1 - rate)
        lost = gained - effect
    elif effect < 0:
        lost = min(lost, rate)
        gained = lost + effect
    rounding = 1e-12
    if min(gained, lost) < -rounding or gained > 1 - rate + rounding or lost > rate + rounding:
        return None
    return max(gained, 0.0), max(lost, 0.0)


def _accuracy(rate: float, discordance: float) -> Callable[[Generator, int, int, float], Pair]:
    def pair(generator: Generator, r: int, n: int, effect: float) -> Pair:
        both = changes(rate, discordance, effect)
        if both is None:
            raise ValueError(f"a rate of {rate} cannot change by {effect}")
        gained, lost = both
        place = generator.random((r, n))
        right = place >= 1 - (rate - lost)  # both systems right; the middle is both wrong
        only_candidate = place < gained
        only_baseline = (place >= gained) & (place < gained + lost)
        return (right | only_candidate).astype(np.float64), (right | only_baseline).astype(np.float64)

    return pair


def _binary(rate: float, discordance: float, gain: float) -> Shape:
    return Shape(
        name=f"acc-{round(100 * rate)}-{round(100 * discordance)}",
        title=f"accuracy {rate:.0%}, {discordance:.0%} of answers differ",
        kind="binary", gain=gain, pair=_accuracy(rate, discordance), rate=rate, discordance=discordance,
    )  # fmt: skip


def _shape(name: str, title: str, pair: Callable[[Generator, int, int, float], Pair]) -> Shape:
    return Shape(name=name, title=title, kind="graded", gain=0.05, pair=pair)


GRADED = (
    _shape("steady", "text overlap, sd of a difference 0.157", _graded(MIDDLE, _own_share(MIDDLE, 0.157))),
    _shape("noisy", "text overlap, sd 0.252", _graded(MIDDLE, _own_share(MIDDLE, 0.252))),
    _shape("identical", "70% of outputs identical", _identical),
    _shape("zeros", "44% of examples 0 for both", _zeros),
    _shape("fields", "five fields, most answers tied", _fields(5, 0.87, 0.225)),
    _shape("judge", "five-step scale", _fields(4, 0.7, 0.6)),
    _shape("skew-left", "5% collapse to 0, the rest better", _collapsing(0.05, 0.2)),
    _shape("skew-right", "the baseline collapses in 5%", _recovering),
    _shape("rare", "1% collapse, the rest better, little noise", _collapsing(0.01, 0.02)),
    _shape("constant", "3% collapse, constant baseline, no noise", _constant(0.03)),
    _shape("sparse", "nothing changes but for collapses, no noise", _constant(0.0)),
)
BINARY = (
    _binary(0.5, 0.2, 0.05),
    _binary(0.7, 0.4, 0.05),
    _binary(0.8, 0.1, 0.05),
    _binary(0.97, 0.04, 0.02),
    _binary(0.03, 0.04, 0.02),
    _binary(0.99, 0.02, 0.01),
)
ALL = {shape.name: shape for shape in (*GRADED, *BINARY)}
