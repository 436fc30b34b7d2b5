"""Floors and ceilings for one system's rate: Clopper-Pearson, with three outcomes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from evalgate.core.errors import UsageError
from evalgate.core.results import Estimate, Outcome, Verdict
from evalgate.gates import words
from evalgate.gates.compare import Question, check_alpha, judge_pairs
from evalgate.gates.pairs import Clusters, Entry
from evalgate.stats.paired import MIN_CLUSTERS, MIN_PAIRS, unseen_at
from evalgate.stats.proportion import (
    clopper_pearson_high,
    clopper_pearson_low,
    effective_n,
    floor_n,
    p_at_least,
    p_at_most,
)

METHOD = "Clopper-Pearson"


def check_floor(
    passed: int,
    n: int,
    *,
    floor: float,
    alpha: float = 0.05,
    zero_tolerance: bool = False,
    cluster_sizes: Sequence[int] | None = None,
) -> Verdict:
    """Judge whether a rate lies at or above `floor` (a fraction), from `passed` of `n` examples.

    Passes if the exact lower bound at confidence `1 - alpha` reaches the floor, fails if the upper bound lies below it;
    with `zero_tolerance` a single failure fails. A floor of 1 can be failed, but never passed. `needed_n` is the
    n that passes if no further example fails. The estimate is of the rate, at level `1 - 2*alpha`.
    `cluster_sizes` (summing to n) say that examples of a cluster are not independent: they are then worth no more than
    `n^2 / sum(size^2)` examples, and below 8 clusters the verdict is inconclusive.

    Raises:
        UsageError: `bad-setting` (floor outside (0, 1], alpha), `bad-counts` (not 0 <= passed <= n, n = 0, or clusters
            that do not sum to n).
    """
    return floor_verdict(
        passed, n, floor=floor, alpha=alpha, zero_tolerance=zero_tolerance, speech=words.VALID, sizes=cluster_sizes
    )


def floor_verdict(
    passed: int, n: int, *, floor: float, alpha: float, zero_tolerance: bool, speech: tuple[str, str, str],
    sizes: Sequence[int] | None = None,
) -> Verdict:  # fmt: skip
    """`check_floor` with the words for examples that pass and fail."""
    passed, n = int(passed), int(n)
    _check(passed, n, floor, alpha, sizes)
    few = sizes is not None and len(sizes) < MIN_CLUSTERS
    worth = effective_n(n, sizes)
    k = passed if sizes is None else passed / n * worth
    low, high = clopper_pearson_low(k, worth, alpha), clopper_pearson_high(k, worth, alpha)
    p_pass, p_fail = (1.0, 1.0) if few else (p_at_least(k, worth, floor), p_at_most(k, worth, floor))
    refuted = passed < n and (zero_tolerance or floor >= 1)
    shown = refuted or (high < floor and not few)
    outcome: Outcome = "fail" if shown else "pass" if floor < 1 and p_pass <= alpha else "inconclusive"
    open_ = outcome == "inconclusive" and floor < 1 and not few
    needed, more = _needed(n - passed, n, worth, floor, alpha) if open_ else (None, None)
    reason = words.floor(outcome, passed, n, limit=floor, low=low, high=high, alpha=alpha, more=more, speech=speech)
    if refuted:
        reason = f"{words.count(n - passed)} {speech[1]} of {words.count(n)}; the requirement is none."
    elif sizes is not None:
        reason = words.clustered_floor("" if few else reason, len(sizes), MIN_CLUSTERS)
    method = METHOD if sizes is None else f"{METHOD}, clusters of like size counted as one example each"
    estimate = Estimate(
        value=passed / n, low=low, high=high, level=1 - 2 * alpha, n=n, method=method,
        n_clusters=None if sizes is None else len(sizes),
    )  # fmt: skip
    return Verdict(
        gate="at_least", outcome=outcome, reason=reason, estimate=estimate, p_pass=p_pass,
        p_fail=0.0 if refuted else p_fail, alpha=alpha, n=n, method=method, needed_n=needed,
    )  # fmt: skip


def _needed(
    failures: int, n: int, worth: float, floor: float, alpha: float
) -> tuple[int | None, tuple[int, int] | None]:
    """The n that passes without a further failure; and how many more that is, without and with one more."""
    found = [floor_n(math.ceil(f * worth / n - 1e-9), floor, alpha) for f in (failures, failures + 1)]
    if found[0] is None or found[1] is None:
        return found[0], None
    first, second = (math.ceil(size * n / worth - 1e-9) for size in (found[0], found[1]))
    return first, (first - n, second - n)


def mean_floor(
    entries: Mapping[str, Entry], *, floor: float, alpha: float, collapse_guard: bool, clusters: Clusters | None = None
) -> Verdict:
    """Judge whether the mean of graded scores (0 to 1, by example id) lies at or above `floor`: one-sample t.

    Missing scores count 0. The estimate is of the mean. `needed_n` is None: no declared effect gives it.
    """
    level: dict[str, Entry] = dict.fromkeys(entries, floor)
    question = Question(gate="at_least", alpha=alpha, collapse_guard=collapse_guard, kind="bounded")
    verdict = judge_pairs({"": entries}, {"": level}, question, clusters=clusters)[""]
    old = verdict.estimate
    if old is None:
        return verdict
    method = old.method.replace("paired t", "one-sample t")
    moved = {name: min(1.0, max(0.0, getattr(old, name) + floor)) for name in ("value", "low", "high")}
    estimate = msgspec.structs.replace(old, method=method, **moved)
    reason = verdict.reason
    few = old.n_clusters is not None and old.n_clusters < MIN_CLUSTERS
    if verdict.n >= MIN_PAIRS and not few:
        reason = words.mean_floor(
            verdict.outcome, n=verdict.n, value=estimate.value, low=estimate.low, high=estimate.high, limit=floor,
            alpha=alpha, unseen=unseen_at(alpha) if verdict.guard_decided else 0,
        )  # fmt: skip
    return msgspec.structs.replace(verdict, method=method, estimate=estimate, reason=reason, baseline=None)


def _check(passed: int, n: int, floor: float, alpha: float, sizes: Sequence[int] | None) -> None:
    check_alpha(alpha)
    if not 0 < floor <= 1:
        raise UsageError(
            f"a floor must lie above 0 and at most at 1, not {floor:g}",
            code="bad-setting",
            fix="give it as a fraction: 99% is 0.99",
        )
    if n < 1 or not 0 <= passed <= n:
        raise UsageError(
            f"{passed} passed of {n} is not a count",
            code="bad-counts",
            fix="give how many examples passed, and how many there were (at least one)",
        )
    if sizes is not None and (sum(sizes) != n or min(sizes, default=0) < 1):
        raise UsageError(
            f"the clusters hold {sum(sizes)} examples, but there are {n}",
            code="bad-counts",
            fix="give the number of examples of each cluster, 1 for an example that stands alone",
        )
