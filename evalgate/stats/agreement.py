"""Agreement of two raters: raw, and beyond chance (Cohen's kappa), with intervals that do not collapse at 1.

Shapes: `n` rated items, `c` categories.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalgate.stats.proportion import clopper_pearson_high, clopper_pearson_low

Array = NDArray[np.float64]


class Agreed(NamedTuple):
    """A number between two bounds; NaN where it is not defined."""

    value: float
    low: float
    high: float


def raw_agreement(same: int, n: int, level: float = 0.95) -> Agreed:
    """The share of `n` items rated alike, with the exact (Clopper-Pearson) interval; n >= 1."""
    tail = (1 - level) / 2
    return Agreed(same / n, clopper_pearson_low(same, n, tail), clopper_pearson_high(same, n, tail))


def kappa(
    first: Sequence[int], second: Sequence[int], n_categories: int, *, scale: bool, level: float = 0.95
) -> Agreed:
    """Cohen's kappa of two raters' category codes[n]; on a `scale` a rating is the less wrong the nearer it is.

    Weights fall with the square of the distance (Cohen 1968); without a scale only equal ratings agree. NaN where
    chance alone agrees fully, as when both raters only ever say one thing.

    The interval is that of the weighted agreement with chance agreement held at its estimate: exact (Clopper-Pearson)
    without a scale. On a scale agreements spread less than a binomial's, so they are worth more examples: as many as
    give their variance, counted with one more example on which the raters disagree fully, so that it is never 0. The
    usual normal interval has width 0 when all agree.
    """
    n = len(first)
    table = np.zeros((n_categories, n_categories))
    np.add.at(table, (np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)), 1)
    weights = _weights(n_categories, scale=scale)
    observed = float((weights * table).sum()) / n
    chance = float((weights * np.outer(table.sum(axis=1), table.sum(axis=0))).sum()) / n**2
    if chance >= 1 - 1e-12:
        return Agreed(float("nan"), float("nan"), float("nan"))
    tail, worth = (1 - level) / 2, _worth(weights, table, n)
    k = min(worth, observed * worth)
    low, high = clopper_pearson_low(k, worth, tail), clopper_pearson_high(k, worth, tail)
    value, bottom, top = ((share - chance) / (1 - chance) for share in (observed, low, high))
    return Agreed(value, max(-1.0, bottom), top)


def _worth(weights: Array, table: Array, n: int) -> float:
    """How many 0/1 examples `n` agreements are worth that `table[c, c]` counts: n where they are 0 or 1."""
    mean, square = (float((weights**power * table).sum()) / (n + 1) for power in (1, 2))
    spread = square - mean**2
    return n if spread <= 0 else max(float(n), n * mean * (1 - mean) / spread)


def _weights(n_categories: int, *, scale: bool) -> Array:
    """How far two categories agree, [c, c]: 1 on the diagonal."""
    if not scale or n_categories < 2:
        return np.eye(n_categories)
    codes = np.arange(n_categories) / (n_categories - 1)
    return np.asarray(1 - (codes[:, None] - codes[None, :]) ** 2, dtype=np.float64)
