"""Choosing among 3 baselines and 10 candidates: `compare_many`'s rule, and the other rules on the best candidate.

Shapes: `r` replications, `n` examples, `c` candidates, `b` baselines. A false ship is a pass of any candidate that is
no better than the truly best baseline.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.rivals import Suite, ships
from calibration.rows import ALPHA, Row, Tally, Task
from calibration.shapes import HIGH, MIDDLE, Array, Generator, Mask, chance, draw, levels
from calibration.twins import guarded_t, holm_passes, simes, t_above, t_surviving, tango_above

N_CANDIDATES = 10
N_BASELINES = 3
GAIN = 0.05
WORSE = 0.04
CHUNK = 50
SETTINGS = {
    "noisy": "text overlap",
    "skew-left": "5% of every candidate's outputs collapse, the rest better",
    "accuracy": "accuracy 80%, a fifth of answers differ",
}
TRUTHS = ("equal", "one-best", "gain")
# Chances of a right answer, which differ from example to example: 0.8 on average.
ANSWERS = levels(4 / 3, 1 / 3)


@dataclass(frozen=True, slots=True)
class Family:
    """Scores `candidates[r, c, n]` and `baselines[r, b, n]`, and whether they are 0/1."""

    candidates: Array
    baselines: Array
    binary: bool

    def p_values(self, limit: float, *, unseen: int | None = None) -> Array:
        """p[r, c, b] of "gain <= limit" by the product's tests; or with `unseen` collapses at every level, or 0."""
        n = self.candidates.shape[2]
        ours = self.candidates.sum(axis=2)[:, :, None]
        theirs = self.baselines.sum(axis=2)[:, None, :]
        both = self.candidates @ self.baselines.transpose(0, 2, 1)
        if self.binary:
            return tango_above(ours - both, theirs - both, n, limit)
        squares = (self.candidates**2).sum(axis=2)[:, :, None] + (self.baselines**2).sum(axis=2)[:, None, :] - 2 * both
        if unseen is None:
            return guarded_t(ours - theirs, squares, n, theirs / n, limit)
        if unseen == 0:
            return t_above(ours - theirs, squares, n, limit)
        return t_surviving(ours - theirs, squares, n, theirs / n, limit, unseen=unseen)

    def verdicts(self, min_gain: float) -> tuple[Mask, Mask]:
        """Which candidates pass and which fail[r, c], as `compare_many` says."""
        passed = holm_passes(self.p_values(0.0).max(axis=2), ALPHA)
        failed = simes(1 - self.p_values(min_gain, unseen=0)) <= ALPHA
        return passed, failed & ~passed

    def guarded_once(self) -> Mask:
        """Which candidates[r, c] would pass with one unseen collapse at every level."""
        return holm_passes(self.p_values(0.0, unseen=1).max(axis=2), ALPHA)

    def best_pair(self) -> tuple[Suite, Array]:
        """The best-looking candidate against the best-looking baseline, and which candidate it is[r]."""
        r = np.arange(len(self.candidates))
        best = self.candidates.mean(axis=2).argmax(axis=1)
        base = self.baselines.mean(axis=2).argmax(axis=1)
        return Suite.of(self.candidates[r, best], self.baselines[r, base]), best


def scores(generator: Generator, setting: str, r: int, n: int, truth: str) -> Family:
    """Families in which all are equal, or one baseline is better than the others, or one candidate better than all."""
    size = N_CANDIDATES + N_BASELINES
    table = {"noisy": MIDDLE, "skew-left": HIGH, "accuracy": ANSWERS}[setting]
    own = {"noisy": 0.89, "skew-left": 0.2, "accuracy": 0.0}[setting]
    mean = float(table.mean())
    all_scores = np.repeat((1 - own) * draw(generator, table, r, 1, n), size, axis=1)
    if own:
        all_scores += own * draw(generator, table, r, size, n)
    candidates, baselines = all_scores[:, :N_CANDIDATES], all_scores[:, N_CANDIDATES:]
    kept: Mask | None = None
    if setting == "skew-left":
        kept = ~chance(generator, 0.05, r, N_CANDIDATES, n)
        candidates += (1 - candidates) * (0.05 * mean / 0.95 / (1 - mean))
    if truth == "one-best":
        baselines[:, 1:] *= 1 - WORSE / mean
    elif truth == "gain":
        risen = mean / 0.95 if kept is not None else mean
        share = 0.95 if kept is not None else 1.0
        candidates[:, 0] += (1 - candidates[:, 0]) * (GAIN / share / (1 - risen))
    if kept is not None:
        candidates *= kept
    if setting == "accuracy":
        all_scores = (generator.random(all_scores.shape, dtype=np.float32) < all_scores).astype(np.float64)
        return Family(all_scores[:, :N_CANDIDATES], all_scores[:, N_CANDIDATES:], True)
    return Family(candidates, baselines, False)


def simulate(task: Task) -> list[Row]:
    """One setting at one size. Where one candidate is truly better, only its own passes and fails count."""
    tally = Tally(task)
    for start in range(0, task.replications, CHUNK):
        r = min(CHUNK, task.replications - start)
        for truth in TRUTHS:
            family = scores(task.generator(start), task.shape, r, task.n, truth)
            passed, failed = family.verdicts(GAIN)
            once = family.guarded_once()
            suite, best = family.best_pair()
            decisions = ships(suite, task.generator("bootstrap", truth, start))
            if truth == "gain":
                tally.add(truth, "evalgate", np.count_nonzero(passed[:, 0]), np.count_nonzero(failed[:, 0]))
                tally.add(truth, "once", np.count_nonzero(once[:, 0]))
                tally.add(truth, "others", np.count_nonzero(passed[:, 1:].any(axis=1)))
                for rule, shipped in decisions.items():
                    tally.add(truth, rule, np.count_nonzero(shipped & (best == 0)))
                continue
            tally.add(truth, "evalgate", np.count_nonzero(passed.any(axis=1)), np.count_nonzero(failed.all(axis=1)))
            tally.add(truth, "once", np.count_nonzero(once.any(axis=1)))
            for rule, shipped in decisions.items():
                tally.add(truth, rule, np.count_nonzero(shipped))
    return tally.rows()
