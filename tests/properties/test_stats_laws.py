"""Laws that hold for every data set: mirrors, permutations, agreement of test and interval, words."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evalgate
from evalgate.stats import plan
from evalgate.stats.multiple import holm, simes
from evalgate.stats.paired import SECOND_LEVEL, TangoTest, paired_test
from evalgate.stats.proportion import clopper_pearson_high, clopper_pearson_low
from evalgate.stats.seeds import seed_test

FORBIDDEN = re.compile(r"significant|100% compliant|as good as|\bp ?[=<]|p-value|power", re.IGNORECASE)
SETTINGS = settings(max_examples=60, deadline=None)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(20, 120)
shapes = st.sampled_from(["binary", "graded", "ties", "collapse", "constant", "clustered"])


def draw(shape: str, n: int, seed: int):
    generator = np.random.default_rng(seed)
    if shape == "binary":
        return (generator.random(n) < 0.8).astype(float), (generator.random(n) < 0.75).astype(float), None
    base = np.clip(generator.normal(0.5, 0.2, n), 0, 1)
    candidate = np.clip(base + generator.normal(generator.normal(0, 0.05), 0.1, n), 0, 1)
    if shape == "ties":
        candidate = np.where(generator.random(n) < 0.7, base, candidate)
    if shape == "collapse":
        candidate = np.where(generator.random(n) < 0.03, 0.0, np.clip(base + 0.01, 0, 1))
    if shape == "constant":
        candidate = base.copy()
    return candidate, base, np.arange(n) // 3 if shape == "clustered" else None


@SETTINGS
@given(shapes, sizes, seeds, st.floats(0.005, 0.2))
def test_swapping_the_roles_mirrors_the_verdict(shape, n, seed, margin):
    a, b, codes = draw(shape, n, seed)
    clusters = None if codes is None else [str(c) for c in codes]
    options = {"clusters": clusters, "collapse_guard": False}
    ours = evalgate.compare(a, b, rule="not_worse", margin=margin, **options)
    theirs = evalgate.compare(b, a, rule="better", min_gain=margin, **options)
    assert ours.p_pass == pytest.approx(theirs.p_fail, abs=1e-9)
    assert ours.estimate.low == pytest.approx(-theirs.estimate.high, abs=1e-6)


@SETTINGS
@given(shapes, sizes, seeds)
def test_the_order_of_examples_does_not_matter(shape, n, seed):
    a, b, codes = draw(shape, n, seed)
    order = np.random.default_rng(seed).permutation(n)
    clusters = None if codes is None else {f"e{i}": str(c) for i, c in enumerate(codes)}
    first = evalgate.compare(
        {f"e{i}": a[i] for i in range(n)}, {f"e{i}": b[i] for i in range(n)}, min_gain=0.05, clusters=clusters
    )
    second = evalgate.compare(
        {f"e{i}": a[i] for i in order}, {f"e{i}": b[i] for i in order[::-1]}, min_gain=0.05, clusters=clusters
    )
    assert (first.outcome, first.reason) == (second.outcome, second.reason)
    assert first.p_pass == pytest.approx(second.p_pass, abs=1e-9)


@SETTINGS
@given(shapes, sizes, seeds, st.sampled_from([0.05, 0.01, 0.005]))
def test_test_and_interval_agree_without_the_guard(shape, n, seed, alpha):
    a, b, codes = draw(shape, n, seed)
    test = paired_test(a, b, codes=codes, binary=shape == "binary", guard=False)
    for limit in (-0.05, 0.0, 0.03):
        if abs(test.low(alpha) - limit) > 1e-6:
            assert (test.p_above(limit) <= alpha) == (test.low(alpha) > limit)
        if abs(test.high(alpha) - limit) > 1e-6:
            assert (test.p_below(limit) <= alpha) == (test.high(alpha) < limit)


@SETTINGS
@given(shapes, sizes, seeds, st.sampled_from(["better", "not_worse"]))
def test_the_guard_never_helps_a_candidate_and_words_are_plain(shape, n, seed, rule):
    a, b, codes = draw(shape, n, seed)
    clusters = None if codes is None else [str(c) for c in codes]
    options = {"rule": rule, "margin": 0.02, "min_gain": 0.05, "clusters": clusters}
    guarded, plain = evalgate.compare(a, b, **options), evalgate.compare(a, b, collapse_guard=False, **options)
    assert guarded.p_pass >= plain.p_pass
    assert not FORBIDDEN.search(guarded.reason), guarded.reason
    if guarded.guard_decided:
        assert (plain.outcome, guarded.outcome) == ("pass", "inconclusive")
    if guarded.needed_n is not None:
        assert guarded.outcome == "inconclusive"
        assert guarded.needed_n > guarded.n


@SETTINGS
@given(shapes, sizes, seeds, st.booleans(), st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=6))
def test_the_guards_p_value_rises_with_the_limit_and_joins_one_and_two_collapses(shape, n, seed, several, limits):
    a, b, codes = draw(shape, n, seed)
    test = paired_test(a, b, codes=codes, binary=False, guard=True)
    if several:
        other = np.clip(a + np.random.default_rng(seed).normal(0, 0.02), 0, 1)
        test = seed_test(np.stack([a, other]), b, codes=codes, binary=False, guard=True)
    found = [test.p_above(limit) for limit in sorted(limits)]
    assert all(low <= high + 1e-12 for low, high in pairwise(found))
    for limit, p in zip(sorted(limits), found, strict=True):
        one, two = (max(test.p_unguarded(limit), *(g.p_above(limit) for g in test.guards[:k])) for k in (1, 2))
        assert test.p_unguarded(limit) <= one <= p <= max(one, two)
        # Passing at a level means passing there with the collapses that the level asks for, so never at a stricter one
        # alone; and at the border itself the two rules say the same.
        for level in (0.05, 0.025, SECOND_LEVEL, 0.99 * SECOND_LEVEL, 0.005, 0.001):
            assert (p <= level) == ((one if level >= SECOND_LEVEL else two) <= level)


@SETTINGS
@given(st.integers(1, 19), st.floats(0, 1), st.floats(0, 1), st.sampled_from(["better", "not_worse"]))
def test_a_handful_of_identical_pairs_never_decides(n, a, b, rule):
    verdict = evalgate.compare([a] * n, [b] * n, rule=rule, margin=0.02, min_gain=0.05)
    assert verdict.outcome == "inconclusive"


@SETTINGS
@given(st.integers(20, 300), st.data(), st.floats(-0.2, 0.2))
def test_tango_is_symmetric_and_falls_with_the_limit(n, data, limit):
    b = data.draw(st.integers(0, n))
    c = data.draw(st.integers(0, n - b))
    test, mirror = TangoTest(b, c, n), TangoTest(c, b, n)
    assert test.z(limit) == pytest.approx(-mirror.z(-limit), abs=1e-6)
    assert test.z(limit) >= test.z(limit + 0.01) - 1e-9
    assert -1 <= test.low(0.05) <= test.value + 1e-6 <= test.high(0.05) + 2e-6


@SETTINGS
@given(st.integers(1, 400), st.data(), st.floats(0.5, 0.999), st.booleans())
def test_floor_verdicts_agree_with_the_bounds(n, data, floor, zero):
    k = data.draw(st.integers(0, n))
    verdict = evalgate.check_floor(k, n, floor=floor, zero_tolerance=zero)
    low, high = clopper_pearson_low(k, n, 0.05), clopper_pearson_high(k, n, 0.05)
    assert not FORBIDDEN.search(verdict.reason)
    if zero and k < n:
        assert verdict.outcome == "fail"
    elif min(abs(low - floor), abs(high - floor)) > 1e-9:
        assert verdict.outcome == ("pass" if low >= floor else "fail" if high < floor else "inconclusive")
    if verdict.needed_n is not None:
        failures = n - k
        needed = verdict.needed_n
        assert needed > n
        assert evalgate.check_floor(needed - failures, needed, floor=floor).outcome == "pass"
        assert evalgate.check_floor(needed - 1 - failures, needed - 1, floor=floor).outcome != "pass"


@SETTINGS
@given(st.floats(0.01, 0.6), st.floats(0.005, 0.2), st.floats(0.001, 0.1), st.floats(0, 1))
def test_needed_n_rises_with_noise_and_falls_with_the_effect(sd, gap, alpha, collapse):
    options = {"alpha": alpha, "alpha_fail": alpha, "collapse": collapse}
    n = plan.superiority_n(sd, gap, **options)
    assert plan.superiority_n(sd * 1.2, gap, **options) >= n
    assert plan.superiority_n(sd, gap * 1.2, **options) <= n
    assert plan.superiority_n(sd, gap, alpha=alpha / 2, alpha_fail=alpha, collapse=collapse) >= n
    assert plan.paired_n(sd, gap, alpha=alpha, power=0.9) >= plan.paired_n(sd, gap, alpha=alpha, power=0.8)


@SETTINGS
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.sampled_from([0.05, 0.005]))
def test_holm_lies_between_one_test_and_bonferroni(p_values, alpha):
    adjusted, levels = holm(p_values, alpha)
    for p, a, level in zip(p_values, adjusted, levels, strict=True):
        assert p <= a <= min(1.0, p * len(p_values)) + 1e-12 or a == max(adjusted)
        assert alpha / len(p_values) <= level + 1e-15 <= alpha + 1e-12
        if abs(p - level) > 1e-12:
            assert (a <= alpha) == (p <= level)
    assert min(p_values) - 1e-12 <= simes(p_values) <= min(1.0, min(p_values) * len(p_values)) + 1e-12


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 200), seeds, st.floats(0.8, 1.5))
def test_latency_words_are_plain_and_outcome_matches_the_interval(n, seed, factor):
    generator = np.random.default_rng(seed)
    base = generator.lognormal(0, 0.2, n)
    verdict = evalgate.compare_latency(
        base * factor * generator.lognormal(0, 0.05, n), base, quantile=0.5, limit=1.1, alpha=0.05
    )
    assert not FORBIDDEN.search(verdict.reason)
    if n < 20:
        assert verdict.outcome == "inconclusive"
    else:
        low, high = verdict.estimate.low, verdict.estimate.high
        assert verdict.outcome == ("pass" if high <= 1.1 else "fail" if low > 1.1 else "inconclusive")


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 4), st.sampled_from([10, 60, 200]), seeds, st.floats(-0.1, 0.2), st.sampled_from([0.0, 0.08]))
def test_the_words_on_several_seeds_are_plain(n_seeds, n, seed, gain, spread):
    generator = np.random.default_rng(seed)
    base = generator.uniform(0.2, 0.6, n)
    shifts = generator.normal(gain, spread, n_seeds)
    candidate = {k: list(np.clip(base + s + generator.normal(0, 0.1, n), 0, 1)) for k, s in enumerate(shifts)}
    verdict = evalgate.compare(
        {k: dict(enumerate(values)) for k, values in candidate.items()}, dict(enumerate(base)), min_gain=0.05
    )
    assert not FORBIDDEN.search(verdict.reason), verdict.reason


@SETTINGS
@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.data(), st.floats(0.5, 0.99))
def test_the_words_on_clustered_floors_are_plain_and_clusters_never_help(sizes, data, floor):
    n = sum(sizes)
    passed = data.draw(st.integers(0, n))
    clustered = evalgate.check_floor(passed, n, floor=floor, cluster_sizes=sizes)
    assert not FORBIDDEN.search(clustered.reason), clustered.reason
    if clustered.outcome == "pass":
        assert evalgate.check_floor(passed, n, floor=floor).outcome == "pass"
