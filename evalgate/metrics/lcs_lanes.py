"""Longest common subsequences of many pairs at once: `lcs.py` with a lane of NumPy's 64-bit integers for each pair.

Shapes: `p` pairs, `t` words of the longest answer, `w` integers for the words of the longest reference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evalgate.metrics.ngrams import Codes

Lanes = NDArray[np.uint64]
LANE_BITS = 64
# Bytes of the table of equal words: pairs are taken in groups of like size that stay below it.
CELLS = 1 << 20
_NO_WORD, _NO_REFERENCE = -1, -2


def lengths(given: Sequence[Codes], wanted: Sequence[Codes]) -> Codes:
    """The length of each pair's longest common subsequence, `[p]`."""
    found = np.zeros(len(given), dtype=np.int64)
    for group in _groups(given, wanted):
        masks, full = _masks([given[i] for i in group], [wanted[i] for i in group])
        row = full.copy()
        for mask in masks:
            _step(row, mask)
        found[group] = _bits(~row & full).sum(axis=(1, 2))
    return found


def positions(given: Sequence[Codes], wanted: Sequence[Codes]) -> Lanes:
    """For each pair the reference's positions as bits, `[p]`, that `Lcs.positions` gives; at most 64 words of it."""
    found = np.zeros(len(given), dtype=np.uint64)
    for group in _groups(given, wanted):
        masks, full = _masks([given[i] for i in group], [wanted[i] for i in group])
        row, steps = full.copy(), []
        for mask in masks:
            _step(row, mask)
            steps.append(row[0].copy())
        left, hits = full[0].copy(), np.zeros_like(full[0])
        for mask, then in zip(masks[::-1, 0], reversed(steps), strict=True):
            # All bits up to the highest stop; none, for good, where there is no stop.
            below = (mask | ~then) & left
            for shift in (1, 2, 4, 8, 16, 32):
                below |= below >> np.uint64(shift)
            hit = below & ~(below >> np.uint64(1)) & mask
            hits |= hit
            left = below & ~hit
        found[group] = hits
    return found


def words_at(bits: Lanes, sizes: Codes) -> NDArray[np.bool_]:
    """One after another the first `sizes[p]` bits of `bits[p]`."""
    table = np.unpackbits(bits.astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
    return table.astype(bool)[np.arange(LANE_BITS) < sizes[:, None]]


def _groups(given: Sequence[Codes], wanted: Sequence[Codes]) -> list[Codes]:
    """Pairs with words on both sides, like sizes together, so many as fit `CELLS`."""
    n_given, n_wanted = (np.array([text.size for text in texts], dtype=np.int64) for texts in (given, wanted))
    order = np.lexsort((n_given, n_wanted))
    order = order[(n_given[order] > 0) & (n_wanted[order] > 0)]
    groups = []
    while order.size:
        # As many as fit with the widest reference and the longest answer so far.
        width = -(-n_wanted[order] // 8) * 8
        cells = np.arange(1, order.size + 1) * np.maximum.accumulate(n_given[order]) * width
        n = max(1, int(np.searchsorted(cells, CELLS, side="right")))
        groups.append(order[:n])
        order = order[n:]
    return groups


def _masks(given: Sequence[Codes], wanted: Sequence[Codes]) -> tuple[Lanes, Lanes]:
    """Where each word of an answer stands in its reference, `[t, w, p]`, and bits for all its words, `[w, p]`.

    Shorter answers begin late: a step without a match changes nothing before the first one.
    """
    width = -(-max(text.size for text in wanted) // 8) * 8
    own, known = _table(given, _NO_WORD, late=True), _table(wanted, _NO_REFERENCE, width=width)
    full = _lanes((known != _NO_REFERENCE)[:, None])[0]
    return _lanes(own[:, :, None] == known[:, None, :]), full


def _lanes(cells: NDArray[np.bool_]) -> Lanes:
    """Cells `[p, t, r]` as bits, `[t, w, p]`."""
    packed = np.packbits(cells, axis=-1, bitorder="little")
    n_bytes = -(-packed.shape[-1] // 8) * 8
    if n_bytes != packed.shape[-1]:
        wide = np.zeros((*packed.shape[:-1], n_bytes), dtype=np.uint8)
        wide[..., : packed.shape[-1]] = packed
        packed = wide
    return np.ascontiguousarray(packed.view("<u8").astype(np.uint64, copy=False).transpose(1, 2, 0))


def _table(texts: Sequence[Codes], empty: int, *, width: int = 0, late: bool = False) -> NDArray[np.int32]:
    """Texts as rows of one width, at their beginning or at their end filled with `empty`."""
    sizes = np.array([text.size for text in texts])
    columns = np.arange(max(int(sizes.max()), width))
    there = columns >= columns.size - sizes[:, None] if late else columns < sizes[:, None]
    table = np.full(there.shape, empty, dtype=np.int32)
    table[there] = np.concatenate(texts)
    return table


def _step(row: Lanes, mask: Lanes) -> None:
    """One word: the next row of each pair's table, in place; bits above the reference are never read."""
    carry: Lanes | None = None
    for lane, own in zip(row, mask, strict=True):
        total = lane + (lane & own)
        over = total < lane
        if carry is not None:
            total += carry
            over |= total < carry
        np.bitwise_or(total, lane & ~own, out=lane)
        carry = over.astype(np.uint64) if len(row) > 1 else None


def _bits(lanes: Lanes) -> NDArray[np.uint8]:
    return np.unpackbits(
        np.ascontiguousarray(lanes.T).view(np.uint8).reshape(lanes.shape[1], lanes.shape[0], 8), axis=2
    )
