"""Longest common subsequences of words, a machine word of table cells at a time.

A row of the classic table is one integer: bit `i` is 0 where the row grows between reference words `i` and `i + 1`
(Crochemore et al. 2001, "A fast and practical bit-vector algorithm for the longest common subsequence problem").
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence


def lcs_length(reference: Sequence[Hashable], answer: Iterable[Hashable]) -> int:
    """The length of the longest common subsequence."""
    masks, full = _masks(reference)
    row = full
    for word in answer:
        if mask := masks.get(word):
            hit = row & mask
            row = ((row + hit) | (row - hit)) & full
    return len(reference) - row.bit_count()


def lcs_positions(reference: Sequence[Hashable], answer: Sequence[Hashable]) -> set[int]:
    """Positions in the reference of one longest common subsequence: of several, the one that `rouge_score` reads out.

    It walks back from the last cell: a match is taken, otherwise it goes to the shorter answer if the table's column
    grows here, to the shorter reference if not.
    """
    masks, full = _masks(reference)
    rows, row = [], full
    for word in answer:
        if mask := masks.get(word):
            hit = row & mask
            row = ((row + hit) | (row - hit)) & full
        rows.append(row)
    found = set()
    i, j = len(reference) - 1, len(answer) - 1
    while i >= 0 and j >= 0:
        if reference[i] == answer[j]:
            found.add(i)
            i, j = i - 1, j - 1
        elif rows[j] >> i & 1:
            i -= 1
        else:
            j -= 1
    return found


def _masks(reference: Sequence[Hashable]) -> tuple[dict[Hashable, int], int]:
    """Where each word stands in the reference, as bits, and all bits."""
    masks: dict[Hashable, int] = {}
    for i, word in enumerate(reference):
        masks[word] = masks.get(word, 0) | 1 << i
    return masks, (1 << len(reference)) - 1
