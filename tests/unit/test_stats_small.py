"""Proportions, several tests at once, quantile ratios, planning and score-table intervals."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import stats

from evalgate.core.results import Failure, MetricSpec, Score
from evalgate.stats import plan, proportion, quantile
from evalgate.stats.interval import estimate_scores
from evalgate.stats.multiple import holm, simes


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (194, 200), (500, 500)])
def test_clopper_pearson_is_scipys(k: int, n: int):
    low = stats.binomtest(k, n, alternative="greater").proportion_ci(0.95, "exact").low
    high = stats.binomtest(k, n, alternative="less").proportion_ci(0.95, "exact").high
    assert proportion.clopper_pearson_low(k, n, 0.05) == pytest.approx(low)
    assert proportion.clopper_pearson_high(k, n, 0.05) == pytest.approx(high)
    assert proportion.p_at_least(k, n, 0.9) == pytest.approx(stats.binom.sf(k - 1, n, 0.9))
    assert proportion.p_at_most(k, n, 0.9) == pytest.approx(stats.binom.cdf(k, n, 0.9))


@pytest.mark.parametrize(
    ("floor", "needed"), [(0.95, [59, 93, 124, 153]), (0.99, [299, 473, 628, 773]), (0.999, [2995, 4742, 6294, 7752])]
)
def test_floor_n_is_the_published_table(floor: float, needed: list[int]):
    assert [proportion.floor_n(f, floor, 0.05) for f in range(4)] == needed


@pytest.mark.parametrize(("k", "n"), [(0, 20), (7, 20), (20, 20)])
def test_wilson_is_scipys(k: int, n: int):
    expected = stats.binomtest(k, n).proportion_ci(0.95, "wilson")
    assert proportion.wilson(k, n, 0.95) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_holm_adjusts_and_says_the_level_of_each():
    adjusted, levels = holm([0.04, 0.01, 0.5], 0.05)
    assert adjusted == pytest.approx([0.08, 0.03, 0.5])
    assert levels == pytest.approx([0.025, 0.05 / 3, 0.025])


def test_simes_of_equal_p_values_is_that_value():
    assert simes([0.03, 0.03, 0.03]) == pytest.approx(0.03)
    assert simes([0.01, 0.9]) == pytest.approx(0.02)


def test_quantile_ratio_agrees_with_scipys_bootstrap():
    generator = np.random.default_rng(5)
    base = generator.lognormal(0, 0.4, 300)
    candidate = base * 1.1 * generator.lognormal(0, 0.1, 300)
    mine = quantile.quantile_ratio(candidate, base, quantile=0.5, b=3999, seed=0)
    expected = stats.bootstrap(
        (candidate, base), lambda x, y, axis: np.median(x, axis=axis) / np.median(y, axis=axis), paired=True,
        method="percentile", confidence_level=0.9, n_resamples=3999, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert (mine.low(0.05), mine.high(0.05)) == pytest.approx((expected.low, expected.high), rel=0.01)
    assert (mine.p_below(mine.high(0.05)) <= 0.05) and (mine.p_above(mine.low(0.05)) > 0.05)


def test_quantile_ratio_does_not_grow_with_the_resamples():
    times = np.random.default_rng(6).lognormal(0, 0.3, 5_000)
    tracemalloc.start()
    quantile.quantile_ratio(times, times[::-1], quantile=0.95, b=500, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6


def test_fewest_pairs_for_quantiles():
    assert [quantile.min_pairs(q) for q in (0.5, 0.9, 0.95, 0.99)] == [20, 50, 100, 500]
    assert [quantile.advised_pairs(q) for q in (0.5, 0.95)] == [200, 500]


def test_needed_n_is_the_published_table():
    sizes = [plan.paired_n(psi**0.5, d, alpha=0.05, power=0.8) for psi in (0.05, 0.1) for d in (0.01, 0.02)]
    assert sizes == [3092, 773, 6183, 1546]
    assert plan.paired_n(0.2, 0.02, alpha=0.05, power=0.9) == 857
    assert plan.superiority_n(0.25, 0.05, alpha=0.05, alpha_fail=0.05) == 271
    assert plan.superiority_n(0.25, 0.0, alpha=0.05, alpha_fail=0.05) is None
    # Without noise the collapses alone: 0.4*(u + z*sqrt(u))/0.05 examples for u of them.
    assert plan.paired_n(0.0, 0.05, alpha=0.05, power=0.8, collapse=0.4) == 22
    assert plan.paired_n(0.0, 0.05, alpha=0.005, power=0.8, collapse=0.4) == 46
    assert plan.futility_alpha(0.05) == pytest.approx(0.0056, abs=5e-5)
    assert plan.no_flip_n(0.01, 0.05) == 268
    assert plan.detectable_effect(0.2, 200, alpha=0.05, power=0.8) == pytest.approx(0.0352, abs=1e-4)


class Mean:
    """A mean of fractions."""

    spec = MetricSpec(name="m", unit="fraction", better="higher", signature="m")
    is_mean = True

    def combine(self, parts):
        return parts[..., 0].mean(axis=-1)


class Ratio(Mean):
    """A ratio of sums: no mean."""

    is_mean = False

    def combine(self, parts):
        return parts[..., 0].sum(axis=-1) / parts[..., 1].sum(axis=-1)


def rows(values, clusters=None, repeats=1):
    return [
        Score(
            example_id=f"e{i}", system="s", task="t", metric="m", parts=(float(v), 1.0), repeat=r,
            cluster=clusters[i] if clusters else None,
        )
        for i, v in enumerate(values)
        for r in range(repeats)
    ]  # fmt: skip


def test_score_intervals_by_kind_of_metric():
    values = np.random.default_rng(7).uniform(0, 1, 80)
    found = estimate_scores(rows(values), Mean())
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high, found.method, found.n) == (
        pytest.approx(expected.low), pytest.approx(expected.high), "t", 80,
    )  # fmt: skip
    boot = estimate_scores(rows(values), Ratio())
    assert (boot.low, boot.high) == pytest.approx((found.low, found.high), abs=0.01)
    assert estimate_scores(rows([1.0] * 50), Mean()).low == pytest.approx(proportion.wilson(50, 50, 0.95)[0])


def test_score_intervals_respect_clusters_and_repeats():
    values = np.repeat(np.random.default_rng(8).uniform(0, 1, 16), 5)
    labels = [f"c{i // 5}" for i in range(80)]
    plain = estimate_scores(rows(values), Mean())
    for metric in (Mean(), Ratio()):
        wide = estimate_scores(rows(values, labels), metric)
        assert wide.n_clusters == 16
        assert wide.high - wide.low > 1.7 * (plain.high - plain.low)
    uneven = estimate_scores(rows(values[:-3], labels[:-3]), Ratio())
    assert uneven.high - uneven.low > 1.6 * (plain.high - plain.low)
    once, thrice = estimate_scores(rows(values), Mean()), estimate_scores(rows(values, repeats=3), Mean())
    assert (once.low, once.n) == (pytest.approx(thrice.low), thrice.n)


def test_unscored_rows_are_counted_and_nothing_is_none():
    lost = Score(example_id="x", system="s", task="t", metric="m", status="unscored", failure=Failure(code="parse"))
    assert estimate_scores([*rows([0.5] * 30), lost], Mean()).n_unscored == 1
    assert estimate_scores([lost], Mean()) is None
