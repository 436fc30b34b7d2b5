"""How often the true kappa lies below its interval: ours, and the usual normal one.

    python -m benchmarks.sim_kappa

Populations of two raters' joint verdicts: two or three categories, and scales of five on which raters miss by one or by
anything. Nominal is 2.5 % below and 95 % inside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evalgate.stats.agreement import kappa

Array = NDArray[np.float64]
N_RUNS, SIZES = 2_000, (20, 50, 200)


def weights_of(n: int, *, scale: bool) -> Array:
    """How far two categories agree."""
    codes = np.arange(n) / (n - 1)
    return 1 - (codes[:, None] - codes[None]) ** 2 if scale else np.eye(n)


def joint(margin: Sequence[float], right: float, *, near: bool) -> Array:
    """The second rater says the same with chance `right`, else misses by one category or by any."""
    c, table = len(margin), np.zeros((len(margin), len(margin)))
    for i, share in enumerate(margin):
        others = [j for j in range(c) if (abs(i - j) == 1 if near else i != j)]
        table[i, i] += share * right
        table[i, others] += share * (1 - right) / len(others)
    return table


def usual(table: Array, weights: Array, n: int) -> tuple[float, float, float]:
    """Kappa with the interval of Fleiss, Cohen and Everitt (1969)."""
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    observed, chance = float((weights * table).sum()), float((weights * np.outer(rows, columns)).sum())
    if chance >= 1 - 1e-12:
        return math.nan, math.nan, math.nan
    margins = (weights @ columns)[:, None] + (weights.T @ rows)[None]
    spread = (table * (weights * (1 - chance) - margins * (1 - observed)) ** 2).sum()
    half = 1.96 * math.sqrt(max(spread - (observed * chance - 2 * chance + observed) ** 2, 0) / n) / (1 - chance) ** 2
    value = (observed - chance) / (1 - chance)
    return value, value - half, value + half


POPULATIONS: dict[str, tuple[Array, bool]] = {
    "two, 90 %": (joint([0.5] * 2, 0.9, near=False), False),
    "two, 90 %, skewed": (joint([0.85, 0.15], 0.9, near=False), False),
    "two, 98 %": (joint([0.5] * 2, 0.98, near=False), False),
    "three, 75 %": (joint([1 / 3] * 3, 0.75, near=False), False),
    "scale, 60 %, near": (joint([0.2] * 5, 0.6, near=True), True),
    "scale, 90 %, near": (joint([0.2] * 5, 0.9, near=True), True),
    "scale, 60 %, any": (joint([0.2] * 5, 0.6, near=False), True),
    "scale, 70 %, near, skewed": (joint([0.05, 0.05, 0.1, 0.3, 0.5], 0.7, near=True), True),
}


def main() -> None:
    """Print one line for each population and size."""
    random = np.random.default_rng(0)
    print("population, n: true kappa; below ours, the usual; inside ours, the usual; mean lower bound ours, the usual")
    for name, (table, scale) in POPULATIONS.items():
        c, weights = len(table), weights_of(len(table), scale=scale)
        true = usual(table, weights, 1)[0]
        for n in SIZES:
            found = []
            for _ in range(N_RUNS):
                drawn = random.choice(c * c, size=n, p=table.ravel())
                counts = np.bincount(drawn, minlength=c * c).reshape(c, c) / n
                ours = kappa((drawn // c).tolist(), (drawn % c).tolist(), c, scale=scale)
                found.append([ours.low, ours.high, *usual(counts, weights, n)[1:]])
            bounds = np.array([row for row in found if not math.isnan(row[0])])
            below = (bounds[:, [0, 2]] > true).mean(axis=0)
            inside = ((bounds[:, [0, 2]] <= true) & (true <= bounds[:, [1, 3]])).mean(axis=0)
            low = bounds[:, [0, 2]].mean(axis=0)
            told = "; ".join(f"{a:.3f} {b:.3f}" for a, b in (below, inside, low))
            print(f"{name:26s} {n:4d}: {true:.3f}; {told}")


if __name__ == "__main__":
    main()
