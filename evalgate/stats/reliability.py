"""Whether answers are right as often as the model is sure of them.

Shapes: `n` examples, `m` bins of equal width over [0, 1]; `...` any leading axes. A row is (confidence, 1 if right).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Bins(NamedTuple):
    """By bin `[..., m]`: how many examples, the sum of their confidences, how many are right."""

    n: Array
    confidence: Array
    right: Array


def bins_of(rows: Array, m: int) -> Bins:
    """Sort `rows[..., n, 2]` into bins; an edge belongs to the bin above it, 1 to the last."""
    lead, n = rows.shape[:-2], rows.shape[-2]
    flat = rows.reshape(-1, n, 2)
    place = np.clip((flat[..., 0] * m).astype(np.int64), 0, m - 1)
    cells = (np.arange(len(flat))[:, None] * m + place).ravel()

    def sums(weights: Array | None) -> Array:
        total = np.bincount(cells, weights=None if weights is None else weights.ravel(), minlength=len(flat) * m)
        return total.astype(np.float64).reshape(*lead, m)

    return Bins(sums(None), sums(flat[..., 0]), sums(flat[..., 1]))


def calibration_error(rows: Array, m: int) -> Array:
    """Expected calibration error of `rows[..., n, 2]` (Guo et al. 2017), `[...]`; NaN where n is 0."""
    n = rows.shape[-2]
    if n == 0:
        return np.full(rows.shape[:-2], np.nan)
    bins = bins_of(rows, m)
    return np.asarray(np.abs(bins.confidence - bins.right).sum(axis=-1) / n)
