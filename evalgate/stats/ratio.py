"""The ratio of two sums over units that are drawn whole, e.g. nats and tokens of documents."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit


def ratio_interval(
    totals: Sequence[float], sizes: Sequence[float], level: float = 0.95
) -> tuple[float, float, float] | None:
    """Sum of `totals` over sum of `sizes` with a two-sided t interval; units are the pairs.

    The standard error is that of the linearised ratio (Cochran 1977, 6.4), with n / (n - 1) and n - 1 degrees of
    freedom. None for fewer than two units or sizes that add up to nothing.
    """
    t, s = np.asarray(totals, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    n = len(t)
    if n < 2 or s.sum() <= 0:
        return None
    value = float(t.sum() / s.sum())
    rest = t - value * s
    error = math.sqrt(n / (n - 1) * float(rest @ rest)) / float(s.sum())
    reach = float(stdtrit(n - 1, (1 + level) / 2)) * error
    return value, value - reach, value + reach
