"""chrF with sacrebleu's counts and signature (Popović 2015), n-grams of all orders counted in one sort."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalgate.core.protocols import Array
from evalgate.core.results import MetricSpec
from evalgate.metrics.batch import Batch
from evalgate.metrics.corpus import Answer, CorpusMetric
from evalgate.metrics.ngrams import Codes, matches, pair_matches, unit_bits
from evalgate.metrics.options import refuse_options, switch_option, whole_option
from evalgate.metrics.scoring import Options

CHAR_ORDERS, BETA = 6, 2


class Chrf(CorpusMetric):
    """Corpus chrF (beta 2) as a fraction; chrF++ with `word_order: 2`. Of several references the best one counts.

    Parts: given, wanted and matched n-grams for each order, characters before words.
    """

    def __init__(self, options: Options) -> None:
        refuse_options("chrf", options, ("word_order", "lowercase"))
        self._lowercase = switch_option("chrf", options, "lowercase", default=False)
        self._words = whole_option("chrf", options, "word_order", 0, least=0, most=2)
        case = "lc" if self._lowercase else "mixed"
        signature = f"nrefs:var|case:{case}|eff:yes|nc:{CHAR_ORDERS}|nw:{self._words}|space:no|sacrebleu:2|v1"
        super().__init__(MetricSpec(name="chrf", unit="fraction", better="higher", signature=signature))

    def counts(self, output: str, references: tuple[str, ...]) -> tuple[float, ...]:
        """The best reference's counts."""
        if self._lowercase:
            output, references = output.lower(), tuple(r.lower() for r in references)
        return self._best([self._against(output, reference) for reference in references])

    def counts_batch(self, answers: Sequence[Answer], batch: Batch) -> Sequence[tuple[float, ...]]:
        """`counts` of many answers."""
        if self._words:
            return super().counts_batch(answers, batch)
        wanted = self._squeezed([r for _, references in answers for r in references], batch)
        given = self._squeezed([output for output, references in answers for _ in references], batch)
        hits = pair_matches(*_numbered(given, wanted), CHAR_ORDERS).tolist()
        rows = iter(map(_row, map(len, given), map(len, wanted), hits))
        return [self._best([next(rows) for _ in references]) for _, references in answers]

    def _squeezed(self, texts: list[str], batch: Batch) -> list[str]:
        def squeeze(text: str) -> str:
            return "".join((text.lower() if self._lowercase else text).split())

        return batch.texts(("chrf", self._lowercase), squeeze, texts)

    def _best(self, rows: list[list[int]]) -> tuple[float, ...]:
        return tuple(max(rows, key=_sacrebleu(self._words)._compute_f_score) if len(rows) > 1 else rows[0])

    def _against(self, output: str, reference: str) -> list[int]:
        given, wanted = "".join(output.split()), "".join(reference.split())
        codes = _codes(given, wanted)
        if self._words or codes is None:
            library = _sacrebleu(self._words)
            row: list[int] = library._compute_segment_statistics(output, library._extract_reference_info([reference]))
            return row
        return _row(len(given), len(wanted), matches(codes[0], [codes[1]], CHAR_ORDERS))

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


def _row(n_given: int, n_wanted: int, hits: list[int]) -> list[int]:
    row: list[int] = []
    for n, n_hits in enumerate(hits):
        # Where the reference is too short for an order, sacrebleu leaves the order out.
        row += (max(0, n_given - n), n_wanted - n, n_hits) if n_wanted > n else (0, 0, n_hits)
    return row


def _numbered(given: list[str], wanted: list[str]) -> tuple[list[Codes], list[Codes]]:
    """Texts as places in the references' alphabet, from 1; 0 for other characters."""
    points, known = _points("".join(given)), _points("".join(wanted))
    there = np.zeros(int(max(points.max(initial=0), known.max(initial=0))) + 1, dtype=np.int64)
    there[known] = 1
    numbers = np.cumsum(there) * there
    return _texts(numbers[points], given), _texts(numbers[known], wanted)


def _texts(flat: Codes, texts: list[str]) -> list[Codes]:
    return [flat[start:end] for start, end in pairwise((0, *accumulate(map(len, texts))))]


@cache
def _sacrebleu(word_order: int) -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF(word_order=word_order)


def _codes(given: str, wanted: str) -> tuple[Codes, Codes] | None:
    """Both texts as places in the reference's alphabet, from 1; None where that is too large for exact codes."""
    points, own = _points(given), _points(wanted)
    alphabet = np.unique(own)
    if not 0 < alphabet.size < (1 << unit_bits(CHAR_ORDERS, 1)) - 2:
        return None
    at = np.minimum(np.searchsorted(alphabet, points), alphabet.size - 1)
    return np.where(alphabet[at] == points, at + 1, 0), np.searchsorted(alphabet, own) + 1


def _points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
