"""What the look at half of the held-out set saves and costs, simulated through the product's own functions.

`python benchmarks/early_stop.py [REPETITIONS]`; seeded, so the same figures come out again. Columns: the share of the
examples that is asked; PASS and FAIL with and without the look; the passes that the look takes away (`lost`), in
percent of the repetitions; the last column is `lost` if the half had only to rule g out and might show a gain.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalgate.core.seeds import rng
from evalgate.gates.compare import compare
from evalgate.gates.futility import is_futile
from evalgate.stats.plan import detectable_effect, futility_alpha
from evalgate.suite.order import first_half

Array = NDArray[np.float64]
ALPHA = 0.05
EFFECTS = {
    "loser -g": -1.0,
    "mild loser -g/2": -0.5,
    "null 0": 0.0,
    "0.3 g": 0.3,
    "tie g/2": 0.5,
    "winner g": 1.0,
    "2g": 2.0,
}


@dataclass(frozen=True)
class Population:
    """Scores of a baseline and a candidate: graded with a spread of the difference, or 0/1 with a share of flips."""

    name: str
    n: int
    sd: float
    flips: float = 0.0
    min_gain: float = 0.0

    @property
    def gain(self) -> float:
        """The smallest gain worth shipping: what this n shows with 80 % power, unless it is declared."""
        return self.min_gain or detectable_effect(self.sd, self.n, alpha=ALPHA, power=0.8)

    def draw(self, effect: float, random: np.random.Generator) -> tuple[Array, Array]:
        """Scores of the candidate and of the baseline."""
        if not self.flips:
            base = np.full(self.n, 0.5) + random.uniform(-0.05, 0.05, self.n)
            return np.clip(base + np.clip(random.normal(effect, self.sd, self.n), -0.45, 0.45), 0, 1), base
        u, right = random.random(self.n), random.random(self.n) < 0.5
        gained, lost = u < (self.flips + effect) / 2, u > 1 - (self.flips - effect) / 2
        base = np.where(gained, 0.0, np.where(lost, 1.0, right))
        return np.where(gained, 1.0, np.where(lost, 0.0, right)), base


POPULATIONS = (
    Population("graded, sd .15, n 200", 200, 0.15),
    Population("graded, sd .20, n 500", 500, 0.20),
    Population("0/1, 24% differ, n 200", 200, 0.24**0.5, flips=0.24),
    Population("0/1, 24% differ, n 500", 500, 0.24**0.5, flips=0.24),
    Population("graded, sd .20, n 500, twice what 5 points need", 500, 0.20, min_gain=0.05),
    Population("graded, sd .20, n 2000, far more than 5 points need", 2000, 0.20, min_gain=0.05),
)


def once(
    population: Population, effect: float, random: np.random.Generator, half: NDArray[np.int64]
) -> tuple[str, bool, bool]:
    """The verdict at the end, whether the look at half stops before, and whether its p-value alone would."""
    candidate, baseline = population.draw(effect, random)
    whole = compare(candidate, baseline, min_gain=population.gain, alpha=ALPHA)
    early = compare(candidate[half], baseline[half], min_gain=population.gain, alpha=futility_alpha(ALPHA))
    return whole.outcome, is_futile(early, margin=0.0), early.outcome == "fail"


def table(population: Population, repetitions: int) -> list[str]:
    """One line for each true effect."""
    ids = [f"e{i}" for i in range(population.n)]
    half = np.array([int(name[1:]) for name in first_half(ids, task="t", data_digest="benchmark")])
    lines = [f"{population.name}, g = {100 * population.gain:.1f} points, {repetitions:,} repetitions"]
    heads = ("asked", "PASS", "(no look)", "FAIL", "(no look)", "lost", "p alone")
    lines.append(f"{'true gain':<17}" + "".join(f"{head:>10}" for head in heads))
    for name, share in EFFECTS.items():
        random = rng(0, "early stop", population.name, name)
        found = [once(population, share * population.gain, random, half) for _ in range(repetitions)]
        stopped = sum(stop for _, stop, _ in found) / repetitions
        passed, fails = (sum(o == outcome for o, _, _ in found) / repetitions for outcome in ("pass", "fail"))
        lost = sum(stop and o == "pass" for o, stop, _ in found) / repetitions
        kept = sum(stop and o == "fail" for o, stop, _ in found) / repetitions
        p_alone = sum(stop and o == "pass" for o, _, stop in found) / repetitions
        shares = (passed - lost, passed, fails + stopped - kept, fails)
        cells = [
            f"{1 - stopped / 2:.2f}",
            *(f"{100 * v:.1f}" for v in shares),
            *(f"{100 * v:.2f}" for v in (lost, p_alone)),
        ]
        lines.append(f"{name:<17}" + "".join(f"{cell:>10}" for cell in cells))
    return lines


def main() -> None:
    """Print every population's table."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    for population in POPULATIONS:
        print("\n".join(table(population, repetitions)) + "\n")


if __name__ == "__main__":
    main()
