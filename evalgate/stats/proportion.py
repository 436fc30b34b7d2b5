"""Bounds and tests for one proportion."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.special import betainc, betaincinv, ndtri


def effective_n(n: int, cluster_sizes: Sequence[int] | None) -> float:
    """How many independent examples `n` in clusters are worth at the least: `n^2 / sum(size^2)`; `n` without clusters.

    As if every example of a cluster came out alike; the number of clusters where all have one size. Source: Kish 1965.
    """
    return float(n) if cluster_sizes is None else n * n / sum(size * size for size in cluster_sizes)


def clopper_pearson_low(k: float, n: float, alpha: float) -> float:
    """The exact one-sided lower bound at confidence `1 - alpha` for `k` of `n`; 0 for k = 0."""
    return float(betaincinv(k, n - k + 1, alpha)) if k > 0 else 0.0


def clopper_pearson_high(k: float, n: float, alpha: float) -> float:
    """The exact one-sided upper bound at confidence `1 - alpha` for `k` of `n`; 1 for k = n."""
    return float(betaincinv(k + 1, n - k, 1 - alpha)) if k < n else 1.0


def p_at_least(k: float, n: float, floor: float) -> float:
    """The exact p-value of "the rate is below `floor`": the chance of `k` or more of `n` at rate `floor`."""
    return float(betainc(k, n - k + 1, floor)) if k > 0 else 1.0


def p_at_most(k: float, n: float, floor: float) -> float:
    """The exact p-value of "the rate is at least `floor`": the chance of `k` or fewer of `n` at rate `floor`."""
    return float(betainc(n - k, k + 1, 1 - floor)) if k < n else 1.0


def floor_n(failures: int, floor: float, alpha: float) -> int | None:
    """The smallest n that passes `floor` with this many failures; None where no n up to 10 million does."""

    def passes(n: int) -> bool:
        return p_at_least(n - failures, n, floor) <= alpha

    low, high = failures, failures + 1
    while not passes(high):
        low, high = high, high * 2
        if high > 10_000_000:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high


def wilson(k: float, n: int, level: float) -> tuple[float, float]:
    """Wilson's two-sided score interval for `k` of `n`, n >= 1. Source: Wilson 1927."""
    z = float(ndtri((1 + level) / 2))
    rate, weight = k / n, 1 + z * z / n
    centre = (rate + z * z / (2 * n)) / weight
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / weight
    low = 0.0 if k <= 0 else max(0.0, centre - half)
    return low, 1.0 if k >= n else min(1.0, centre + half)
