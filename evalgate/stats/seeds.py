"""The mean difference of a recipe that was trained with several seeds: examples crossed with seeds.

Shapes: `s` seeds, `n` examples. Differences are candidate minus baseline, in fractions (-1 to 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from evalgate.stats.paired import (
    Array,
    Codes,
    MeanTest,
    PairedTest,
    TangoTest,
    Test,
    mean_test,
    t_test,
    with_unseen,
)


@dataclass(frozen=True, slots=True)
class SeedTest:
    """The Cochran-Cox t of a mean over seeds and examples: two standard errors, each with degrees of freedom.

    Its critical value is the mean of the two t quantiles, weighted by the two variances. Counting both in full is
    conservative by what seeds and examples share; with few seeds it does not fall for a spread that is small by luck,
    as Satterthwaite's degrees of freedom do. Source: Cochran and Cox 1950, section 4.14.
    """

    examples: MeanTest
    seeds: MeanTest

    @property
    def value(self) -> float:
        """The observed mean difference."""
        return self.examples.value

    def _half(self, alpha: float) -> float:
        """How far a one-sided bound at confidence `1 - alpha` lies from the mean."""
        both = math.hypot(self.examples.se, self.seeds.se)
        if both == 0 or math.isinf(both):
            return both
        sides = [side for side in (self.examples, self.seeds) if side.se > 0]
        return both * sum((side.se / both) ** 2 * -float(stdtrit(side.df, alpha)) for side in sides)

    def _p(self, distance: float) -> float:
        """The alpha at which a bound lies just `distance` away from the mean, by bisection of its logarithm."""
        if distance < 0:
            return 1.0 - self._p(-distance)
        if math.isinf(self.examples.se):
            return 1.0
        if self.examples.se == self.seeds.se == 0:
            return 0.0 if distance > 0 else 1.0
        left, right = math.log(1e-30), math.log(0.5)
        for _ in range(60):
            middle = (left + right) / 2
            left, right = (left, middle) if self._half(math.exp(middle)) <= distance else (middle, right)
        return math.exp(right)

    def p_above(self, limit: float) -> float:
        """The p-value of "mean <= limit"."""
        return self._p(self.value - limit)

    def p_below(self, limit: float) -> float:
        """The p-value of "mean >= limit"."""
        return self._p(limit - self.value)

    def low(self, alpha: float) -> float:
        """The one-sided lower bound at confidence `1 - alpha`, not below -1."""
        return max(-1.0, self.value - self._half(alpha))

    def high(self, alpha: float) -> float:
        """The one-sided upper bound at confidence `1 - alpha`, not above 1."""
        return min(1.0, self.value + self._half(alpha))


def seed_test(candidate: Array, baseline: Array, *, codes: Codes | None, binary: bool, guard: bool) -> PairedTest:
    """The test of a recipe: `candidate[s, n]` of s >= 2 seeds against `baseline[n]`, scores from 0 to 1.

    As `paired_test` on the means over seeds, with the variance between seeds on top; with `guard` a pass must survive
    an example (at strict levels two) on which every seed collapses. 0/1 scores need Tango's test of the counts
    averaged over seeds as well, which alone is sound near rates of 0 and 1.
    """
    each = candidate - baseline
    d, n, s = each.mean(axis=0), baseline.size, len(each)
    seeds = t_test(each.mean(axis=1))
    examples = mean_test(d, codes)
    base_mean = float(np.sort(baseline).mean())
    tests: tuple[Test, ...] = (SeedTest(examples, seeds),)
    guards: tuple[Test, ...] = ()
    sd = examples.se * math.sqrt(n)
    if binary:
        tango = TangoTest(np.count_nonzero(each > 0) / s, np.count_nonzero(each < 0) / s, n)
        tests, sd = (*tests, tango), max(sd, math.sqrt((tango.gained + tango.lost) / n))
    elif guard:
        guards = tuple(SeedTest(with_unseen(d, codes, -base_mean, unseen), seeds) for unseen in (1, 2))
        if examples.se == 0:
            tests = (*tests, guards[0], SeedTest(with_unseen(d, codes, 1 - base_mean), seeds))
    method = f"Cochran-Cox t over {s} seeds and " + ("examples" if codes is None else "clusters (CR1)")
    method += " and Tango score test" if binary else ""
    return PairedTest(
        tests=tests, guards=guards, method=method, n=n, n_clusters=None if codes is None else int(codes.max()) + 1,
        sd=sd, base_mean=base_mean, binary=binary, seeds=seeds,
    )  # fmt: skip
