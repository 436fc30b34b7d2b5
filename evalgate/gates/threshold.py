"""Floors and ceilings for one system's rate: Clopper-Pearson, with three outcomes."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from evalgate.core.errors import UsageError
from evalgate.core.results import Estimate, Outcome, Verdict
from evalgate.gates import words
from evalgate.gates.compare import Question, check_alpha, judge_pairs
from evalgate.gates.pairs import Entry
from evalgate.stats.paired import MIN_PAIRS
from evalgate.stats.proportion import clopper_pearson_high, clopper_pearson_low, floor_n, p_at_least, p_at_most

METHOD = "Clopper-Pearson"


def check_floor(
    passed: int,
    n: int,
    *,
    floor: float,
    alpha: float = 0.05,
    zero_tolerance: bool = False,
) -> Verdict:
    """Judge whether a rate lies at or above `floor` (a fraction), from `passed` of `n` independent examples.

    Passes if the exact lower bound at confidence `1 - alpha` reaches the floor, fails if the upper bound lies below it;
    with `zero_tolerance` a single failure fails. A floor of 1 can be failed, but never passed. `needed_n` is the
    n that passes if no further example fails. The estimate is of the rate, at level `1 - 2*alpha`.

    Raises:
        UsageError: `bad-setting` (floor outside (0, 1], alpha), `bad-counts` (not 0 <= passed <= n, or n = 0).
    """
    return floor_verdict(passed, n, floor=floor, alpha=alpha, zero_tolerance=zero_tolerance, speech=words.VALID)


def floor_verdict(
    passed: int, n: int, *, floor: float, alpha: float, zero_tolerance: bool, speech: tuple[str, str, str]
) -> Verdict:
    """`check_floor` with the words for examples that pass and fail."""
    passed, n = int(passed), int(n)
    _check(passed, n, floor, alpha)
    low, high = clopper_pearson_low(passed, n, alpha), clopper_pearson_high(passed, n, alpha)
    p_pass, p_fail = p_at_least(passed, n, floor), p_at_most(passed, n, floor)
    refuted = passed < n and (zero_tolerance or floor >= 1)
    outcome: Outcome = (
        "fail" if refuted or high < floor else "pass" if floor < 1 and p_pass <= alpha else "inconclusive"
    )
    needed = None if outcome != "inconclusive" or floor >= 1 else floor_n(n - passed, floor, alpha)
    one_more = None if needed is None else floor_n(n - passed + 1, floor, alpha)
    more = None if needed is None or one_more is None else (needed - n, one_more - n)
    reason = words.floor(outcome, passed, n, limit=floor, low=low, high=high, alpha=alpha, more=more, speech=speech)
    if refuted:
        reason = f"{words.count(n - passed)} {speech[1]} of {words.count(n)}; the requirement is none."
    estimate = Estimate(value=passed / n, low=low, high=high, level=1 - 2 * alpha, n=n, method=METHOD)
    return Verdict(
        gate="at_least", outcome=outcome, reason=reason, estimate=estimate, p_pass=p_pass,
        p_fail=0.0 if refuted else p_fail, alpha=alpha, n=n, method=METHOD, needed_n=needed,
    )  # fmt: skip


def mean_floor(entries: Mapping[str, Entry], *, floor: float, alpha: float, collapse_guard: bool) -> Verdict:
    """Judge whether the mean of graded scores (0 to 1, by example id) lies at or above `floor`: one-sample t.

    Missing scores count 0. The estimate is of the mean. `needed_n` is None: no declared effect gives it.
    """
    level: dict[str, Entry] = dict.fromkeys(entries, floor)
    question = Question(gate="at_least", alpha=alpha, collapse_guard=collapse_guard, kind="bounded")
    verdict = judge_pairs({"": entries}, {"": level}, question)[""]
    old = verdict.estimate
    if old is None:
        return verdict
    method = old.method.replace("paired t", "one-sample t")
    moved = {name: min(1.0, max(0.0, getattr(old, name) + floor)) for name in ("value", "low", "high")}
    estimate = msgspec.structs.replace(old, method=method, **moved)
    reason = verdict.reason
    if verdict.n >= MIN_PAIRS:
        reason = words.mean_floor(
            verdict.outcome, n=verdict.n, value=estimate.value, low=estimate.low, high=estimate.high, limit=floor,
            alpha=alpha, guarded=verdict.guard_decided,
        )  # fmt: skip
    return msgspec.structs.replace(verdict, method=method, estimate=estimate, reason=reason, baseline=None)


def _check(passed: int, n: int, floor: float, alpha: float) -> None:
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
