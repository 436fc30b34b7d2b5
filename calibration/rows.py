"""One row of results, the tasks that make rows, and the seeds and chunks that they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, SupportsInt

import numpy as np

from evalgate.core.seeds import rng

ALPHA = 0.05
SIZES = (50, 100, 200, 500, 2000)
# Replications drawn at once: a suite of 2,000 examples then takes 4 MB for each array.
CHUNK = 250


class Row(NamedTuple):
    """How often one rule passed and failed in one cell; shares of `replications`, or exact where those are 0."""

    part: str
    shape: str
    n: int
    truth: str
    rule: str
    passed: float
    failed: float
    replications: int


@dataclass(frozen=True, slots=True)
class Task:
    """One cell to simulate: a part of the page, a shape (or another setting) and the number of examples."""

    part: str
    shape: str
    n: int
    replications: int
    seed: int

    def chunks(self) -> Iterator[tuple[np.random.Generator, int]]:
        """Generators and replications of each chunk: the same whatever else runs, and in whatever order."""
        for start in range(0, self.replications, CHUNK):
            yield self.generator(start), min(CHUNK, self.replications - start)

    def generator(self, *path: str | int) -> np.random.Generator:
        """A generator for one purpose within this cell."""
        return rng(self.seed, "calibration", self.part, self.shape, self.n, *path)


class Tally:
    """Counts passes and fails by truth and rule over the chunks of a task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.counts: dict[tuple[str, str], tuple[int, int]] = {}

    def add(self, truth: str, rule: str, passed: SupportsInt, failed: SupportsInt = 0) -> None:
        """Add a chunk's counts."""
        old = self.counts.get((truth, rule), (0, 0))
        self.counts[truth, rule] = (old[0] + int(passed), old[1] + int(failed))

    def rows(self, part: str | None = None) -> list[Row]:
        """Everything counted, as shares."""
        r = self.task.replications
        return [
            Row(part or self.task.part, self.task.shape, self.task.n, truth, rule, passed / r, failed / r, r)
            for (truth, rule), (passed, failed) in self.counts.items()
        ]
