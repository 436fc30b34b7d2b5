"""The gates' tests for many suites at once: for families and looks, where calling the product would take hours.

tests/unit/test_calibration.py holds each twin to the product's own outcome. Shapes broadcast.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtr, stdtr

from calibration.shapes import Array, Mask
from evalgate.stats.paired import SECOND_LEVEL


def guarded_t(total: Array, squares: Array, n: int, base_mean: Array, limit: float) -> Array:
    """The p-value of "gain <= limit" by the paired t whose passes must survive one unseen collapse, or two.

    From the sum and the sum of squares of `n` differences, and the baseline's mean score. The second collapse counts
    below `SECOND_LEVEL`: the p-value is the smallest level at which the test passes.
    """
    one, two = (t_surviving(total, squares, n, base_mean, limit, unseen=unseen) for unseen in (1, 2))
    return np.where(one > SECOND_LEVEL, one, np.minimum(np.maximum(one, two), SECOND_LEVEL))


def t_surviving(total: Array, squares: Array, n: int, base_mean: Array, limit: float, *, unseen: int) -> Array:
    """The p-value of the paired t that must survive `unseen` collapses, the same number at every level."""
    plain = t_above(total, squares, n, limit)
    longer = t_above(total - unseen * base_mean, squares + unseen * base_mean**2, n + unseen, limit)
    return np.maximum(plain, longer)


def t_above(total: Array, squares: Array, n: int, limit: float) -> Array:
    """The paired t test's p-value of "gain <= limit"."""
    mean = total / n
    se = np.sqrt(np.maximum(squares / n - mean**2, 1e-18) / (n - 1))
    return np.asarray(stdtr(n - 1, (limit - mean) / se), dtype=np.float64)


def tango_above(gained: Array, lost: Array, n: int, limit: float) -> Array:
    """Tango's p-value of "gain <= limit" from the counts of examples that only one system got right."""
    return np.asarray(ndtr(-tango_z(gained, lost, n, limit)), dtype=np.float64)


def tango_z(gained: Array, lost: Array, n: int, limit: float) -> Array:
    """Tango's score statistic, as `evalgate.stats.paired.TangoTest.z`."""
    linear = (2 * n - gained + lost) * limit - gained - lost
    root = np.sqrt(np.maximum(0.0, linear**2 + 8 * n * lost * limit * (1 - limit)))
    variance = n * ((root - linear) / (2 * n) + limit * (1 - limit))
    distance = gained - lost - n * limit
    flat = variance <= 1e-12
    certain = np.where(np.abs(distance) <= 1e-9, 0.0, np.copysign(np.inf, distance))
    z: Any = np.where(flat, certain, distance / np.sqrt(np.where(flat, 1.0, variance)))
    return np.asarray(z, dtype=np.float64)


def holm_passes(p: Array, alpha: float) -> Mask:
    """Which of `p[r, c]` Holm's method lets pass."""
    order = np.argsort(p, axis=1)
    m = p.shape[1]
    adjusted = np.maximum.accumulate(np.take_along_axis(p, order, axis=1) * np.arange(m, 0, -1), axis=1)
    passes = np.empty(p.shape, dtype=np.bool_)
    np.put_along_axis(passes, order, adjusted <= alpha, axis=1)
    return passes


def simes(p: Array) -> Array:
    """Simes' p-value over the last axis of `p`."""
    m = p.shape[-1]
    return np.asarray(np.minimum(1.0, (np.sort(p, axis=-1) * m / np.arange(1, m + 1)).min(axis=-1)), dtype=np.float64)
