"""Latency against the baseline: the ratio of a quantile over interleaved pairs, with three outcomes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evalgate.core.errors import UsageError
from evalgate.core.results import Estimate, Outcome, Verdict
from evalgate.gates import words
from evalgate.gates.compare import check_alpha
from evalgate.stats.interval import factorize
from evalgate.stats.paired import Codes
from evalgate.stats.plan import ratio_n
from evalgate.stats.quantile import QuantileRatio, advised_pairs, min_pairs, n_resamples, quantile_ratio

Array = NDArray[np.float64]


def compare_latency(
    candidate_s: Sequence[float] | Array,
    baseline_s: Sequence[float] | Array,
    *,
    quantile: float,
    limit: float,
    alpha: float = 0.05,
    seed: int = 0,
    items: Sequence[str] | None = None,
) -> Verdict:
    """Judge whether a latency quantile is at most `limit` times the baseline's.

    `candidate_s[n]` and `baseline_s[n]` are seconds of the same requests, measured in randomly interleaved order
    without a cache (with all of one system first, no interval holds its level). `items[n]` names the example of each
    pair; repeats of one example are resampled together and count once. Passes if the upper bound of the ratio is at
    most `limit`, fails if the lower bound is above it. Below 100 pairs a p95 is inconclusive, for any quantile below
    five pairs beyond it, or 20. The estimate is of the ratio, at level `1 - 2*alpha`.

    Raises:
        UsageError: `bad-setting`, `pairs-length`, `no-pairs`, `bad-latency` (a time that is not above 0 or not finite).
    """
    check_alpha(alpha)
    if not 0 < quantile < 1 or not limit > 0:
        raise UsageError(
            f"quantile must lie between 0 and 1 and limit above 0, not {quantile:g} and {limit:g}",
            code="bad-setting",
            fix="for a p95 at most 10% slower give `quantile=0.95, limit=1.10`",
        )
    candidate, baseline = np.asarray(candidate_s, dtype=np.float64), np.asarray(baseline_s, dtype=np.float64)
    _check_times(candidate, baseline)
    b = n_resamples(alpha)
    codes = None if items is None else _codes(items, candidate.size)
    n = candidate.size if codes is None else int(codes.max()) + 1
    ratio = quantile_ratio(candidate, baseline, quantile=quantile, b=b, seed=seed, items=codes)
    name = f"p{100 * quantile:g}"
    nested = "" if n == candidate.size else f" of {n} examples with their repeats"
    method = f"paired percentile bootstrap of the {name} ratio, {b} resamples{nested}"
    return _verdict(ratio, n, quantile=quantile, limit=limit, alpha=alpha, name=name, method=method)


def _verdict(
    ratio: QuantileRatio, n: int, *, quantile: float, limit: float, alpha: float, name: str, method: str
) -> Verdict:
    """Outcome, sentence and the pairs needed, from the resampled ratio of `n` pairs."""
    few, advised = n < min_pairs(quantile), advised_pairs(quantile)
    p_pass, p_fail = (1.0, 1.0) if few else (ratio.p_below(limit), ratio.p_above(limit))
    outcome: Outcome = "pass" if p_pass <= alpha else "fail" if p_fail <= alpha else "inconclusive"
    low, high = ratio.low(alpha), ratio.high(alpha)
    needed = None
    if outcome == "inconclusive":
        enough = advised if few else ratio_n(n, low, high, limit=limit, alpha=alpha)
        needed = None if enough is None else max(advised, enough, n + (n + 9) // 10)
    return Verdict(
        gate=f"latency.{name}", outcome=outcome, p_pass=p_pass, p_fail=p_fail, alpha=alpha, n=n, method=method,
        reason=words.latency(
            outcome, name=name, low=low, high=high, limit=limit, n=n, alpha=alpha, advised=needed or advised
        ),
        estimate=Estimate(value=ratio.value, low=low, high=high, level=1 - 2 * alpha, n=n, method=method),
        needed_n=needed,
    )  # fmt: skip


def _codes(items: Sequence[str], n: int) -> Codes:
    if len(items) != n:
        raise UsageError(
            f"there are {n} pairs and {len(items)} names of examples",
            code="pairs-length",
            fix="give one name for each pair",
        )
    return factorize(items)


def _check_times(candidate: Array, baseline: Array) -> None:
    if candidate.shape != baseline.shape or candidate.ndim != 1:
        raise UsageError(
            f"the candidate has {candidate.size} times and the baseline {baseline.size}",
            code="pairs-length",
            fix="give the times of the same requests in one order",
        )
    if candidate.size == 0:
        raise UsageError("there are no times to compare", code="no-pairs", fix="measure at least one pair")
    if not all(bool(np.all(np.isfinite(side) & (side > 0))) for side in (candidate, baseline)):
        raise UsageError(
            "a time is not a finite number of seconds above 0",
            code="bad-latency",
            fix="leave out requests that failed, on both sides of the pair",
        )
