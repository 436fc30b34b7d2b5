"""Which requests are answered together: sorted by length, bounded by tokens, a shared beginning computed once."""

from __future__ import annotations

from collections.abc import Sequence

from evalgate.core.record import Record

# Below this length a shared prefix costs more to copy than to compute again.
MIN_PREFIX_TOKENS = 32


class Batch(Record, frozen=True, kw_only=True):
    """Indices of requests answered in one call, and how many leading tokens they all share."""

    indices: tuple[int, ...]
    prefix: int = 0


def shared_prefix(rows: Sequence[list[int]]) -> int:
    """How many leading tokens all rows have in common, leaving at least one token to each."""
    if len(rows) < 2:
        return 0
    first, last = min(rows), max(rows)  # in sorted order all others lie between these two
    limit = min(map(len, rows)) - 1
    n = 0
    while n < limit and first[n] == last[n]:
        n += 1
    return n if n >= MIN_PREFIX_TOKENS else 0


def leading(ids: Sequence[int], token: int | None) -> int:
    """How many times a row begins with a token: two BOS mean that template and tokenizer both wrote one."""
    return next((k for k, found in enumerate(ids) if found != token), len(ids))


def plan_batches(
    rows: Sequence[list[int]],
    new_tokens: Sequence[int],
    *,
    max_tokens: int,
    max_rows: int,
    n_lanes: int = 1,
    share: bool = True,
) -> list[Batch]:
    """Group requests of like length, longest first so that running out of memory shows at once.

    Args:
        rows: token ids of each request.
        new_tokens: how many tokens each may generate; requests of one batch share the number.
        max_tokens: bound on rows times padded length of one batch.
        max_rows: bound on rows.
        n_lanes: how many batches are answered at once; batches of like size keep all lanes busy to the end.
        share: whether a shared beginning may be computed once for all.
    """
    if len(rows) >= 2 * n_lanes:
        n_batches = -(-len(rows) // max_rows)
        n_batches += -n_batches % n_lanes
        max_rows = -(-len(rows) // n_batches)
    prefix = shared_prefix(rows) if share else 0
    order = sorted(range(len(rows)), key=lambda i: (-new_tokens[i], -len(rows[i]), i))
    batches: list[Batch] = []
    group: list[int] = []
    for i in order:
        longest = max(len(rows[j]) for j in [*group, i]) + new_tokens[i]
        full = len(group) >= max_rows or (len(group) + 1) * longest > max_tokens
        if group and (full or new_tokens[group[0]] != new_tokens[i]):
            batches.append(Batch(indices=tuple(group), prefix=prefix if len(group) > 1 else 0))
            group = []
        group.append(i)
    if group:
        batches.append(Batch(indices=tuple(group), prefix=prefix if len(group) > 1 else 0))
    return batches
