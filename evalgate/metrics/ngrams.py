"""Matches of n-grams of all orders from one sort: those of order n are the beginnings of those of the highest order.

Shapes: `m` references, `o` orders, `r` runs of equal n-grams.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
# 63 bits hold the units of one n-gram and the number of the text that it stands in.
CODE_BITS = 63


def unit_bits(orders: int, n_references: int) -> int:
    """How many bits each unit of an n-gram may have; two values of them are taken by `matches`."""
    return (CODE_BITS - n_references.bit_length()) // orders


def matches(given: Codes, references: Sequence[Codes], orders: int) -> list[int]:
    """How many n-grams of each order 1 to `orders` an answer shares with references, as often as the richest has them.

    Texts are units from 1 up to `2 ** unit_bits - 2`; 0 in the answer is what no reference has.
    """
    bits, side_bits = unit_bits(orders, len(references)), len(references).bit_length()
    # The units after a text's end are never equal in answer and references.
    ends = [0, *[(1 << bits) - 1] * len(references)]
    texts = [given, *references]
    rows = [_windows(text, orders, bits, end) << side_bits for text, end in zip(texts, ends, strict=True)]
    codes = np.sort(np.concatenate([row | side for side, row in enumerate(rows)]))
    if not codes.size:
        return [0] * orders
    shifts = side_bits + bits * np.arange(orders - 1, -1, -1)
    keys = codes >> shifts[:, None]
    new = np.ones(keys.shape, dtype=bool)
    np.not_equal(keys[:, 1:], keys[:, :-1], out=new[:, 1:])
    runs = np.cumsum(new.ravel()) - 1
    sides = (codes & ((1 << side_bits) - 1))[None].repeat(orders, axis=0).ravel()
    n_runs = int(new.sum())
    counts = np.bincount(sides * n_runs + runs, minlength=len(texts) * n_runs).reshape(len(texts), n_runs)
    shared = np.minimum(counts[0], counts[1:].max(axis=0))
    ends_of_orders = np.cumsum(np.count_nonzero(new, axis=1))
    return [int(n) for n in np.add.reduceat(shared, np.concatenate(([0], ends_of_orders[:-1])))]


def _windows(text: Codes, orders: int, bits: int, end: int) -> Codes:
    """A code for the `orders` units from each place on."""
    padded = np.concatenate([text, np.full(orders - 1, end, dtype=np.int64)])
    codes = padded[: text.size]
    for i in range(1, orders):
        codes = codes << bits | padded[i : i + text.size]
    return codes
