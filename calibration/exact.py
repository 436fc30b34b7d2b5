"""What needs no simulation: 0/1 comparisons and floors, with every possible count and its probability."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import betaincinv, gammaln, ndtri, xlogy

from calibration.rows import ALPHA, Row, Task
from calibration.shapes import ALL, MARGIN, Array, changes
from calibration.twins import tango_above, tango_z
from evalgate import check_floor

# Counts further than this many standard deviations away have no weight that a table could show.
REACH = 9
FLOORS = (0.9, 0.95, 0.99)
DISCORDANCES = tuple(float(x) for x in np.round(np.arange(0.01, 0.61, 0.01), 2))


def binomial(n: int, p: float) -> tuple[Array, Array]:
    """The counts within reach of `n * p` and their probabilities."""
    half = REACH * math.sqrt(n * p * (1 - p)) + REACH
    k = np.arange(max(0, math.floor(n * p - half)), min(n, math.ceil(n * p + half)) + 1, dtype=np.float64)
    log_p = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + xlogy(k, p) + xlogy(n - k, 1 - p)
    return k, np.exp(log_p)


def changed_counts(n: int, gained: float, lost: float) -> tuple[Array, Array, Array]:
    """Counts `gained[i, 1]`, `lost[1, j]` of `n` and the probability[i, j] of each pair of them."""
    b, _ = binomial(n, gained)
    c, _ = binomial(n, lost)
    b, c = b[:, None], c[None, :]
    rest = n - b - c
    inside = rest >= 0
    rest = np.maximum(rest, 0.0)
    log_p = gammaln(n + 1) - gammaln(b + 1) - gammaln(c + 1) - gammaln(rest + 1)
    log_p = log_p + xlogy(b, gained) + xlogy(c, lost) + xlogy(rest, max(0.0, 1 - gained - lost))
    return b, c, np.where(inside, np.exp(log_p), 0.0)


def tango_shares(n: int, both: tuple[float, float], pass_limit: float, fail_limit: float) -> tuple[float, float]:
    """The exact shares of passes and fails where `both` are how often an answer is gained and lost."""
    b, c, weight = changed_counts(n, *both)
    passed = tango_above(b, c, n, pass_limit) <= ALPHA
    failed = ~passed & (1 - tango_above(b, c, n, fail_limit) <= ALPHA)
    return float(weight[passed].sum()), float(weight[failed].sum())


def binary(task: Task) -> list[Row]:
    """One 0/1 shape at one size: what the simulation of `better` and `not_worse` should find."""
    shape, rows = ALL[task.shape], []
    for truth, effect in shape.truths.items():
        both = changes(shape.rate, shape.discordance, effect)
        assert both is not None
        limits = {"better": (0.0, shape.gain), "not_worse": (-MARGIN, -MARGIN)}
        wanted = {"edge": ("not_worse",), "none": ("better", "not_worse")}.get(truth, ("better",))
        for rule in wanted:
            shares = tango_shares(task.n, both, *limits[rule])
            rows.append(Row("exact", shape.name, task.n, truth, rule, *shares, 0))
    return rows


def worst(task: Task) -> list[Row]:
    """The largest false-ship rate of Tango's test over discordances from 1 to 60%, at no gain and at the edge."""
    rows = []
    for rule, limit in (("better", 0.0), ("not_worse", -MARGIN)):
        sizes = {}
        for discordance in DISCORDANCES:
            if discordance + limit < 0:
                continue
            both = ((discordance + limit) / 2, (discordance - limit) / 2)
            b, c, weight = changed_counts(task.n, *both)
            level = float(ndtri(1 - ALPHA))
            sizes[discordance] = float(weight[tango_z(b, c, task.n, limit) >= level].sum())
        at = max(sizes, key=lambda x: sizes[x])
        rows.append(Row("worst", f"{at:.2f}", task.n, "edge" if limit else "none", rule, sizes[at], 0.0, 0))
    return rows


def floors(task: Task) -> list[Row]:
    """`check_floor` on every possible count, with the rules that others use, at four true rates."""
    floor, n, rows = float(task.shape), task.n, []
    z = float(ndtri(1 - ALPHA))
    truths = {"edge": floor, "half": (1 + floor) / 2, "twice": 2 * floor - 1, "all": 1.0}
    for truth, rate in truths.items():
        k, weight = binomial(n, rate)
        verdicts = [check_floor(int(i), n, floor=floor, alpha=ALPHA).outcome for i in k]
        share = k / n
        rules = {
            "evalgate": np.array([v == "pass" for v in verdicts]),
            "observed": share >= floor,
            "every": k == n,
            "wald": share - z * np.sqrt(share * (1 - share) / n) >= floor,
            "jeffreys": betaincinv(k + 0.5, n - k + 0.5, ALPHA) >= floor,
        }
        failed = float(weight[np.array([v == "fail" for v in verdicts])].sum())
        for rule, passes in rules.items():
            rows.append(
                Row("floor", task.shape, n, truth, rule, float(weight[passes].sum()),
                    failed if rule == "evalgate" else 0.0, 0)
            )  # fmt: skip
    return rows
