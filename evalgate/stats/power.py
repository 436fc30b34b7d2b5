"""The chance that a gate passes, and its inverses: the least effect that `n` examples show, and the least n for one.

`effect` is how far the truth lies from a gate's limit, in the gate's direction. Sources: Julious 2023 for the t test
(noncentral t), Clopper and Pearson 1934 for floors; the guard is that of docs/decisions/0009.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.special import bdtr, nctdtr, ndtr, stdtrit

from evalgate.stats.paired import unseen_at
from evalgate.stats.plan import least_n, z_of
from evalgate.stats.proportion import floor_n, p_at_least

# From so many degrees of freedom on t is normal to four digits.
NORMAL_DF = 2_000
# A floor that allows more failures than this is not searched further.
MOST_FAILURES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanPlan:
    """What one paired gate's power depends on, but for n and the effect.

    `sd` is of one example's difference (its design effect included), `collapse` how far one unseen collapsed answer
    lies below the mean (0 without the guard), `per_cluster` the mean cluster size. 0/1 scores are judged by a score
    test, whose quantile is normal.
    """

    sd: float
    alpha: float
    collapse: float = 0.0
    per_cluster: float = 1.0
    normal: bool = False

    def chance(self, effect: float, n: float) -> float:
        """The chance that a true `effect` passes with `n` examples."""
        df = max(1.0, n / self.per_cluster - 1)
        crit = z_of(self.alpha) if self.normal else -float(stdtrit(df, self.alpha))
        # Each hypothetical example shifts the mean by c/n and widens its error.
        unseen = unseen_at(self.alpha)
        guarded = crit * math.sqrt(self.sd**2 + unseen * self.collapse**2 / n) / self.sd
        shift = (effect - unseen * self.collapse / n) * math.sqrt(n) / self.sd
        if self.normal or df > NORMAL_DF:
            return float(ndtr(shift - guarded))
        return 1 - float(nctdtr(df, shift, guarded))

    def effect(self, n: int, power: float) -> float:
        """The least true effect that `n` examples show with this power."""
        return _crossing(lambda effect: self.chance(effect, n) >= power, 4.0)

    def n(self, effect: float, power: float) -> int | None:
        """The least n that shows `effect` with this power; None where no n does."""
        return None if effect <= 0 else least_n(lambda n: self.chance(effect, n) >= power, start=2)


def _crossing(enough: Callable[[float], bool], high: float) -> float:
    low = 0.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def failures_allowed(n: int, floor: float, alpha: float) -> int:
    """With how many failures among `n` a floor still passes; -1 where not even none will do."""
    if n < 1 or p_at_least(n, n, floor) > alpha:
        return -1
    low, high = 0, n
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if p_at_least(n - middle, n, floor) <= alpha else (low, middle)
    return low


def floor_chance(rate: float, n: int, floor: float, alpha: float) -> float:
    """The chance that a system whose true rate is `rate` passes a floor with `n` independent examples."""
    allowed = failures_allowed(n, floor, alpha)
    return 0.0 if allowed < 0 else float(bdtr(allowed, n, 1 - rate))


def floor_rate(n: int, floor: float, alpha: float, power: float) -> float | None:
    """The least true rate that passes a floor with this power; None where `n` examples can never pass it."""
    if failures_allowed(n, floor, alpha) < 0:
        return None
    return 1 - _crossing_down(lambda miss: floor_chance(1 - miss, n, floor, alpha) >= power, 1 - floor)


def _crossing_down(enough: Callable[[float], bool], high: float) -> float:
    low = 0.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if enough(middle) else (low, middle)
    return low


def floor_examples(rate: float, floor: float, alpha: float, power: float) -> int | None:
    """The least n with which a true `rate` passes a floor with this power; None at or near the floor."""
    if rate <= floor:
        return None
    for failures in range(MOST_FAILURES):
        n = floor_n(failures, floor, alpha)
        if n is None:
            return None
        if bdtr(failures, n, 1 - rate) >= power:
            return n
    return None


def ratio_chance(ratio: float, n: int, limit: float, spread: float, alpha: float) -> float:
    """The chance that a true latency ratio passes `limit`; `spread` is the log ratio's error times sqrt(n)."""
    return float(ndtr(math.log(limit / ratio) * math.sqrt(n) / spread - z_of(alpha)))


def ratio_pairs(limit: float, spread: float, alpha: float, power: float) -> int | None:
    """The pairs with which an unchanged latency passes `limit`; None for a limit of at most 1."""
    if limit <= 1:
        return None
    return math.ceil(((z_of(alpha) + z_of(1 - power)) * spread / math.log(limit)) ** 2)


def ratio_effect(n: int, limit: float, spread: float, alpha: float, power: float) -> float:
    """The largest true ratio that still passes `limit` with this power."""
    return limit * math.exp(-(z_of(alpha) + z_of(1 - power)) * spread / math.sqrt(n))


def design_effect(sizes: list[int], correlation: float) -> float:
    """By how much clusters widen the variance of a mean: `1 + (sum(m^2)/n - 1) * correlation`. Source: Kish 1965."""
    return 1 + (sum(size * size for size in sizes) / sum(sizes) - 1) * correlation
