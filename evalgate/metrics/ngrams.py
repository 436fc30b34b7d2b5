"""Matches of n-grams of all orders from one sort: those of order n are the beginnings of those of the highest order.

Shapes: `m` references, `o` orders, `r` runs of equal n-grams.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, chain, count, groupby, pairwise

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
# 63 bits hold the units of one n-gram and the number of the text that it stands in.
CODE_BITS = 63
# So many units' codes stay in a core's own cache.
PART_UNITS = 1 << 15


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


def pair_matches(given: Sequence[Codes], wanted: Sequence[Codes], orders: int, *, often: bool = True) -> Codes:
    """How many n-grams of each order each answer shares with its reference, `[pairs, orders]`, for all pairs at once.

    Texts are units from 1, numbered for all together; 0 in an answer is what no reference has. Without `often` every
    n-gram of the answer counts that the reference has at all, however often.
    """
    sizes = accumulate(own.size + known.size for own, known in zip(given, wanted, strict=True))
    parts = groupby(range(len(given)), key=dict(enumerate(size // PART_UNITS for size in sizes)).__getitem__)
    spans = [(part[0], part[-1] + 1) for _, rows in parts if (part := list(rows))]
    found = [_part_matches(given[start:end], wanted[start:end], orders, often) for start, end in spans]
    return np.concatenate(found) if found else np.zeros((0, orders), dtype=np.int64)


def _part_matches(given: Sequence[Codes], wanted: Sequence[Codes], orders: int, often: bool) -> Codes:
    bits = (CODE_BITS - 1) // orders
    texts = [text for pair in zip(given, wanted, strict=True) for text in pair]
    flat = np.concatenate(texts)
    if not flat.size:
        return np.zeros((len(given), orders), dtype=np.int64)
    if flat.max() < (1 << bits) - 1:
        return _pair_matches(texts, flat, orders, bits, often)
    if len(given) > 1:
        both = zip(given, wanted, strict=True)
        return np.concatenate([_part_matches(*_renumbered(*pair), orders, often) for pair in both])
    own, known = (text.tolist() for text in texts)
    counts = [(_counter(own, order), _counter(known, order)) for order in range(1, orders + 1)]
    shared = [sum(min(n, b[gram]) if often else n for gram, n in a.items() if gram in b) for a, b in counts]
    return np.array([shared], dtype=np.int64)


def _pair_matches(texts: list[Codes], flat: Codes, orders: int, bits: int, often: bool) -> Codes:
    lengths = np.array([text.size for text in texts])
    codes = _all_windows(flat, lengths, orders, bits) << 1 | np.repeat(np.arange(lengths.size) & 1, lengths)
    borders = np.concatenate(([0], np.cumsum(lengths.reshape(-1, 2).sum(axis=1))))
    for start, end in pairwise(borders.tolist()):  # three times as fast as one sort of all
        codes[start:end].sort()
    wanted_before = np.concatenate(([0], np.cumsum(codes & 1)))
    changes = codes[1:] ^ codes[:-1]
    changes[borders[(borders > 0) & (borders < codes.size)] - 1] = 1 << CODE_BITS - 1
    found = np.empty((borders.size - 1, orders), dtype=np.int64)
    for order in range(1, orders + 1):
        runs = np.concatenate(([0], np.flatnonzero(changes >= 1 << (1 + bits * (orders - order))) + 1, [codes.size]))
        n_wanted = np.diff(wanted_before[runs])
        n_given = np.diff(runs) - n_wanted
        shared = np.minimum(n_wanted, n_given) if often else np.where(n_wanted > 0, n_given, 0)
        before = np.concatenate(([0], np.cumsum(shared)))
        found[:, order - 1] = np.diff(before[np.searchsorted(runs, borders)])
    return found


def _all_windows(flat: Codes, lengths: Codes, orders: int, bits: int) -> Codes:
    """`_windows` of answers and references in turn, one after another in `flat`."""
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(flat.size)  # units from here to the text's end
    end = np.repeat(np.where(np.arange(lengths.size) & 1, (1 << bits) - 1, 0), lengths)
    codes = flat.astype(np.int64)
    for i in range(1, orders):
        codes <<= bits
        codes[:-i] |= np.where(left[:-i] > i, flat[i:], end[:-i])
        codes[-i:] |= end[-i:]
    return codes


def _renumbered(given: Codes, wanted: Codes) -> tuple[list[Codes], list[Codes]]:
    """The same texts with the smallest numbers that the reference allows; 0 for all that it has not."""
    known = np.unique(wanted)
    if not known.size:
        return [np.zeros_like(given)], [wanted]
    at = np.minimum(np.searchsorted(known, given), known.size - 1)
    return [np.where(known[at] == given, at + 1, 0)], [np.searchsorted(known, wanted) + 1]


def _counter(text: list[int], order: int) -> Counter[tuple[int, ...]]:
    return Counter(zip(*(text[i:] for i in range(order)), strict=False))


def numbered(texts: Sequence[Sequence[str]]) -> list[Codes]:
    """Each text's words as numbers from 1, the same for equal words of all texts."""
    numbers = dict(zip(dict.fromkeys(chain.from_iterable(texts)), count(1)))
    flat = np.fromiter(map(numbers.__getitem__, chain.from_iterable(texts)), dtype=np.int64)
    return [flat[start:end] for start, end in pairwise((0, *accumulate(map(len, texts))))]
