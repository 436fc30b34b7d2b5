"""Longest common subsequences of words, a machine word of table cells at a time.

A row of the classic table is one integer: bit `i` is 0 where the row grows between reference words `i` and `i + 1`
(Crochemore et al. 2001, "A fast and practical bit-vector algorithm for the longest common subsequence problem").
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence


class Lcs:
    """What answers have in common with one reference."""

    def __init__(self, reference: Sequence[Hashable]) -> None:
        self._reference = reference
        self._full = (1 << len(reference)) - 1
        self._masks: dict[Hashable, int] = {}
        for i, word in enumerate(reference):
            self._masks[word] = self._masks.get(word, 0) | 1 << i

    def length(self, answer: Sequence[Hashable]) -> int:
        """The length of the longest common subsequence."""
        rows = self._rows(answer)
        return len(self._reference) - rows[-1].bit_count() if rows else 0

    def positions(self, answer: Sequence[Hashable]) -> set[int]:
        """Positions in the reference of one longest common subsequence: of several, the one `rouge_score` reads out.

        It walks back from the last cell: a match is taken, otherwise it goes to the shorter answer if the table grows
        here with the reference, to the shorter reference if not.
        """
        reference, rows = self._reference, self._rows(answer)
        found: set[int] = set()
        if not rows or rows[-1] == self._full:
            return found
        i, j = len(reference) - 1, len(answer) - 1
        while i >= 0 and j >= 0:
            if reference[i] == answer[j]:
                found.add(i)
                i -= 1
                j -= 1
            elif rows[j] >> i & 1:
                i -= 1
            else:
                j -= 1
        return found

    def _rows(self, answer: Sequence[Hashable]) -> list[int]:
        masks, full, row = self._masks, self._full, self._full
        rows = []
        for word in answer:
            if mask := masks.get(word):
                hit = row & mask
                row = ((row + hit) | (row - hit)) & full
            rows.append(row)
        return rows
