"""The order that freezing gives the held-out examples: random to the eye, the same for everyone, chosen by nobody."""

from __future__ import annotations

from collections.abc import Iterable

from evalgate.core.record import digest_bytes


def frozen_order(ids: Iterable[str], *, task: str, data_digest: str) -> list[str]:
    """The ids sorted by a digest of the lock's `data_digest`, the task and the id; the given order does not matter.

    Nobody can choose it: it is settled by the very content that the lock holds.
    """
    return sorted(ids, key=lambda i: digest_bytes(data_digest.encode(), task.encode(), i.encode()))


def first_half(ids: Iterable[str], *, task: str, data_digest: str) -> list[str]:
    """The first half of the frozen order, the smaller one of an odd number."""
    order = frozen_order(ids, task=task, data_digest=data_digest)
    return order[: len(order) // 2]
