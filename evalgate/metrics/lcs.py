"""Longest common subsequences of words, a machine word of table cells at a time.

A row of the classic table is one integer: bit `i` is 0 where the row grows between reference words `i` and `i + 1`
(Crochemore et al. 2001, "A fast and practical bit-vector algorithm for the longest common subsequence problem").
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence


class Lcs:
    """What answers have in common with one reference."""

    def __init__(self, reference: Sequence[Hashable]) -> None:
        self._full = (1 << len(reference)) - 1
        self._masks: dict[Hashable, int] = {}
        for i, word in enumerate(reference):
            self._masks[word] = self._masks.get(word, 0) | 1 << i

    def length(self, answer: Sequence[Hashable]) -> int:
        """The length of the longest common subsequence."""
        steps = self._steps(answer)
        return self._full.bit_count() - steps[-1][1].bit_count() if steps else 0

    def positions(self, answer: Sequence[Hashable]) -> int:
        """Positions in the reference, as bits, of one longest common subsequence: that which `rouge_score` reads out.

        It walks back from the last cell: a match is taken; otherwise it goes to the shorter answer if the table grows
        here with the reference, to the shorter reference if not. All steps of the last kind in a column are one here.
        """
        found, left = 0, self._full
        for mask, row in reversed(self._steps(answer)):
            stops = (mask | ~row) & left
            if not stops:
                break
            here = 1 << stops.bit_length() - 1
            if mask & here:
                found |= here
                left = here - 1
            else:
                left = (here << 1) - 1
        return found

    def _steps(self, answer: Sequence[Hashable]) -> list[tuple[int, int]]:
        """For each word of the answer: where it stands in the reference, and the table's row."""
        masks, full, row = self._masks, self._full, self._full
        steps = []
        for word in answer:
            if mask := masks.get(word, 0):
                hit = row & mask
                row = ((row + hit) | (row - hit)) & full
            steps.append((mask, row))
        return steps
