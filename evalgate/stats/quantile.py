"""The ratio of two latency quantiles from interleaved pairs: a paired percentile bootstrap bounded in memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalgate.core.seeds import rng
from evalgate.stats.paired import Codes

Array = NDArray[np.float64]
# Cells of one chunk of resamples [b, n]: about 16 MB of indices and values.
CHUNK_CELLS = 500_000


@dataclass(frozen=True, slots=True)
class QuantileRatio:
    """The observed ratio and its sorted resamples[b]."""

    value: float
    resamples: Array

    def p_above(self, limit: float) -> float:
        """The p-value of "the ratio is at most `limit`"."""
        return float(np.count_nonzero(self.resamples <= limit) + 1) / (self.resamples.size + 1)

    def p_below(self, limit: float) -> float:
        """The p-value of "the ratio is above `limit`"."""
        return float(np.count_nonzero(self.resamples > limit) + 1) / (self.resamples.size + 1)

    def low(self, alpha: float) -> float:
        """The one-sided lower bound at confidence `1 - alpha`."""
        return float(self.resamples[max(0, self._rank(alpha))])

    def high(self, alpha: float) -> float:
        """The one-sided upper bound at confidence `1 - alpha`."""
        return float(self.resamples[min(self.resamples.size - 1, self.resamples.size - 1 - self._rank(alpha))])

    def _rank(self, alpha: float) -> int:
        return math.floor(alpha * (self.resamples.size + 1) + 1e-9) - 1


def n_resamples(alpha: float) -> int:
    """How many resamples put about 200 (at least 100 at small alpha) beyond each bound; from 3,999 to 19,999."""
    return min(20_000, max(4_000, math.ceil(200 / alpha))) - 1


def quantile_ratio(
    candidate: Array, baseline: Array, *, quantile: float, b: int, seed: int, items: Codes | None = None
) -> QuantileRatio:
    """Resample the pairs `candidate[n]`, `baseline[n]` (seconds > 0) `b` times and take the ratio of their quantiles.

    Repeats of one example (`items[n]`, counted from 0) are drawn together: they tell less than as many examples. The
    same for every order of the pairs. Peak memory does not grow with `b * n`.
    """
    if items is not None and int(items.max()) + 1 < items.size:
        return _nested(candidate, baseline, items, quantile=quantile, b=b, seed=seed)
    order = np.lexsort((baseline, candidate))
    pairs = np.stack((candidate[order], baseline[order]))
    n = order.size
    generator = rng(seed, "latency", f"{quantile:g}", n)
    ratios = np.empty(b)
    step = max(1, CHUNK_CELLS // n)
    for start in range(0, b, step):
        chosen = generator.integers(0, n, size=(min(step, b - start), n), dtype=np.int32)
        tops = [np.quantile(side[chosen], quantile, axis=1, overwrite_input=True) for side in pairs]
        ratios[start : start + step] = tops[0] / tops[1]
    ratios.sort()
    observed = np.quantile(pairs, quantile, axis=1)
    return QuantileRatio(float(observed[0] / observed[1]), ratios)


def _nested(candidate: Array, baseline: Array, items: Codes, *, quantile: float, b: int, seed: int) -> QuantileRatio:
    """Whole items are drawn: each pair weighs as often as its item was drawn."""
    n_items = int(items.max()) + 1
    generator = rng(seed, "latency", f"{quantile:g}", candidate.size, n_items)
    orders = [np.argsort(side, kind="stable") for side in (candidate, baseline)]
    ratios = np.empty(b)
    step = max(1, CHUNK_CELLS // candidate.size)
    for start in range(0, b, step):
        drawn = generator.multinomial(n_items, np.full(n_items, 1 / n_items), size=min(step, b - start))
        tops = [
            _weighted(side[order], drawn[:, items[order]], quantile)
            for side, order in zip((candidate, baseline), orders, strict=True)
        ]
        ratios[start : start + step] = tops[0] / tops[1]
    ratios.sort()
    return QuantileRatio(float(np.quantile(candidate, quantile) / np.quantile(baseline, quantile)), ratios)


def _weighted(ordered: Array, counts: NDArray[np.int64], quantile: float) -> Array:
    """NumPy's linear quantile of `ordered[n]`, each value taken `counts[b, n]` times."""
    ends = counts.cumsum(axis=1)
    at = (ends[:, -1] - 1) * quantile
    low = np.floor(at)
    below = ordered[(ends <= low[:, None]).sum(axis=1)]
    above = ordered[(ends <= np.minimum(low + 1, ends[:, -1] - 1)[:, None]).sum(axis=1)]
    return np.asarray(below + (at - low) * (above - below), dtype=np.float64)


def min_pairs(quantile: float) -> int:
    """The fewest pairs for any verdict: five beyond the quantile, and at least 20 (100 for p95)."""
    return max(20, math.ceil(round(5 / (1 - quantile), 6)))


def advised_pairs(quantile: float) -> int:
    """The pairs that a quantile needs in practice: 200 up to p50, 500 for p95, more beyond."""
    return max(200, math.ceil(round(25 / (1 - quantile), 6)))
