"""The paired tests against independent oracles: SciPy, a numerical likelihood optimiser, a sandwich by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from evalgate.stats.paired import SECOND_LEVEL, MeanTest, TangoTest, cluster_test, paired_test, t_test, unseen_at


def test_t_is_scipys():
    d = np.random.default_rng(1).normal(0.03, 0.2, 60)
    mine = t_test(d)
    for limit in (-0.02, 0.0, 0.05):
        assert mine.p_above(limit) == pytest.approx(stats.ttest_1samp(d, limit, alternative="greater").pvalue, rel=1e-9)
        assert mine.p_below(limit) == pytest.approx(stats.ttest_1samp(d, limit, alternative="less").pvalue, rel=1e-9)
    interval = stats.ttest_1samp(d, 0).confidence_interval(0.9)
    assert (mine.low(0.05), mine.high(0.05)) == pytest.approx((interval.low, interval.high))


def test_t_without_spread_is_certain_either_way():
    flat = t_test(np.full(10, 0.1))
    assert (flat.p_above(0.0), flat.p_above(0.1), flat.p_below(0.2)) == (0.0, 1.0, 0.0)


def test_cluster_t_is_the_ols_sandwich():
    generator = np.random.default_rng(2)
    codes = generator.integers(0, 9, 80)
    codes[:9] = np.arange(9)
    d = generator.normal(0, 0.2, 80) + generator.normal(0, 0.1, 9)[codes]
    x = np.ones((80, 1))
    residuals = d - d.mean()
    meat = sum(np.outer(s, s) for s in (x[codes == g].T @ residuals[codes == g] for g in range(9)))
    bread = np.linalg.inv(x.T @ x)
    expected = math.sqrt(9 / 8 * (bread @ meat @ bread).item())
    mine = cluster_test(d, codes)
    assert mine == MeanTest(pytest.approx(d.mean()), pytest.approx(expected, rel=1e-12), 8)


def test_clusters_of_one_give_the_plain_t():
    d = np.random.default_rng(3).normal(0, 0.2, 30)
    plain, clustered = t_test(d), cluster_test(d, np.arange(30))
    assert (clustered.value, clustered.se, clustered.df) == pytest.approx((plain.value, plain.se, plain.df))


def score_z(b: int, c: int, n: int, limit: float) -> float:
    """Tango's statistic with the restricted maximum found by a numerical optimiser."""

    def minus_log_likelihood(lost: float) -> float:
        cells = ((b, lost + limit), (c, lost), (n - b - c, 1 - 2 * lost - limit))
        return -sum(k * math.log(max(p, 1e-300)) for k, p in cells if k)

    lowest, highest = max(0.0, -limit), (1 - limit) / 2
    best = optimize.minimize_scalar(
        minus_log_likelihood, bounds=(lowest, highest), method="bounded", options={"xatol": 1e-13}
    ).x
    return (b - c - n * limit) / math.sqrt(n * (2 * best + limit - limit * limit))


@pytest.mark.parametrize("seed", range(60))
def test_tango_maximises_the_restricted_likelihood(seed: int):
    generator = np.random.default_rng(seed)
    n = int(generator.integers(30, 400))
    b, c, _ = generator.multinomial(n, [0.1, 0.07, 0.83])
    limit = float(generator.choice([-0.05, -0.02, -0.01, 0.01, 0.03]))
    assert TangoTest(int(b), int(c), n).z(limit) == pytest.approx(score_z(int(b), int(c), n, limit), abs=1e-4)


def test_tango_at_zero_is_mcnemar():
    assert TangoTest(30, 14, 200).z(0.0) == pytest.approx((30 - 14) / math.sqrt(30 + 14))
    assert TangoTest(0, 0, 200).p_above(0.0) == 0.5


def test_tango_bounds_are_where_the_test_turns():
    test = TangoTest(25, 12, 150)
    assert test.p_above(test.low(0.05)) == pytest.approx(0.05, abs=1e-6)
    assert test.p_below(test.high(0.05)) == pytest.approx(0.05, abs=1e-6)
    assert TangoTest(50, 0, 50).high(0.05) == 1.0
    assert TangoTest(0, 50, 50).low(0.05) == -1.0


def collapses(candidate, base, unseen):
    """SciPy's p-value of "no gain" with so many collapses appended."""
    d = np.append(candidate - base, np.full(unseen, -base.mean()))
    return stats.ttest_1samp(d, 0, alternative="greater").pvalue


@pytest.mark.parametrize("gain", [0.05, 0.06, 0.075, 0.1])
def test_the_guard_is_the_appended_collapse_and_a_second_one_below_its_level(gain: float):
    generator = np.random.default_rng(4)
    base = generator.uniform(0.2, 0.6, 50)
    candidate = np.clip(base + generator.normal(gain, 0.1, 50), 0, 1)
    test = paired_test(candidate, base, codes=None, binary=False, guard=True)
    one, two = collapses(candidate, base, 1), collapses(candidate, base, 2)
    assert [one > SECOND_LEVEL, two > SECOND_LEVEL] == {
        0.05: [True, True], 0.06: [False, True], 0.075: [False, False], 0.1: [False, False]
    }[gain]  # fmt: skip
    expected = {0.05: one, 0.06: SECOND_LEVEL}.get(gain, two)
    assert test.p_above(0.0) == pytest.approx(expected)
    assert test.p_unguarded(0.0) < one < two


def test_the_second_level_lies_halfway_between_alpha_and_its_square():
    assert pytest.approx((0.05 * 0.05**2) ** 0.5) == SECOND_LEVEL
    assert [unseen_at(level) for level in (0.05, 0.025, 0.0125, SECOND_LEVEL, 0.01, 0.005)] == [1, 1, 1, 1, 2, 2]


def test_unseen_collapses_are_clusters_of_their_own():
    generator = np.random.default_rng(5)
    codes = np.arange(200) // 5
    base = generator.uniform(0.2, 0.6, 200)
    candidate = np.clip(base + 0.06 + generator.normal(0, 0.1, 200), 0, 1)
    test = paired_test(candidate, base, codes=codes, binary=False, guard=True)
    longer = cluster_test(np.append(candidate - base, np.full(2, -base.mean())), np.append(codes, [40, 41]))
    assert test.p_above(0.0) == pytest.approx(longer.p_above(0.0))


def test_clustered_binary_needs_both_tests():
    same = np.ones(60)
    codes = np.arange(60) // 5
    test = paired_test(same, same, codes=codes, binary=True, guard=True)
    assert test.p_above(-0.02) == TangoTest(0, 0, 60).p_above(-0.02) > 0.05
