"""Every simulated suite judged by the public call `evalgate.compare`, and by other tools' rules beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calibration.rivals import Suite, ships
from calibration.rows import ALPHA, CHUNK, Row, Tally, Task
from calibration.shapes import ALL, MARGIN, Array, Kind
from evalgate import compare
from evalgate.core.results import Verdict

# The truths at which each rule of evalgate is judged; the other rules, which make no difference, at RIVAL_TRUTHS.
BETTER_TRUTHS = ("none", "gain", "double")
NOT_WORSE_TRUTHS = ("edge", "none")
RIVAL_TRUTHS = ("edge", "none", "gain")


class Judge:
    """`compare` with one question over many suites. 0/1 suites with the same changes get the same verdict once."""

    def __init__(self, kind: Kind, *, gain: float | None) -> None:
        """A declared `gain` asks for `better`, None for `not_worse`."""
        self.binary = kind == "binary"
        self.gain = gain
        self.known: dict[tuple[int, int], str] = {}

    def verdict(self, candidate: Array, baseline: Array, clusters: Sequence[str] | None = None) -> Verdict:
        """What the product says."""
        if self.gain is not None:
            return compare(candidate, baseline, rule="better", min_gain=self.gain, alpha=ALPHA, clusters=clusters)
        return compare(candidate, baseline, rule="not_worse", margin=MARGIN, alpha=ALPHA, clusters=clusters)

    def count(self, candidate: Array, baseline: Array, clusters: Sequence[str] | None = None) -> tuple[int, int]:
        """Passes and fails over `candidate[r, n]` and `baseline[r, n]`."""
        if clusters is None and self.binary:
            outcomes = [self._counted(c, b) for c, b in zip(candidate, baseline, strict=True)]
        else:
            outcomes = [self.verdict(c, b, clusters).outcome for c, b in zip(candidate, baseline, strict=True)]
        return outcomes.count("pass"), outcomes.count("fail")

    def _counted(self, candidate: Array, baseline: Array) -> str:
        key = (int(np.count_nonzero(candidate > baseline)), int(np.count_nonzero(candidate < baseline)))
        if key not in self.known:
            self.known[key] = self.verdict(candidate, baseline).outcome
        return self.known[key]


def simulate(task: Task) -> list[Row]:
    """One shape at one size: `better` and `not_worse` by the product, and all other rules, on the same suites."""
    shape = ALL[task.shape]
    better, not_worse = Judge(shape.kind, gain=shape.gain), Judge(shape.kind, gain=None)
    tally, rivals = Tally(task), Tally(task)
    for start in range(0, task.replications, CHUNK):
        r = min(CHUNK, task.replications - start)
        for truth, effect in shape.truths.items():
            # The same seed for every truth: the suites differ in the effect alone.
            candidate, baseline = shape.pair(task.generator(start), r, task.n, effect)
            if truth in BETTER_TRUTHS:
                tally.add(truth, "better", *better.count(candidate, baseline))
            if truth in NOT_WORSE_TRUTHS:
                tally.add(truth, "not_worse", *not_worse.count(candidate, baseline))
            if truth in RIVAL_TRUTHS:
                suite = Suite.of(candidate, baseline)
                for rule, shipped in ships(suite, task.generator("bootstrap", truth, start)).items():
                    rivals.add(truth, rule, np.count_nonzero(shipped))
    return [*tally.rows("gates"), *rivals.rows("rivals")]
