"""BLEU with sacrebleu's tokenizers, counts and signature (Papineni et al. 2002; Post 2018)."""

from __future__ import annotations

from collections import Counter
from functools import cache, lru_cache, reduce
from operator import or_
from typing import Any

import numpy as np

from evalgate.core.protocols import Array
from evalgate.core.results import MetricSpec
from evalgate.metrics.corpus import CorpusMetric
from evalgate.metrics.options import choice, refuse_unknown, switch
from evalgate.metrics.scoring import Options

ORDERS = 4
# Those that need no model and no dictionary.
TOKENIZERS = ("13a", "intl", "char", "zh", "none")
Grams = tuple[Counter[tuple[str, ...]], ...]


class Bleu(CorpusMetric):
    """Corpus BLEU as a fraction, with exponential smoothing; several references are matched together.

    Parts: the answer's length, the closest reference's, then matched and given n-grams of orders 1 to 4.
    """

    def __init__(self, options: Options) -> None:
        refuse_unknown("bleu", options, ("tokenize", "lowercase"))
        self._tokenize = choice("bleu", options, "tokenize", TOKENIZERS)
        self._lowercase = switch("bleu", options, "lowercase")
        case = "lc" if self._lowercase else "mixed"
        signature = f"nrefs:var|case:{case}|eff:no|tok:{self._tokenize}|smooth:exp|sacrebleu:2|v1"
        super().__init__(MetricSpec(name="bleu", unit="fraction", better="higher", signature=signature))

    def counts(self, output: str, references: tuple[str, ...]) -> tuple[float, ...]:
        """Lengths, matches and totals of one answer."""
        n_words, given = self._grams(output)
        lengths, tables = zip(*map(self._grams, references), strict=True)
        wanted = tables[0] if len(tables) == 1 else [reduce(or_, counts) for counts in zip(*tables, strict=True)]
        closest = min(lengths, key=lambda n: (abs(n - n_words), n))
        matches = [
            sum(min(n, known[gram]) for gram, n in counts.items() if gram in known)
            for counts, known in zip(given, wanted, strict=True)
        ]
        return (n_words, closest, *matches, *(max(0, n_words - n) for n in range(ORDERS)))

    def _grams(self, text: str) -> tuple[int, Grams]:
        return _grams(_words(text, self._tokenize, self._lowercase))

    def of_sums(self, sums: Array) -> Array:
        """BLEU in [0, 1] for `sums[..., 10]`."""
        length, wanted = sums[..., 0], sums[..., 1]
        matches, totals = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
        with np.errstate(divide="ignore", invalid="ignore"):
            brevity = np.where(length < wanted, np.exp(1 - wanted / length), 1.0)
            # Each order without a match counts half as much as the one before, as in mteval-v13a.
            halved = 0.5 ** np.cumsum(matches == 0, axis=-1)
            precision = np.where(matches == 0, halved, matches) / totals
            score = brevity * np.exp(np.log(precision).mean(axis=-1))
        none = (matches == 0).all(axis=-1) | (totals == 0).any(axis=-1)
        return np.asarray(np.where(none, 0.0, score))


def _grams(words: tuple[str, ...]) -> tuple[int, Grams]:
    return len(words), tuple(Counter(zip(*(words[i:] for i in range(n)), strict=False)) for n in range(1, ORDERS + 1))


@lru_cache(maxsize=16)
def _words(text: str, tokenize: str, lowercase: bool) -> tuple[str, ...]:
    text = text.lower() if lowercase else text
    return tuple(_tokenizer(tokenize)(text.rstrip()).split())


@cache
def _tokenizer(name: str) -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize=name).tokenizer
