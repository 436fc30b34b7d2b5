"""Laws of batches: nothing is lost, nothing is asked twice, bounds are kept, a shared beginning is shared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.backends.batching import MIN_PREFIX_TOKENS, plan_batches, shared_prefix

rows_strategy = st.builds(
    lambda prefix, tails: [prefix + tail for tail in tails],
    st.lists(st.integers(0, 3), max_size=60),
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=30), max_size=20),
)


@given(rows_strategy)
def test_the_shared_prefix_is_the_longest_one_that_leaves_each_row_a_token(rows: list[list[int]]) -> None:
    n = shared_prefix(rows)
    assert all(row[:n] == rows[0][:n] and len(row) > n for row in rows)
    assert n == 0 or n >= MIN_PREFIX_TOKENS
    if len(rows) > 1:
        shortest = min(map(len, rows))
        longest = max(k for k in range(shortest) if len({tuple(row[:k]) for row in rows}) == 1)
        assert n == (longest if longest >= MIN_PREFIX_TOKENS else 0)


@given(st.data(), rows_strategy, st.integers(1, 500), st.integers(1, 8), st.integers(1, 4), st.booleans())
def test_batches_hold_every_request_once_and_keep_their_bounds(
    data: st.DataObject, rows: list[list[int]], max_tokens: int, max_rows: int, n_lanes: int, share: bool
) -> None:
    new = data.draw(st.lists(st.sampled_from([4, 16]), min_size=len(rows), max_size=len(rows)))
    given = {"max_tokens": max_tokens, "max_rows": max_rows}
    batches = plan_batches(rows, new, **given, n_lanes=n_lanes, share=share)
    assert share or not any(batch.prefix for batch in batches)
    assert sorted(i for batch in batches for i in batch.indices) == list(range(len(rows)))
    for batch in batches:
        group = [rows[i] for i in batch.indices]
        assert len({new[i] for i in batch.indices}) == 1
        assert len(group) <= max_rows
        widest = max(map(len, group)) + new[batch.indices[0]]
        assert len(group) == 1 or len(group) * widest <= max_tokens
        assert len({tuple(row[: batch.prefix]) for row in group}) == 1
        assert all(len(row) > batch.prefix for row in group)


@given(rows_strategy)
def test_the_longest_come_first_and_the_plan_is_the_same_each_time(rows: list[list[int]]) -> None:
    new = [8] * len(rows)
    batches = plan_batches(rows, new, max_tokens=200, max_rows=4)
    lengths = [len(rows[i]) for batch in batches for i in batch.indices]
    assert lengths == sorted(lengths, reverse=True)
    assert plan_batches(rows, new, max_tokens=200, max_rows=4) == batches


@given(st.integers(0, 400), st.integers(1, 64), st.integers(1, 4))
def test_lanes_get_batches_of_like_size(n: int, max_rows: int, n_lanes: int) -> None:
    rows = [[1, 2, 3]] * n
    sizes = [
        len(batch.indices)
        for batch in plan_batches(rows, [4] * n, max_tokens=10**6, max_rows=max_rows, n_lanes=n_lanes)
    ]
    assert sum(sizes) == n
    assert max(sizes, default=0) <= max_rows
    if n >= 2 * n_lanes:
        assert max(sizes) <= -(-n // n_lanes), "no lane is idle while another has more than its share"


@pytest.mark.parametrize("rows", [[], [[1] * 50]])
def test_one_request_or_none_has_no_shared_prefix(rows: list[list[int]]) -> None:
    assert shared_prefix(rows) == 0
    assert [b.prefix for b in plan_batches(rows, [4] * len(rows), max_tokens=10, max_rows=2)] == [0] * len(rows)
