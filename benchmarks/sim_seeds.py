"""How often a recipe that is no better ships, by the way in which several training seeds are judged.

Run: `python benchmarks/sim_seeds.py [REPLICATES]`. Prints the tables of docs/decisions/0018-several-seeds.md.
Shapes: `r` replicates, `s` seeds, `n` examples. Differences in fractions; spreads between seeds in points of 100.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Array = NDArray[np.float64]
ALPHA = 0.05
CHUNK = 250
# Share of the spread of one example's difference that all seeds have in common.
SHARED = 0.7


def graded(generator: np.random.Generator, effect: Array, n: int) -> Array:
    """Differences[r, s, n] of bounded scores, spread 0.25, around each seed's true effect[r, s]."""
    r, s = effect.shape
    half = 0.25 * 3**0.5
    common = generator.uniform(-half, half, (r, 1, n)) * SHARED**0.5
    own = generator.uniform(-half, half, (r, s, n)) * (1 - SHARED) ** 0.5
    return effect[:, :, None] + common + own


def binary(generator: np.random.Generator, effect: Array, n: int) -> Array:
    """Differences[r, s, n] of 0/1 scores: a baseline right on 80%; each seed changes 10%, half of it where all do."""
    r, s = effect.shape
    right = generator.random((r, 1, n)) < 0.8
    latent = np.where(generator.random((r, 1, n)) < 0.5, generator.random((r, 1, n)), generator.random((r, s, n)))
    lost = (0.05 + np.maximum(-effect, 0))[:, :, None] / 0.8
    gained = (0.05 + np.maximum(effect, 0))[:, :, None] / 0.2
    return np.where(right, -1.0 * (latent < lost), 1.0 * (latent < gained))


SHAPES = {"graded": graded, "0/1": binary}


def bounds(d: Array, alpha: float) -> dict[str, Array]:
    """Lower bounds[r] of the recipe's mean effect by each method, and `shipped`: the first seed by itself."""
    _, s, n = d.shape
    mean = d.mean(axis=(1, 2))
    v_examples = d.mean(axis=1).var(axis=-1, ddof=1) / n
    v_seeds = d.mean(axis=2).var(axis=-1, ddof=1) / s
    total = np.maximum(v_examples + v_seeds, 1e-300)
    t_n, t_s = student.isf(alpha, n - 1), student.isf(alpha, s - 1)
    df = total**2 / np.maximum(v_examples**2 / (n - 1) + v_seeds**2 / (s - 1), 1e-300)
    first = d[:, 0]
    return {
        "examples only": mean - t_n * np.sqrt(v_examples),
        "seeds only": mean - t_s * np.sqrt(v_seeds),
        "both apart": mean - np.maximum(t_n * np.sqrt(v_examples), t_s * np.sqrt(v_seeds)),
        "Satterthwaite": mean - student.isf(alpha, df) * np.sqrt(total),
        "Cochran-Cox": mean - (t_n * v_examples + t_s * v_seeds) / np.sqrt(total),
        "squares": mean - np.sqrt(t_n**2 * v_examples + t_s**2 * v_seeds),
        "shipped": first.mean(axis=-1) - t_n * first.std(axis=-1, ddof=1) / n**0.5,
    }


def cell(
    shape: str, s: int, n: int, sd: float, gain: float, *, replicates: int, alpha: float = ALPHA
) -> dict[str, float]:
    """Share of replicates that each method ships, with the first seed's own test too, and how often that one is bad."""
    generator = np.random.default_rng([s, n, round(10 * sd), round(1000 * gain), len(shape)])
    found: dict[str, list[Array]] = {}
    for start in range(0, replicates, CHUNK):
        r = min(CHUNK, replicates - start)
        effect = gain + generator.normal(0, sd / 100, (r, s)) if sd else np.full((r, s), gain)
        low = bounds(SHAPES[shape](generator, effect, n), alpha)
        ship = {name: bound > 0 for name, bound in low.items()}
        ship["Cochran-Cox + shipped"] = ship["Cochran-Cox"] & ship["shipped"]
        ship["Satterthwaite + shipped"] = ship["Satterthwaite"] & ship["shipped"]
        bad = effect[:, 0] <= 0
        ship["bad adapter, Cochran-Cox"] = ship["Cochran-Cox"] & bad
        ship["bad adapter, with shipped"] = ship["Cochran-Cox + shipped"] & bad
        # The best of the seeds by held-out score, tested as if it were the only one.
        ship["best seed by held-out"] = best_of(effect, generator, shape, n, alpha)
        for name, values in ship.items():
            found.setdefault(name, []).append(values)
    return {name: float(np.concatenate(values).mean()) for name, values in found.items()}


def best_of(effect: Array, generator: np.random.Generator, shape: str, n: int, alpha: float) -> NDArray[np.bool_]:
    """Whether the best of the seeds by its held-out score, tested alone, would ship."""
    d = SHAPES[shape](generator, effect, n)
    means = d.mean(axis=-1)
    best = means.argmax(axis=1)
    rows = np.arange(len(best))
    se = d[rows, best].std(axis=-1, ddof=1) / n**0.5
    return means[rows, best] - student.isf(alpha, n - 1) * se > 0


def table(title: str, gain: float, names: list[str], replicates: int, *, alpha: float = ALPHA, worst: bool = True,
          spreads: tuple[int, ...] = (0, 1, 3)) -> None:  # fmt: skip
    """One Markdown table over shapes, seeds, sizes and spreads, with the largest of each column if `worst`."""
    print(f"\n### {title}\n\n| scores | seeds | n | sd | {' | '.join(names)} |\n|---|---|---|---|{'---|' * len(names)}")
    largest = dict.fromkeys(names, 0.0)
    for shape in SHAPES:
        for s in (2, 3, 5):
            for n in (50, 200, 500):
                for sd in spreads:
                    found = cell(shape, s, n, sd, gain, replicates=replicates, alpha=alpha)
                    largest = {name: max(largest[name], found[name]) for name in names}
                    cells = " | ".join(f"{found[name]:.3f}".lstrip("0") for name in names)
                    print(f"| {shape} | {s} | {n} | {sd} | {cells} |", flush=True)
    if worst:
        print(f"| largest | | | | {' | '.join(f'{largest[name]:.3f}'.lstrip('0') for name in names)} |")


def main() -> None:
    """All tables."""
    replicates = int(sys.argv[1]) if len(sys.argv) > 1 else 4_000
    rules = ["examples only", "seeds only", "both apart", "Satterthwaite", "Cochran-Cox", "squares"]
    joint = ["Satterthwaite + shipped", "Cochran-Cox + shipped"]
    table("False ship: the recipe gains nothing", 0.0, [*rules, *joint, "best seed by held-out"], replicates)
    table("False ship at alpha 0.0167", 0.0, [*rules, *joint], replicates, alpha=0.05 / 3)
    table("Power: the recipe gains 5 points", 0.05, [*rules, *joint], replicates, worst=False)
    bad = ["Cochran-Cox", "Cochran-Cox + shipped", "bad adapter, Cochran-Cox", "bad adapter, with shipped"]
    table("The recipe gains 3 points; bad: the adapter that ships is no better than the baseline", 0.03, bad,
          replicates, worst=False, spreads=(1, 3, 5))  # fmt: skip


if __name__ == "__main__":
    main()
