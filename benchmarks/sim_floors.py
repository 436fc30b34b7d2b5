"""How often a clustered rate just below a floor passes it, by the way in which clusters are allowed for.

Run: `python benchmarks/sim_floors.py [REPLICATES]`. Prints the tables of docs/decisions/0021-clustered-floors.md.
Shapes: `r` replicates, `g` clusters. Rates are beta-distributed over clusters, with the stated correlation inside.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

Array = NDArray[np.float64]
ALPHA = 0.05
FLOORS = (0.90, 0.95, 0.99)
METHODS = ("items", "all of cluster", "design effect", "as many as clusters")


def sizes_of(kind: str, g: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Sizes[g]: all equal, or from 2 to 10."""
    return generator.integers(2, 11, g) if kind == "2-10" else np.full(g, int(kind))


def draw(
    rate: float, icc: float, sizes: NDArray[np.int64], r: int, generator: np.random.Generator, *, informative: bool
) -> Array:
    """Passed examples[r, g]. `informative`: larger clusters fail more, with the same rate over all examples."""
    rates = np.full(sizes.size, rate)
    if informative:
        failing = sizes / sizes.mean()
        rates = 1 - (1 - rate) * failing * sizes.sum() / (sizes * failing).sum()
    weight = (1 - icc) / icc
    chances = generator.beta(rates * weight, (1 - rates) * weight, (r, sizes.size))
    return generator.binomial(sizes, chances).astype(np.float64)


def design_effect(passed: Array, sizes: NDArray[np.int64]) -> Array:
    """The estimated design effect[r] of a mean over clusters, at least 1; the largest possible without any failure."""
    g, n = sizes.size, sizes.sum()
    mean = passed.sum(axis=1) / n
    residual = passed - mean[:, None] * sizes
    cluster = g / (g - 1) * (residual**2).sum(axis=1) / n**2
    plain = mean * (1 - mean) / n
    largest = (sizes.astype(float) ** 2).sum() / n
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(plain > 0, np.clip(cluster / plain, 1, None), largest)


def passes(passed: Array, sizes: NDArray[np.int64], floor: float) -> dict[str, NDArray[np.bool_]]:
    """Which replicates pass the floor, by each method: the chance of so many or more at the floor is at most ALPHA."""
    g, n = sizes.size, float(sizes.sum())
    k = passed.sum(axis=1)
    kish = n * n / float((sizes.astype(float) ** 2).sum())
    effective = n / design_effect(passed, sizes)
    whole = (passed == sizes).sum(axis=1).astype(float)

    def p(successes: Array, trials: Array | float) -> Array:
        return np.where(successes > 0, betainc(np.maximum(successes, 1e-9), trials - successes + 1, floor), 1.0)

    found = {
        "items": p(k, n),
        "all of cluster": p(whole, g),
        "design effect": p(k / n * effective, effective),
        "as many as clusters": p(k / n * kish, kish),
    }
    return {name: values <= ALPHA for name, values in found.items()}


def cell(kind: str, g: int, icc: float, floor: float, rate: float, r: int, *, informative: bool) -> dict[str, float]:
    """Share of replicates that pass."""
    generator = np.random.default_rng([g, round(100 * icc), round(1000 * floor), round(1e4 * rate), len(kind)])
    total = dict.fromkeys(METHODS, 0.0)
    for _ in range(20):
        sizes = sizes_of(kind, g, generator)
        found = passes(draw(rate, icc, sizes, r // 20, generator, informative=informative), sizes, floor)
        total = {name: total[name] + float(found[name].mean()) / 20 for name in METHODS}
    return total


def table(title: str, replicates: int, *, true: dict[float, float], informative: bool = False) -> None:
    """One Markdown table; `true[floor]` is the true rate."""
    print(f"\n### {title}\n\n| floor | clusters | size | correlation | {' | '.join(METHODS)} |")
    print("|---|---|---|---|" + "---|" * len(METHODS))
    worst = dict.fromkeys(METHODS, 0.0)
    for floor in FLOORS:
        for g in (8, 20, 60, 300):
            for kind in ("2-10",) if informative else ("2", "5", "10", "2-10"):
                for icc in (0.1, 0.3, 0.6):
                    found = cell(kind, g, icc, floor, true[floor], replicates, informative=informative)
                    worst = {name: max(worst[name], found[name]) for name in METHODS}
                    cells = " | ".join(f"{found[name]:.3f}".lstrip("0") for name in METHODS)
                    print(f"| {floor:g} | {g} | {kind} | {icc} | {cells} |", flush=True)
    print(f"| largest | | | | {' | '.join(f'{worst[name]:.3f}'.lstrip('0') for name in METHODS)} |")


def main() -> None:
    """All tables."""
    replicates = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    just_below = {floor: floor - 1e-6 for floor in FLOORS}
    table("False pass: the true rate lies just below the floor", replicates, true=just_below)
    table("False pass where larger clusters fail more", replicates, true=just_below, informative=True)
    table("Power: the true failure rate is a fifth of the allowed", replicates,
          true={floor: 1 - (1 - floor) / 5 for floor in FLOORS})  # fmt: skip


if __name__ == "__main__":
    main()
