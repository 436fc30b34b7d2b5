"""Fifty looks at one held-out set by an adaptive team, none of whose variants is better than the baseline.

Shapes: `r` teams, `n` examples. A team is wronged once any of its variants ships.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from calibration.families import ANSWERS
from calibration.rows import ALPHA, Row, Tally, Task
from calibration.shapes import HIGH, MIDDLE, Array, Generator, chance, draw
from calibration.twins import guarded_t, t_surviving, tango_above

N_LOOKS = 50
DECLARED = 10
TWEAKED = 0.2
COLLAPSED = 0.05
KINDS = {"noisy": "text overlap", "accuracy": "accuracy", "skew-left": "5% of every variant's outputs collapse"}
TEAMS = {
    "unrelated": "submits 50 unrelated variants",
    "verdicts": "changes a fifth of the outputs each time, sees pass or not-pass only",
    "scores": "changes a fifth of the outputs each time, sees the score, keeps what scored higher",
}
RULES = {
    "mean": "higher mean ships, at every look",
    "every": "every look judged at 0.05",
    "fifty": "0.05/50 at each of 50 looks",
    "ledger": "0.05/10 at each of 10 looks, then refuse",
}


@dataclass(frozen=True, slots=True)
class World:
    """One kind of outputs: what the examples ask, the baseline's scores, and how a new output comes about."""

    kind: str
    item: Array
    baseline: Array

    @classmethod
    def of(cls, kind: str, generator: Generator, r: int, n: int) -> World:
        """`noisy` text overlap, `accuracy` with chances that differ from example to example, or `skew-left`."""
        item = draw(generator, {"accuracy": ANSWERS, "noisy": MIDDLE, "skew-left": HIGH}[kind], r, n)
        if kind == "accuracy":
            return cls(kind, item, (generator.random((r, n), dtype=np.float32) < item).astype(np.float64))
        return cls(kind, item, cls._mixed(kind, item, generator))

    @staticmethod
    def _mixed(kind: str, item: Array, generator: Generator) -> Array:
        own, table = (0.89, MIDDLE) if kind == "noisy" else (0.2, HIGH)
        return (1 - own) * item + own * draw(generator, table, *item.shape)

    def outputs(self, generator: Generator) -> Array:
        """Scores[r, n] of fresh outputs of a system that is exactly as good as the baseline."""
        if self.kind == "accuracy":
            return (generator.random(self.item.shape, dtype=np.float32) < self.item).astype(np.float64)
        scores = self._mixed(self.kind, self.item, generator)
        if self.kind == "noisy":
            return scores
        mean = float(HIGH.mean())
        better = scores + (1 - scores) * (COLLAPSED * mean / (1 - COLLAPSED) / (1 - mean))
        return better * ~chance(generator, COLLAPSED, *scores.shape)

    def p(self, candidate: Array) -> tuple[Array, Array]:
        """The p-value[r] of "no gain" by the product's tests, and with one unseen collapse at every level."""
        d = candidate - self.baseline
        n = d.shape[1]
        if self.kind == "accuracy":
            p = tango_above(np.count_nonzero(d > 0, axis=1), np.count_nonzero(d < 0, axis=1), n, 0.0)
            return p, p
        sums = d.sum(axis=1), (d**2).sum(axis=1), n, self.baseline.mean(axis=1)
        return guarded_t(*sums, 0.0), t_surviving(*sums, 0.0, unseen=1)


def submissions(world: World, team: str, generator: Generator) -> Iterator[Array]:
    """The variants[r, n] that a team submits, one a look."""
    current = world.outputs(generator)
    for _ in range(N_LOOKS):
        if team == "unrelated":
            yield world.outputs(generator)
            continue
        changed = chance(generator, TWEAKED, *current.shape)
        variant = np.where(changed, world.outputs(generator), current)
        yield variant
        if team == "scores":
            better = variant.mean(axis=1) > current.mean(axis=1)
            variant = np.where(better[:, None], variant, current)
        current = variant


def simulate(task: Task) -> list[Row]:
    """One kind of outputs and one team at one size: how many teams ship anything, by each rule."""
    kind, team = task.shape.split(" ")
    tally = Tally(task)
    for generator, r in task.chunks():
        world = World.of(kind, generator, r, task.n)
        floor = world.baseline.mean(axis=1)
        p, once, higher = np.empty((r, N_LOOKS)), np.empty((r, N_LOOKS)), np.empty((r, N_LOOKS), dtype=np.bool_)
        for look, variant in enumerate(submissions(world, team, generator)):
            p[:, look], once[:, look] = world.p(variant)
            higher[:, look] = variant.mean(axis=1) > floor
        shipped = {
            "mean": higher,
            "every": p <= ALPHA,
            "fifty": p <= ALPHA / N_LOOKS,
            "ledger": p[:, :DECLARED] <= ALPHA / DECLARED,
            "once": once[:, :DECLARED] <= ALPHA / DECLARED,
        }
        for rule, passes in shipped.items():
            tally.add("none", rule, np.count_nonzero(passes.any(axis=1)))
    return tally.rows()
