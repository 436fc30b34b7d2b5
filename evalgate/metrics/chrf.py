"""chrF with sacrebleu's counts and signature (Popović 2015), n-grams of all orders counted in one sort."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalgate.core.protocols import Array
from evalgate.core.results import MetricSpec
from evalgate.metrics.corpus import CorpusMetric
from evalgate.metrics.options import refuse_unknown, switch, whole
from evalgate.metrics.scoring import Options

CHAR_ORDERS, BETA = 6, 2
# Six characters of the reference's alphabet fit one 64-bit code, which is then different for every n-gram.
BITS = 10
_BORDERS = np.array([1 << BITS * n for n in range(CHAR_ORDERS + 1)], dtype=np.int64)
Codes = NDArray[np.int64]


class Chrf(CorpusMetric):
    """Corpus chrF (beta 2) as a fraction; chrF++ with `word_order: 2`. Of several references the best one counts.

    Parts: given, wanted and matched n-grams for each order, characters before words.
    """

    def __init__(self, options: Options) -> None:
        refuse_unknown("chrf", options, ("word_order", "lowercase"))
        self._lowercase = switch("chrf", options, "lowercase")
        self._words = whole("chrf", options, "word_order", 0, 0, 2)
        case = "lc" if self._lowercase else "mixed"
        signature = f"nrefs:var|case:{case}|eff:yes|nc:{CHAR_ORDERS}|nw:{self._words}|space:no|sacrebleu:2|v1"
        super().__init__(MetricSpec(name="chrf", unit="fraction", better="higher", signature=signature))

    def counts(self, output: str, references: tuple[str, ...]) -> tuple[float, ...]:
        """The best reference's counts."""
        if self._lowercase:
            output, references = output.lower(), tuple(r.lower() for r in references)
        rows = [self._against(output, reference) for reference in references]
        best = max(rows, key=_sacrebleu(self._words)._compute_f_score) if len(rows) > 1 else rows[0]
        return tuple(best)

    def _against(self, output: str, reference: str) -> list[int]:
        wanted = "".join(reference.split())
        known = _known(wanted)
        if self._words or known is None:
            library = _sacrebleu(self._words)
            row: list[int] = library._compute_segment_statistics(output, library._extract_reference_info([reference]))
            return row
        given = "".join(output.split())
        matches = _matches(_codes(given, known[0]), known[1], known[2])
        lengths = [(len(given) - n, len(wanted) - n) for n in range(CHAR_ORDERS)]
        # Where the reference is too short for an order, sacrebleu leaves the order out.
        pairs = [(max(0, n_given) if n_wanted > 0 else 0, max(0, n_wanted)) for n_given, n_wanted in lengths]
        return [n for pair, hits in zip(pairs, matches, strict=True) for n in (*pair, hits)]

    def of_sums(self, sums: Array) -> Array:
        """ChrF in [0, 1] for `sums[..., 3 * orders]`: the F-score of mean precision and mean recall."""
        given, wanted, hits = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
        there = (given > 0) & (wanted > 0)
        n = np.maximum(there.sum(axis=-1), 1)
        precision = (np.where(there, hits, 0.0) / np.maximum(given, 1)).sum(axis=-1) / n
        recall = (np.where(there, hits, 0.0) / np.maximum(wanted, 1)).sum(axis=-1) / n
        weight = BETA**2
        both = weight * precision + recall
        return np.asarray(np.where(both > 0, (1 + weight) * precision * recall / np.where(both > 0, both, 1.0), 0.0))


@cache
def _sacrebleu(word_order: int) -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF(word_order=word_order)


@lru_cache(maxsize=16)
def _known(reference: str) -> tuple[NDArray[np.uint32], Codes, Codes] | None:
    """A reference's alphabet, its different n-grams and how often each occurs; None if its alphabet is too large."""
    alphabet = np.unique(_points(reference))
    if not 0 < alphabet.size < 1 << BITS:
        return None
    return (alphabet, *_counted(_codes(reference, alphabet)))


def _points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _codes(text: str, alphabet: NDArray[np.uint32]) -> Codes:
    """One code for each n-gram of each order; those with a character that the reference has not are left out."""
    points = _points(text)
    at = np.minimum(np.searchsorted(alphabet, points), alphabet.size - 1)
    digits = np.where(alphabet[at] == points, at + 1, 0).astype(np.int64)
    code, known = digits, digits > 0
    codes = [code[known]]
    for n in range(1, min(CHAR_ORDERS, digits.size)):
        code = (code[:-1] << BITS) | digits[n:]
        known = known[:-1] & (digits[n:] > 0)
        codes.append(code[known])
    return np.concatenate(codes)


def _counted(codes: Codes) -> tuple[Codes, Codes]:
    ordered = np.sort(codes)
    first = np.flatnonzero(np.diff(ordered, prepend=-1))
    return ordered[first], np.diff(first, append=ordered.size)


def _matches(codes: Codes, wanted: Codes, n_wanted: Codes) -> list[int]:
    """How many n-grams of each order match; a shorter n-gram has a smaller code."""
    grams, n_given = _counted(codes)
    at = np.minimum(np.searchsorted(wanted, grams), wanted.size - 1)
    hits = np.where(wanted[at] == grams, np.minimum(n_given, n_wanted[at]), 0)
    total = np.concatenate(([0], np.cumsum(hits)))
    return [int(n) for n in np.diff(total[np.searchsorted(grams, _BORDERS)])]
