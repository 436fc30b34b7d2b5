"""How often a candidate ships that breaks a required gate, when several candidates are judged at once.

Run: `python benchmarks/sim_family.py [REPLICATES]`. Prints the tables of docs/decisions/0020-one-family-of-candidates.md.
Each candidate lies just at the limit of one gate, which it breaks, and well beyond the limits of the others.
Gate 1 asks for a gain over the baseline, the others rule out a drop. Shapes: `r` replicates, `c` candidates, `g` gates.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]
ALPHA = 0.05


def holm(p: Array) -> NDArray[np.bool_]:
    """Which of p[r, c] Holm's method rejects."""
    order = np.argsort(p, axis=1)
    ranked = np.take_along_axis(p, order, axis=1)
    c = p.shape[1]
    below = np.logical_and.accumulate(ranked <= ALPHA / (c - np.arange(c)), axis=1)
    found = np.zeros_like(below)
    np.put_along_axis(found, order, below, axis=1)
    return found


def p_values(broken: NDArray[np.int64], g: int, shared: float, strength: float, r: int, seed: int) -> Array:
    """One-sided p[r, c, g]: z scores with a part that the candidates share (the baseline's answers)."""
    c = broken.size
    generator = np.random.default_rng([c, g, round(10 * shared), round(10 * strength), seed])
    centre = np.full((c, g), strength)
    centre[np.arange(c), broken] = 0.0
    common = generator.normal(size=(r, 1, g)) * shared**0.5
    return ndtr(-(centre + common + generator.normal(size=(r, c, g)) * (1 - shared) ** 0.5))


def main() -> None:
    """All tables."""
    r = int(sys.argv[1]) if len(sys.argv) > 1 else 40_000
    print("| candidates | what they break | shared noise | alpha at each gate | Holm at gate 1 only | Holm at each gate "
          "| Holm over the largest p |\n|---|---|---|---|---|---|---|")  # fmt: skip
    for c in (1, 2, 3, 5, 10):
        for name, broken in (("a different gate each", np.arange(c) % 5), ("the gain", np.zeros(c, int)),
                             ("one not-worse gate", np.ones(c, int))):  # fmt: skip
            for shared in (0.0, 0.5):
                p = p_values(broken, 5, shared, 5.0, r, 1)
                each = (p <= ALPHA).all(axis=2)
                gain = holm(p[:, :, 0]) & (p[:, :, 1:] <= ALPHA).all(axis=2)
                every = np.stack([holm(p[:, :, i]) for i in range(5)], axis=2).all(axis=2)
                rules = (each, gain, every, holm(p.max(axis=2)))
                cells = " | ".join(f"{rule.any(axis=1).mean():.3f}".lstrip("0") for rule in rules)
                print(f"| {c} | {name} | {shared:g} | {cells} |")
    print("\nPower: one sound candidate (each z around 3.5) among others that break a gate\n\n| candidates | alpha at each gate "
          "| Holm at gate 1 only | Holm at each gate | Holm over the largest p |\n|---|---|---|---|---|")  # fmt: skip
    for c in (1, 2, 3, 5, 10):
        p = p_values(np.arange(c) % 5, 5, 0.5, 3.5, r, 2)
        generator = np.random.default_rng(c)
        p[:, 0] = ndtr(-(3.5 + generator.normal(size=(r, 5))))
        each = (p <= ALPHA).all(axis=2)
        gain = holm(p[:, :, 0]) & (p[:, :, 1:] <= ALPHA).all(axis=2)
        every = np.stack([holm(p[:, :, i]) for i in range(5)], axis=2).all(axis=2)
        cells = " | ".join(f"{rule[:, 0].mean():.3f}".lstrip("0") for rule in (each, gain, every, holm(p.max(axis=2))))
        print(f"| {c} | {cells} |")


if __name__ == "__main__":
    main()
