"""How often a candidate ships that breaks a required gate, when several candidates are judged at once.

Run: `python benchmarks/sim_family.py [REPLICATES]`. Prints the tables of docs/decisions/0020.
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


RULES = ("alpha at each gate", "Holm at gate 1 only", "Holm at each gate", "Holm over the largest p")


def shipped(p: Array) -> list[NDArray[np.bool_]]:
    """Which candidates ship, [r, c], by each of the rules."""
    every = np.stack([holm(p[:, :, i]) for i in range(p.shape[2])], axis=2).all(axis=2)
    gain = holm(p[:, :, 0]) & (p[:, :, 1:] <= ALPHA).all(axis=2)
    return [(p <= ALPHA).all(axis=2), gain, every, holm(p.max(axis=2))]


def row(*cells: object) -> None:
    """One line of a Markdown table."""
    print("| " + " | ".join(f"{c:.3f}".lstrip("0") if isinstance(c, float) else str(c) for c in cells) + " |")


def main() -> None:
    """All tables."""
    r = int(sys.argv[1]) if len(sys.argv) > 1 else 40_000
    print("### Any candidate that breaks a gate ships\n")
    row("candidates", "what they break", "shared noise", *RULES)
    print("|" + "---|" * 7)
    for c in (1, 2, 3, 5, 10):
        faults = {
            "a different gate each": np.arange(c) % 5,
            "the gain": np.zeros(c, int),
            "one not-worse gate": np.ones(c, int),
        }
        for name, broken in faults.items():
            for shared in (0.0, 0.5):
                p = p_values(broken, 5, shared, 5.0, r, 1)
                row(c, name, f"{shared:g}", *(float(ship.any(axis=1).mean()) for ship in shipped(p)))
    print("\n### Power: one sound candidate (each z around 3.5) among others that break a gate\n")
    row("candidates", *RULES)
    print("|" + "---|" * 5)
    for c in (1, 2, 3, 5, 10):
        p = p_values(np.arange(c) % 5, 5, 0.5, 3.5, r, 2)
        p[:, 0] = ndtr(-(3.5 + np.random.default_rng(c).normal(size=(r, 5))))
        row(c, *(float(ship[:, 0].mean()) for ship in shipped(p)))


if __name__ == "__main__":
    main()
