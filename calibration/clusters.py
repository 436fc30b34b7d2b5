"""Examples that belong together: several questions to one document. `compare` with clusters, and without them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.gates import Judge
from calibration.rivals import t_above
from calibration.rows import ALPHA, CHUNK, Row, Tally, Task
from calibration.shapes import MIDDLE, Generator, Pair, draw, levels

Codes = NDArray[np.int64]

# Clusters, and whether they differ in size: the largest of 20 then holds a seventh of the examples.
SETTINGS = {"8": 8, "20": 20, "20-unequal": 20, "50": 50}
CELLS = ("graded 8", "graded 20", "graded 20-unequal", "graded 50", "binary 8", "binary 20")
GAIN = 0.1
RATES = levels(4, 1)
TITLES = {"8": "8 clusters", "20": "20 clusters", "20-unequal": "20 clusters of unequal size", "50": "50 clusters"}


def members(setting: str, n: int) -> Codes:
    """The cluster of each of `n` examples; none is empty."""
    count = SETTINGS[setting]
    if "unequal" not in setting:
        return np.arange(n) % count
    share = 1 / (np.arange(count) + 3.0)
    rest = np.searchsorted(np.cumsum(share) / share.sum(), (np.arange(n - count) + 0.5) / (n - count))
    return np.concatenate([np.arange(count), rest])


def graded(generator: Generator, r: int, codes: Codes, effect: float) -> Pair:
    """Scores in which a fifth of a difference's variance belongs to its cluster."""
    n, count = codes.size, int(codes.max()) + 1
    shared = 0.4 * draw(generator, MIDDLE, r, n)
    sides = []
    for _ in range(2):
        of_cluster = 0.2 * draw(generator, MIDDLE, r, count)[:, codes]
        sides.append(shared + of_cluster + 0.4 * draw(generator, MIDDLE, r, n))
    candidate = sides[0] + (1 - sides[0]) * (effect / (1 - float(MIDDLE.mean())))
    return candidate, sides[1]


def binary(generator: Generator, r: int, codes: Codes, effect: float) -> Pair:
    """0/1 scores whose rate differs between clusters, for each system on its own: 0.8 on average, sd 0.16."""
    n, count = codes.size, int(codes.max()) + 1
    sides = []
    for gain in (effect, 0.0):
        rates = draw(generator, RATES, r, count)[:, codes]
        rates = rates + (1 - rates) * (gain / (1 - float(RATES.mean())))
        sides.append((generator.random((r, n)) < rates).astype(np.float64))
    return sides[0], sides[1]


def simulate(task: Task) -> list[Row]:
    """One kind of score and number of clusters at one size."""
    kind, setting = task.shape.split(" ")
    make = graded if kind == "graded" else binary
    codes = members(setting, task.n)
    labels = [str(code) for code in codes]
    judge, tally = Judge("graded" if kind == "graded" else "binary", gain=GAIN), Tally(task)
    for start in range(0, task.replications, CHUNK):
        r = min(CHUNK, task.replications - start)
        for truth, effect in {"none": 0.0, "gain": GAIN}.items():
            candidate, baseline = make(task.generator(start), r, codes, effect)
            tally.add(truth, "better", *judge.count(candidate, baseline, labels))
            tally.add(truth, "t", np.count_nonzero(t_above(candidate - baseline) <= ALPHA))
    return tally.rows()
