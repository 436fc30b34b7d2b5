"""Batches answered side by side on a CPU: each lane is a thread with its share of torch's threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# More lanes would make batches small: they share one budget of memory.
MAX_LANES = 4


def lanes_for(device: str) -> int:
    """How many batches to answer at once; 1 on a GPU, which one batch fills."""
    import torch

    return 1 if device != "cpu" else min(MAX_LANES, torch.get_num_threads())


def in_lanes(answer: Callable[[Item], Answer], items: Sequence[Item], n_lanes: int) -> Iterator[Answer]:
    """`answer` of every item, in their order, `n_lanes` at a time; an early end leaves the items that wait undone.

    Decoding is a long row of small operations, which gain little from several threads each; they release the
    interpreter's lock, so lanes run in parallel. Two lanes took 0.6 of the time of two threads (docs/log.md).
    """
    import torch

    n_lanes = min(n_lanes, len(items))
    if n_lanes < 2:
        yield from map(answer, items)
        return
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // n_lanes))
    pool = ThreadPoolExecutor(n_lanes, thread_name_prefix="lane")
    try:
        for future in [pool.submit(answer, item) for item in items]:
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(before)
