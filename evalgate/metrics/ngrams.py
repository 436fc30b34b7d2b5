"""Matches of n-grams of all orders from one sort: those of order n are the beginnings of those of the highest order.

Shapes: `m` references, `o` orders, `r` runs of equal n-grams.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, chain

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


def pair_matches(given: Sequence[Codes], wanted: Sequence[Codes], orders: int) -> Codes:
    """How many n-grams of each order each answer shares with its reference, `[pairs, orders]`, from one sort for all.

    Texts are units from 1, numbered for all together; 0 in an answer is what no reference has.
    """
    n = len(given)
    bits = (CODE_BITS - 1 - (n - 1).bit_length()) // orders if n else CODE_BITS
    top = max((int(text.max(initial=0)) for text in (*given, *wanted)), default=0)
    if top < (1 << bits) - 1:
        return _pair_matches(given, wanted, orders, bits) if n else np.zeros((0, orders), dtype=np.int64)
    if n > 1:
        half = n // 2
        sides = [(given[:half], wanted[:half]), (given[half:], wanted[half:])]
        return np.concatenate([pair_matches(*_renumbered(*side), orders) for side in sides])
    own, known = given[0].tolist(), wanted[0].tolist()
    counts = [(_counter(own, order), _counter(known, order)) for order in range(1, orders + 1)]
    return np.array([[sum((a & b).values()) for a, b in counts]], dtype=np.int64)


def _pair_matches(given: Sequence[Codes], wanted: Sequence[Codes], orders: int, bits: int) -> Codes:
    ends = [np.zeros(orders - 1, dtype=np.int64), np.full(orders - 1, (1 << bits) - 1, dtype=np.int64)]
    texts = [text for pair in zip(given, wanted, strict=True) for text in pair]
    lengths = np.array([text.size for text in texts])
    padded = np.concatenate([part for i, text in enumerate(texts) for part in (text, ends[i & 1])])
    size = padded.size - orders + 1
    codes = padded[:size].astype(np.int64)
    for i in range(1, orders):
        codes <<= bits
        codes |= padded[i : i + size]
    if orders > 1:  # windows that begin behind a text's end
        spans = np.stack([lengths, np.full(lengths.size, orders - 1)], axis=1).ravel()
        codes = codes[np.repeat(np.arange(spans.size) % 2 == 0, spans)[:size]]
    text_of = np.repeat(np.arange(lengths.size), lengths)
    codes = np.sort((text_of >> 1) << (bits * orders + 1) | codes << 1 | (text_of & 1))
    wanted_before = np.concatenate(([0], np.cumsum(codes & 1)))
    changes = codes[1:] ^ codes[:-1]
    borders = np.concatenate(([0], np.cumsum(lengths[0::2] + lengths[1::2])))
    found = np.empty((len(given), orders), dtype=np.int64)
    for order in range(1, orders + 1):
        new = np.flatnonzero(changes >= 1 << (1 + bits * (orders - order))) + 1
        starts = np.concatenate(([0], new)) if codes.size else new
        ends_at = np.concatenate((starts, [codes.size]))
        n_wanted = np.diff(wanted_before[ends_at])
        shared = np.minimum(n_wanted, np.diff(ends_at) - n_wanted)
        before = np.concatenate(([0], np.cumsum(shared)))
        found[:, order - 1] = np.diff(before[np.searchsorted(starts, borders)])
    return found


def _renumbered(given: Sequence[Codes], wanted: Sequence[Codes]) -> tuple[list[Codes], list[Codes]]:
    """The same texts with the smallest numbers that their references allow; 0 for all that these have not."""
    known = np.unique(np.concatenate(wanted))
    if not known.size:
        return [np.zeros_like(text) for text in given], list(wanted)
    numbered = []
    for text in given:
        at = np.minimum(np.searchsorted(known, text), known.size - 1)
        numbered.append(np.where(known[at] == text, at + 1, 0))
    return numbered, [np.searchsorted(known, text) + 1 for text in wanted]


def _counter(text: list[int], order: int) -> Counter[tuple[int, ...]]:
    return Counter(zip(*(text[i:] for i in range(order)), strict=False))


class Numbering(dict[str, int]):
    """Words to numbers from 1, in the order in which they are first met."""

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self) + 1
        return number

    def texts(self, texts: Sequence[Sequence[str]]) -> list[Codes]:
        """Each text's words as numbers."""
        flat = np.fromiter(map(self.__getitem__, chain.from_iterable(texts)), dtype=np.int64)
        ends = list(accumulate(map(len, texts)))
        return [flat[end - len(text) : end] for text, end in zip(texts, ends, strict=True)]
