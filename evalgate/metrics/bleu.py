"""BLEU with sacrebleu's tokenizers, counts and signature (Papineni et al. 2002; Post 2018)."""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import chain
from typing import Any

import numpy as np

from evalgate.core.protocols import Array
from evalgate.core.results import MetricSpec
from evalgate.metrics.corpus import CorpusMetric
from evalgate.metrics.ngrams import matches, unit_bits
from evalgate.metrics.options import choice_option, refuse_options, switch_option
from evalgate.metrics.scoring import Options

ORDERS = 4
# Those that need no model and no dictionary.
TOKENIZERS = ("13a", "intl", "char", "zh", "none")


class Bleu(CorpusMetric):
    """Corpus BLEU as a fraction, with exponential smoothing; several references are matched together.

    Parts: the answer's length, the closest reference's, then matched and given n-grams of orders 1 to 4.
    """

    def __init__(self, options: Options) -> None:
        refuse_options("bleu", options, ("tokenize", "lowercase"))
        self._tokenize = choice_option("bleu", options, "tokenize", TOKENIZERS)
        self._lowercase = switch_option("bleu", options, "lowercase", default=False)
        case = "lc" if self._lowercase else "mixed"
        signature = f"nrefs:var|case:{case}|eff:no|tok:{self._tokenize}|smooth:exp|sacrebleu:2|v1"
        super().__init__(MetricSpec(name="bleu", unit="fraction", better="higher", signature=signature))

    def counts(self, output: str, references: tuple[str, ...]) -> tuple[float, ...]:
        """Lengths, matches and totals of one answer."""
        given = _words(output, self._tokenize, self._lowercase)
        wanted = [_words(reference, self._tokenize, self._lowercase) for reference in references]
        closest = min(map(len, wanted), key=lambda n: (abs(n - len(given)), n))
        codes: dict[str, int] = {}
        rows = [
            np.array([codes.setdefault(word, len(codes) + 1) for word in words], dtype=np.int64) for words in wanted
        ]
        if len(codes) >= (1 << unit_bits(ORDERS, len(rows))) - 2:
            library = _sacrebleu(self._tokenize)
            info = library._extract_reference_info([" ".join(words) for words in wanted])
            return tuple(library._compute_segment_statistics(" ".join(given), info))
        own = np.array([codes.get(word, 0) for word in given], dtype=np.int64)
        totals = (max(0, len(given) - n) for n in range(ORDERS))
        return (len(given), closest, *matches(own, rows, ORDERS), *totals)

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


@lru_cache(maxsize=16)
def _words(text: str, tokenize: str, lowercase: bool) -> tuple[str, ...]:
    text = (text.lower() if lowercase else text).rstrip()
    if tokenize != "13a":
        return tuple(_sacrebleu(tokenize).tokenizer(text).split())
    # What 13a does to a text before its rules, none of which sees beyond a word: so words are kept, not texts.
    text = text.replace("<skipped>", "").replace("-\n", "")
    for entity, sign in (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")):
        text = text.replace(entity, sign)
    return tuple(chain.from_iterable(map(_parts_of_word, text.split())))


@lru_cache(maxsize=65_536)
def _parts_of_word(word: str) -> tuple[str, ...]:
    return tuple(_rules_of_13a()(f" {word} ").split())


@cache
def _rules_of_13a() -> Any:
    from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

    return TokenizerRegexp()


@cache
def _sacrebleu(tokenize: str) -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize=tokenize)
