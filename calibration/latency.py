"""Latency: the bootstrap of `compare_latency` on simulated request times, in interleaved and in blocked order.

Shapes: `r` suites, `n` pairs, `b` resamples. Work per request is log-normal and common to a pair; the machine slows
down in an AR(1) fashion, in bursts, and by a drift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.rivals import resampling_counts
from calibration.rows import ALPHA, Row, Tally, Task
from calibration.shapes import Array, Generator
from evalgate.stats.quantile import min_pairs, n_resamples

LIMIT = 1.10
# The true ratio of candidate to baseline, at every quantile.
RATIOS = {"edge": LIMIT, "equal": 1.0, "faster": 0.9, "slower": 1.25}
QUANTILES = {"p50": 0.5, "p95": 0.95}
ORDERS = ("interleaved", "blocked")
# A resample's quantile lies within this many standard deviations of its place but for one in a million.
REACH = 5


def slowdown(generator: Generator, r: int, slots: int) -> Array:
    """How much slower the machine is in each of its slots[r, slots]: AR(1), bursts and a linear drift."""
    from scipy.signal import lfilter

    phi, sd = 0.97, 0.15
    noise = generator.normal(0.0, sd * math.sqrt(1 - phi**2), (r, slots))
    noise[:, 0] = generator.normal(0.0, sd, r)
    wander = np.asarray(lfilter([1.0], [1.0, -phi], noise, axis=1))
    # Bursts of 12 slots on average that cover 7% of the time.
    leave, enter = 1 / 12, 0.07 / 0.93 / 12
    burst = np.empty((slots, r), dtype=np.bool_)
    state = generator.random(r) < 0.07
    coins = generator.random((slots, r), dtype=np.float32)
    for slot in range(slots):
        state = np.where(state, coins[slot] >= leave, coins[slot] < enter)
        burst[slot] = state
    drift = generator.uniform(-0.15, 0.15, (r, 1)) * np.linspace(0, 1, slots)
    return np.asarray(np.exp(wander) * np.where(burst.T, 1.65, 1.0) * (1 + drift))


def times(generator: Generator, order: str, r: int, n: int) -> tuple[Array, Array]:
    """Seconds `candidate[r, n]` and `baseline[r, n]` of systems that are equally fast."""
    work = generator.lognormal(0.0, 0.5, (r, n))
    own = generator.lognormal(0.0, 0.05, (2, r, n))
    slots = slowdown(generator, r, 2 * n)
    if order == "blocked":
        baseline, candidate = slots[:, :n], slots[:, n:]
    else:
        first = generator.random((r, n)) < 0.5
        early, late = slots[:, 0::2], slots[:, 1::2]
        candidate, baseline = np.where(first, early, late), np.where(first, late, early)
    return work * own[0] * candidate, work * own[1] * baseline


@dataclass(frozen=True, slots=True)
class Resampled:
    """What one chunk of suites shares: counts[n, b] of each resample, in the order of the candidate's times."""

    counts: NDArray[np.float32]

    def quantiles(self, values: Array, quantile: float) -> Array:
        """The quantile[r, b] of every resample of `values[r, n]`, whose rows lie in the order of the counts."""
        n, b = self.counts.shape
        place = quantile * (n - 1)
        k, part = math.floor(place), place - math.floor(place)
        half = REACH * math.sqrt(n * quantile * (1 - quantile)) + 2
        first, last = max(0, math.floor(place - half)), min(n, math.ceil(place + half) + 1)
        narrow = self.counts.astype(np.int16)
        order = np.argsort(values, axis=1, kind="stable")
        rank = np.argsort(order, axis=1)
        # How many draws fall below the window that the quantile can lie in: all suites in one product.
        below = ((rank < first).astype(np.float32) @ self.counts).astype(np.int16)
        result = np.empty((len(values), b))
        for row in range(len(values)):
            window = order[row, first:last]
            found = np.cumsum(narrow[window], axis=0, dtype=np.int16)
            found += below[row]
            sorted_values = values[row, window]
            low, high = (np.add.reduce((found <= at).view(np.uint8), axis=0, dtype=np.uint8) for at in (k, k + 1))
            top = len(window) - 1  # at most 250 for 2,000 pairs, so that a byte can count it
            left, right = sorted_values[np.minimum(low, top)], sorted_values[np.minimum(high, top)]
            result[row] = left + part * (right - left)
        return result


def verdicts(candidate: Array, baseline: Array, quantile: float, resampled: Resampled) -> dict[str, tuple[int, int]]:
    """Passes and fails at each true ratio: a candidate slower by a factor has the same ratios times that factor."""
    n, b = resampled.counts.shape
    if n < min_pairs(quantile):
        return dict.fromkeys(RATIOS, (0, 0))
    ratios = resampled.quantiles(candidate, quantile) / resampled.quantiles(baseline, quantile)
    found = {}
    for truth, factor in RATIOS.items():
        above = np.count_nonzero(ratios * factor > LIMIT, axis=1)
        passed = (above + 1) / (b + 1) <= ALPHA
        failed = ~passed & ((b - above + 1) / (b + 1) <= ALPHA)
        found[truth] = (int(passed.sum()), int(failed.sum()))
    return found


def simulate(task: Task) -> list[Row]:
    """One order of requests at one size: both quantiles, all true ratios, and the rule "observed ratio <= limit"."""
    tallies = {name: Tally(task) for name in QUANTILES}
    for generator, r in task.chunks():
        candidate, baseline = times(generator, task.shape, r, task.n)
        resampled = Resampled(resampling_counts(generator, task.n, n_resamples(ALPHA)))
        for name, quantile in QUANTILES.items():
            for truth, counts in verdicts(candidate, baseline, quantile, resampled).items():
                tallies[name].add(truth, f"evalgate {name}", *counts)
            ratio = np.quantile(candidate, quantile, axis=1) / np.quantile(baseline, quantile, axis=1)
            for truth, factor in RATIOS.items():
                tallies[name].add(truth, f"point {name}", np.count_nonzero(ratio * factor <= LIMIT))
    return [row for tally in tallies.values() for row in tally.rows()]
