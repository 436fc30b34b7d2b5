"""One-sided tests and intervals for the mean of paired differences: paired t, CR1 for clusters, Tango for 0/1 scores.

Shapes: `n` examples, `g` clusters. Differences are candidate minus baseline, in fractions (-1 to 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

MIN_PAIRS = 20
MIN_CLUSTERS = 8
# Differences closer together than this are the same number up to rounding.
NO_SPREAD = 1e-12
# Below this level a pass must survive a second unseen collapse: halfway between 0.05, where one is right, and 0.05**2,
# where two are (on a logarithmic scale).
SECOND_LEVEL = 0.05**1.5


def unseen_at(level: float) -> int:
    """How many unseen collapses a pass at this level must survive: 1, below `SECOND_LEVEL` 2."""
    return 1 if level >= SECOND_LEVEL else 2


class Test(Protocol):
    """A one-sided test of a mean difference against any limit, in both directions, with the bounds that match it."""

    @property
    def value(self) -> float:
        """The observed mean difference."""

    def p_above(self, limit: float) -> float:
        """The p-value of "the mean difference is at most `limit`"; small means it lies above."""

    def p_below(self, limit: float) -> float:
        """The p-value of "the mean difference is at least `limit`"; small means it lies below."""

    def low(self, alpha: float) -> float:
        """The one-sided lower bound at confidence `1 - alpha`."""

    def high(self, alpha: float) -> float:
        """The one-sided upper bound at confidence `1 - alpha`."""


@dataclass(frozen=True, slots=True)
class MeanTest:
    """Student's t for a mean: `se` is its standard error, `df` the degrees of freedom (n-1, or g-1 with clusters)."""

    value: float
    se: float
    df: int

    def p_above(self, limit: float) -> float:
        """The p-value of "mean <= limit"; without any spread it is 0 or 1."""
        if self.se == 0:
            return 0.0 if self.value > limit else 1.0
        return float(stdtr(self.df, -(self.value - limit) / self.se))

    def p_below(self, limit: float) -> float:
        """The p-value of "mean >= limit"; without any spread it is 0 or 1."""
        if self.se == 0:
            return 0.0 if self.value < limit else 1.0
        return float(stdtr(self.df, (self.value - limit) / self.se))

    def low(self, alpha: float) -> float:
        """The one-sided lower bound at confidence `1 - alpha`, not below -1."""
        return max(-1.0, self.value + self.se * float(stdtrit(self.df, alpha)))

    def high(self, alpha: float) -> float:
        """The one-sided upper bound at confidence `1 - alpha`, not above 1."""
        return min(1.0, self.value - self.se * float(stdtrit(self.df, alpha)))


def t_test(differences: Array) -> MeanTest:
    """The paired t test of `differences[n]`, n >= 2; the same for every order of the examples."""
    d = np.sort(differences)
    n = d.size
    flat = d[-1] - d[0] <= NO_SPREAD
    return MeanTest(float(d.mean()), 0.0 if flat else float(d.std(ddof=1)) / math.sqrt(n), n - 1)


def cluster_test(differences: Array, codes: Codes) -> MeanTest:
    """Cluster-robust (CR1) t test of `differences[n]` whose examples share clusters `codes[n]` (0 to g-1, g >= 2).

    Source: Liang and Zeger 1986 with the g/(g-1) correction; equal to OLS on a constant with clustered errors.
    """
    n, g = differences.size, int(codes.max()) + 1
    mean = float(differences.mean())
    sums = np.bincount(codes, weights=differences - mean, minlength=g)
    se = math.sqrt(g / (g - 1) * float(sums @ sums)) / n
    return MeanTest(mean, se if se > NO_SPREAD else 0.0, g - 1)


@dataclass(frozen=True, slots=True)
class TangoTest:
    """Tango's score test for paired 0/1 scores; at limit 0 it is McNemar's z.

    `gained` examples only the candidate got right, `lost` only the baseline, of `n` in all; means over seeds may be
    broken numbers.
    Source: Tango 1998, Statistics in Medicine 17:891-908.
    """

    gained: float
    lost: float
    n: int

    @property
    def value(self) -> float:
        """The observed difference of the two rates."""
        return (self.gained - self.lost) / self.n

    def z(self, limit: float) -> float:
        """The score statistic of "difference = limit", -1 < limit < 1; 0 where nothing speaks either way."""
        n, b, c = self.n, self.gained, self.lost
        linear = (2 * n - b + c) * limit - b - c
        root = math.sqrt(max(0.0, linear * linear + 8 * n * c * limit * (1 - limit)))
        lost_rate = (root - linear) / (4 * n)
        variance = n * (2 * lost_rate + limit * (1 - limit))
        distance = b - c - n * limit
        if variance <= NO_SPREAD:  # nothing changed and the limit is 0, or the limit is -1 or 1
            return 0.0 if abs(distance) <= 1e-9 else math.copysign(math.inf, distance)
        return distance / math.sqrt(variance)

    def p_above(self, limit: float) -> float:
        """The p-value of "difference <= limit"."""
        return float(ndtr(-self.z(limit)))

    def p_below(self, limit: float) -> float:
        """The p-value of "difference >= limit"."""
        return float(ndtr(self.z(limit)))

    def low(self, alpha: float) -> float:
        """The one-sided lower bound at confidence `1 - alpha`: where `p_above` is `alpha`."""
        level = float(ndtri(1 - alpha))
        return _crossing(lambda limit: self.z(limit) > level)

    def high(self, alpha: float) -> float:
        """The one-sided upper bound at confidence `1 - alpha`: where `p_below` is `alpha`."""
        level = float(ndtri(alpha))
        return _crossing(lambda limit: self.z(limit) >= level)


def _crossing(holds: Callable[[float], bool]) -> float:
    """The limit in [-1, 1] up to which `holds` is true, by bisection to 1e-9."""
    left, right = -1.0, 1.0
    while right - left > 1e-9:
        middle = (left + right) / 2
        if holds(middle):
            left = middle
        else:
            right = middle
    return 1.0 if left > 1 - 2e-9 else -1.0 if right < -1 + 2e-9 else (left + right) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest:
    """All that one candidate against one baseline says: every test in `tests` and the guard must agree.

    `guards` are the tests with one and with two unseen collapses, or none; `method` is named without them.
    `sd` is the spread of one example's difference (its design effect included), `base_mean` the baseline's mean score,
    `seeds` what several training seeds add to it, which more examples cannot lessen.
    """

    tests: tuple[Test, ...]
    guards: tuple[Test, ...]
    method: str
    n: int
    n_clusters: int | None
    sd: float
    base_mean: float
    binary: bool
    seeds: MeanTest | None = None

    @property
    def value(self) -> float:
        """The observed mean difference."""
        return self.tests[0].value

    @property
    def too_few(self) -> bool:
        """Whether there are too few examples or clusters for any verdict."""
        return self.n < MIN_PAIRS or (self.n_clusters is not None and self.n_clusters < MIN_CLUSTERS)

    def p_unguarded(self, limit: float) -> float:
        """The p-value of "difference <= limit" without the guard."""
        return max(test.p_above(limit) for test in self.tests)

    def p_above(self, limit: float) -> float:
        """The p-value of "difference <= limit", the guard included: the smallest level at which a pass survives it.

        With p1 and p2 for one and for two collapses: p1 above `SECOND_LEVEL`, else p2, but no more than that level.
        """
        plain = self.p_unguarded(limit)
        if not self.guards:
            return plain
        one, two = (max(plain, guard.p_above(limit)) for guard in self.guards)
        return one if one > SECOND_LEVEL else min(max(one, two), SECOND_LEVEL)

    def unseen(self, level: float) -> int:
        """How many unseen collapses a pass at this level survives; 0 without the guard."""
        return unseen_at(level) if self.guards else 0

    def method_at(self, level: float) -> str:
        """The method's name as the report prints it, with the guard of this level."""
        return self.method + ("", " with one-collapse guard", " with two-collapse guard")[self.unseen(level)]

    def p_below(self, limit: float) -> float:
        """The p-value of "difference >= limit"."""
        return max(test.p_below(limit) for test in self.tests)

    def low(self, alpha: float) -> float:
        """The one-sided lower bound at confidence `1 - alpha`, without the guard."""
        return min(test.low(alpha) for test in self.tests)

    def high(self, alpha: float) -> float:
        """The one-sided upper bound at confidence `1 - alpha`, without the guard."""
        return max(test.high(alpha) for test in self.tests)


def paired_test(candidate: Array, baseline: Array, *, codes: Codes | None, binary: bool, guard: bool) -> PairedTest:
    """The recommended test for `candidate[n]` against `baseline[n]`, scores from 0 to 1, n >= 2.

    0/1 scores: Tango. Other scores: paired t, and with `guard` a pass must survive one more example (at strict levels
    two) on which the candidate scores 0 and the baseline its average. `codes[n]` (clusters): CR1, for 0/1 scores
    together with Tango, which alone is sound near rates of 0 and 1. Without any spread both directions must survive an
    unseen example.
    """
    d = candidate - baseline
    n = d.size
    n_clusters = None if codes is None else int(codes.max()) + 1
    mean = mean_test(d, codes)
    tests: tuple[Test, ...] = (mean,)
    guards: tuple[Test, ...] = ()
    sd = mean.se * math.sqrt(n)
    base_mean = float(np.sort(baseline).mean())
    if binary:
        tango = TangoTest(int(np.count_nonzero(d > 0)), int(np.count_nonzero(d < 0)), n)
        tests = (tango,) if codes is None else (mean, tango)
        sd = max(sd if codes is not None else 0.0, math.sqrt((tango.gained + tango.lost) / n))
    elif guard:
        guards = tuple(with_unseen(d, codes, -base_mean, unseen) for unseen in (1, 2))
        if mean.se == 0:
            tests = (mean, guards[0], with_unseen(d, codes, 1 - base_mean))
    return PairedTest(
        tests=tests, guards=guards, method=_method(binary, codes), n=n, n_clusters=n_clusters, sd=sd,
        base_mean=base_mean, binary=binary,
    )  # fmt: skip


def mean_test(d: Array, codes: Codes | None) -> MeanTest:
    """The t test of the differences; one cluster only tells nothing of the spread and gets an infinite error."""
    if codes is None:
        return t_test(d) if d.size > 1 else MeanTest(float(d.mean()), math.inf, 1)
    if codes.max() == 0:
        return MeanTest(float(d.mean()), math.inf, 1)
    return cluster_test(d, codes)


def with_unseen(d: Array, codes: Codes | None, difference: float, unseen: int = 1) -> MeanTest:
    """The test with `unseen` hypothetical examples more, each in a cluster of its own."""
    longer = None if codes is None else np.append(codes, codes.max() + 1 + np.arange(unseen))
    return mean_test(np.append(d, np.full(unseen, difference)), longer)


def _method(binary: bool, codes: Codes | None) -> str:
    """The method's name without the guard."""
    if binary:
        return "Tango score test" if codes is None else "CR1 cluster-robust t and Tango score test"
    return "paired t" if codes is None else "CR1 cluster-robust t"
