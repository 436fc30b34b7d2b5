"""What ROUGE counts in many pairs of texts at once: words are numbers, found once for all its kinds.

Shapes: `p` pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import accumulate, chain, pairwise
from operator import or_

import numpy as np

from evalgate.metrics import lcs_lanes
from evalgate.metrics.lcs import Lcs
from evalgate.metrics.ngrams import Codes, numbered, pair_matches

Lines = Sequence[Sequence[str]]
_NONE: Codes = np.zeros(0, dtype=np.int64)


class RougePairs:
    """Answers and references as numbers of words, `given[p]` and `wanted[p]`, and what they share."""

    def __init__(self, pairs: Sequence[tuple[str, str]], lines: Callable[[str], Lines]) -> None:
        texts = list(dict.fromkeys(text for pair in pairs for text in pair))
        parts = [lines(text) for text in texts]
        words = [list(chain.from_iterable(found)) for found in parts]
        codes = dict(zip(texts, numbered(words), strict=True))
        ends = {text: [0, *accumulate(map(len, found))] for text, found in zip(texts, parts, strict=True)}
        self.given, self.wanted = ([codes[pair[side]] for pair in pairs] for side in (0, 1))
        self._ends = [[ends[text] for text in pair] for pair in pairs]
        self._grams: list[list[int]] | None = None

    def hits(self, kind: str) -> list[int]:
        """How many words or pairs of words count as found, `[p]`: `rouge1`, `rouge2`, `rougeL` or `rougeLsum`."""
        if kind == "rougeL":
            return list(lcs_lanes.lengths(self.given, self.wanted).tolist())
        if kind == "rougeLsum":
            return self._summary_hits()
        if self._grams is None:
            self._grams = pair_matches(self.given, self.wanted, 2).T.tolist()
        return self._grams[kind == "rouge2"]

    def _summary_hits(self) -> list[int]:
        """As `rouge._summary_f1` counts: words of the reference's lines in a common subsequence with any line.

        A word hits at most as often as the answer has it, so the hits of a pair are the words that answer and found
        words share.
        """
        found: list[list[Codes]] = [[] for _ in self.given]
        short: list[tuple[int, Codes, list[Codes]]] = []
        for pair, (given, wanted) in enumerate(zip(self.given, self.wanted, strict=True)):
            others = _distinct(_split(given, self._ends[pair][0]))
            for line in _split(wanted, self._ends[pair][1]) if others else ():
                if line.size > lcs_lanes.LANE_BITS:
                    found[pair].append(_found(line, others))
                else:
                    short.append((pair, line, others))
        for (pair, _, _), words in zip(short, _found_in_lanes(short), strict=True):
            found[pair].append(words)
        union = [np.concatenate(words) if words else _NONE for words in found]
        return list(pair_matches(self.given, union, 1)[:, 0].tolist())


def _split(text: Codes, ends: list[int]) -> list[Codes]:
    """A text's lines that have words."""
    return [text[start:end] for start, end in pairwise(ends) if end > start]


def _distinct(lines: list[Codes]) -> list[Codes]:
    return list({line.tobytes(): line for line in lines}.values())


def _found(line: Codes, others: list[Codes]) -> Codes:
    """The words of a line that stand in its common subsequence with one of the others."""
    wanted = Lcs(line.tolist())
    union = reduce(or_, (wanted.positions(other.tolist()) for other in others))
    return line[[bool(union >> i & 1) for i in range(line.size)]]


def _found_in_lanes(short: list[tuple[int, Codes, list[Codes]]]) -> list[Codes]:
    """`_found` of many lines of at most 64 words, each with the lines that it is compared with."""
    if not short:
        return []
    starts = [0, *accumulate(len(others) for _, _, others in short)][:-1]
    given = [other for _, _, others in short for other in others]
    bits = lcs_lanes.positions(given, [line for _, line, others in short for _ in others])
    lines = [line for _, line, _ in short]
    there = lcs_lanes.words_at(np.bitwise_or.reduceat(bits, starts), np.array([line.size for line in lines]))
    ends = [0, *accumulate(line.size for line in lines)]
    return [line[there[start:end]] for line, (start, end) in zip(lines, pairwise(ends), strict=True)]
