"""The rules that other tools ship by, for one candidate against one baseline.

Shapes: `r` suites, `n` examples, `b` resamples. Every rule gives shipped[r].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr

from calibration.rows import ALPHA
from calibration.shapes import MARGIN, Array, Generator, Mask

N_RESAMPLES = 999
# Means closer to each other than this are equal: resamples are summed in single precision.
ROUNDING = 1e-6

# The rules in the order of the page, and what each one does.
RULES = {
    "mean": "higher mean ships",
    "threshold": "fixed threshold",
    "within": "within 2 points",
    "unless": "unless significantly worse",
    "t": "uncorrected paired t",
    "percentile": "percentile bootstrap",
    "bca": "BCa bootstrap",
}


@dataclass(frozen=True, slots=True)
class Suite:
    """What the rules look at: differences[r, n], the candidate's means[r] and the fixed thresholds[r]."""

    differences: Array
    means: Array
    thresholds: Array

    @classmethod
    def of(cls, candidate: Array, baseline: Array) -> Suite:
        """The threshold is the baseline's mean on an earlier suite of the same size: here the next replication's."""
        return cls(candidate - baseline, candidate.mean(axis=1), np.roll(baseline.mean(axis=1), 1))


def ships(suite: Suite, generator: Generator) -> dict[str, Mask]:
    """Each rule's decision for each suite."""
    d = suite.differences
    gain = d.mean(axis=1)
    p = t_above(d)
    low, low_bca = bootstrap_bounds(d, generator)
    return {
        "mean": gain > ROUNDING,
        "threshold": suite.means >= suite.thresholds - ROUNDING,
        "within": gain >= -MARGIN - ROUNDING,
        "unless": 1 - p > ALPHA,
        "t": p <= ALPHA,
        "percentile": low > ROUNDING,
        "bca": low_bca > ROUNDING,
    }


def t_above(d: Array) -> Array:
    """The paired t test's p-value of "no gain" for differences[r, n]; 0, 1/2 or 1 without any spread."""
    n = d.shape[1]
    gain, se = d.mean(axis=1), d.std(axis=1, ddof=1) / np.sqrt(n)
    flat = se < 1e-12
    certain = np.where(gain > ROUNDING, 0.0, np.where(gain < -ROUNDING, 1.0, 0.5))
    return np.asarray(np.where(flat, certain, stdtr(n - 1, -gain / np.where(flat, 1.0, se))), dtype=np.float64)


def bootstrap_bounds(d: Array, generator: Generator, b: int = N_RESAMPLES) -> tuple[Array, Array]:
    """One-sided 95% lower bounds[r] of the mean: percentile and BCa, from `b` resamples of differences[r, n].

    The suites of one chunk share their resampling weights, so that all resamples are one product of matrices; each
    suite's own bounds are distributed as with weights of its own. The acceleration is that of a mean.
    """
    resamples = np.sort(d.astype(np.float32) @ resampling_counts(generator, d.shape[1], b), axis=1) / np.float64(
        d.shape[1]
    )
    gain = d.mean(axis=1)
    below = np.count_nonzero(resamples < gain[:, None] - ROUNDING, axis=1)
    ties = np.count_nonzero(np.abs(resamples - gain[:, None]) <= ROUNDING, axis=1)
    share = np.clip((below + ties / 2) / b, 0.5 / b, 1 - 0.5 / b)
    centred = d - gain[:, None]
    squares = (centred**2).sum(axis=1)
    cubes = (centred**3).sum(axis=1)
    acceleration = np.where(squares > 1e-18, cubes / (6 * np.maximum(squares, 1e-18) ** 1.5), 0.0)
    bias, z = ndtri(share), float(ndtri(ALPHA))
    shifted = bias + (bias + z) / (1 - acceleration * (bias + z))
    return _at(resamples, np.full(len(d), ALPHA)), _at(resamples, ndtr(shifted))


def resampling_counts(generator: Generator, n: int, b: int) -> NDArray[np.float32]:
    """Counts[n, b]: each column says how often a resample of `n` drew each example."""
    chosen = generator.integers(0, n, size=(b, n)) + n * np.arange(b)[:, None]
    counts = np.bincount(chosen.ravel(), minlength=n * b).reshape(b, n)
    return np.ascontiguousarray(counts.T, dtype=np.float32)


def _at(resamples: Array, share: Array) -> Array:
    """The quantiles[r] of sorted resamples[r, b], between neighbours in proportion."""
    place = share * (resamples.shape[1] - 1)
    left = np.floor(place).astype(np.int64)
    right = np.minimum(left + 1, resamples.shape[1] - 1)
    rows = np.arange(len(resamples))
    low = resamples[rows, left]
    return np.asarray(low + (place - left) * (resamples[rows, right] - low), dtype=np.float64)
