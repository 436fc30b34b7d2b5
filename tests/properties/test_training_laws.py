"""Laws of the order in which rows are trained: nothing lost, batches of like length, one order for a seed."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.training.data import Encoded, in_batches

SETTINGS = settings(max_examples=60, deadline=None)
lengths = st.lists(st.integers(1, 400), max_size=120)
sizes = st.integers(1, 20)
seeds = st.integers(0, 2**32 - 1)


def encoded(found: list[int]) -> Encoded:
    """Rows of these lengths whose first token names them and whose prompts are half of them."""
    ids = [[i] * n for i, n in enumerate(found)]
    return Encoded(ids=ids, prompt_lengths=[n // 2 for n in found], n_dropped=3)


@SETTINGS
@given(found=lengths, size=sizes, seed=seeds)
def test_batching_is_a_permutation_that_keeps_each_row_with_its_prompt(found: list[int], size: int, seed: int) -> None:
    before, after = encoded(found), in_batches(encoded(found), size, seed)
    assert sorted(after.ids) == before.ids
    assert after.prompt_lengths == [len(row) // 2 for row in after.ids]
    assert after.n_dropped == before.n_dropped


@SETTINGS
@given(found=lengths, size=sizes, seed=seeds)
def test_the_same_seed_gives_the_same_order(found: list[int], size: int, seed: int) -> None:
    assert in_batches(encoded(found), size, seed) == in_batches(encoded(found), size, seed)


@SETTINGS
@given(found=lengths, size=sizes, seed=seeds)
def test_whole_batches_do_not_overlap_in_length_and_the_partial_one_stands_last(
    found: list[int], size: int, seed: int
) -> None:
    """Lengths are jittered by up to 10 % either way, so neighbours in length may swap by that and no more."""
    rows = in_batches(encoded(found), size, seed).ids
    batches = [[len(row) for row in rows[i : i + size]] for i in range(0, len(rows), size)]
    whole = [b for b in batches if len(b) == size]
    for one, other in combinations(whole, 2):
        assert max(one) * 0.9 <= min(other) * 1.1 or max(other) * 0.9 <= min(one) * 1.1
    for partial in (b for b in batches if len(b) < size):
        assert partial is batches[-1]
        # It is cut from the long end: its rows are those that no whole batch had room for.
        assert all(min(partial) * 1.1 >= max(b) * 0.9 for b in whole)


def test_batches_stand_in_random_order_and_differ_between_seeds() -> None:
    rows = encoded(list(range(1, 401)))
    first = [len(row) for row in in_batches(rows, 10, 0).ids[::10]]
    assert first not in (sorted(first), sorted(first, reverse=True))
    assert in_batches(rows, 10, 0) != in_batches(rows, 10, 1)
    # The middle length of the last quarter is not that of the shortest rows.
    last = sorted(len(row) for row in in_batches(rows, 10, 0).ids[300:])
    assert 100 < last[50] < 300
