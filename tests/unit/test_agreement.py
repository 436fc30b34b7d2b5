"""Agreement of two raters: equal to scikit-learn's, with intervals that do not collapse."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from evalgate.stats.agreement import kappa, raw_agreement

RATINGS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)


@given(pairs=RATINGS, scale=st.booleans())
def test_kappa_is_scikit_learns(pairs: list[tuple[int, int]], scale: bool) -> None:
    first, second = zip(*pairs, strict=True)
    found = kappa(first, second, 5, scale=scale)
    if math.isnan(found.value):
        assert len({*first, *second}) == 1
        return
    expected = cohen_kappa_score(first, second, labels=range(5), weights="quadratic" if scale else None)
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert found.low <= found.value + 1e-9
    assert found.high >= found.value - 1e-9
    assert found.high <= 1 + 1e-9


@given(pairs=RATINGS, scale=st.booleans())
def test_who_is_first_does_not_matter(pairs: list[tuple[int, int]], scale: bool) -> None:
    first, second = zip(*pairs, strict=True)
    assert kappa(first, second, 5, scale=scale) == pytest.approx(kappa(second, first, 5, scale=scale), nan_ok=True)


@pytest.mark.parametrize("scale", [False, True])
def test_full_agreement_on_few_answers_proves_little(scale: bool) -> None:
    few, many = (kappa([0, 1] * n, [0, 1] * n, 2, scale=scale) for n in (3, 100))
    assert few.value == many.value == 1
    assert few.low < 0.2
    assert many.low > 0.9


def test_raters_who_only_say_one_thing_have_no_kappa() -> None:
    assert all(map(math.isnan, kappa([2, 2, 2], [2, 2, 2], 5, scale=True)))
    assert raw_agreement(3, 3) == pytest.approx((1.0, 0.2924, 1.0), abs=1e-4)


def test_on_a_scale_a_near_miss_counts_less() -> None:
    people = [0, 1, 2, 3, 4] * 6
    near = [min(4, x + 1) for x in people]
    assert kappa(people, near, 5, scale=True).value > 0.75
    assert kappa(people, near, 5, scale=False).value < 0.2
