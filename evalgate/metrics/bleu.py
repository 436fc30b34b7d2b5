"""BLEU with sacrebleu's tokenizers, counts and signature (Papineni et al. 2002; Post 2018)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache, partial
from itertools import chain
from typing import Any

import numpy as np

from evalgate.core.protocols import Array
from evalgate.core.results import MetricSpec
from evalgate.metrics.batch import Batch
from evalgate.metrics.corpus import Answer, CorpusMetric
from evalgate.metrics.ngrams import matches, numbered, pair_matches, unit_bits
from evalgate.metrics.options import choice_option, refuse_options, switch_option
from evalgate.metrics.scoring import Options

ORDERS = 4
KEPT_WORDS = 65_536
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
        codes: dict[str, int] = {}
        rows = [
            np.array([codes.setdefault(word, len(codes) + 1) for word in words], dtype=np.int64) for words in wanted
        ]
        if len(codes) >= (1 << unit_bits(ORDERS, len(rows))) - 2:
            library = _sacrebleu(self._tokenize)
            info = library._extract_reference_info([" ".join(words) for words in wanted])
            return tuple(library._compute_segment_statistics(" ".join(given), info))
        own = np.array([codes.get(word, 0) for word in given], dtype=np.int64)
        return _row(len(given), map(len, wanted), matches(own, rows, ORDERS))

    def counts_batch(self, answers: Sequence[Answer], batch: Batch) -> Sequence[tuple[float, ...]]:
        """`counts` of many answers; those with several references one by one."""
        words = partial(_words, tokenize=self._tokenize, lowercase=self._lowercase)
        key, single = ("bleu", self._tokenize, self._lowercase), [a for a in answers if len(a[1]) == 1]
        given = batch.texts(key, words, (output for output, _ in single))
        wanted = batch.texts(key, words, (reference for _, (reference,) in single))
        codes = numbered([*given, *wanted])
        hits = iter(pair_matches(codes[: len(single)], codes[len(single) :], ORDERS).tolist())
        sizes = zip(map(len, given), map(len, wanted), strict=True)

        def row(output: str, references: tuple[str, ...]) -> tuple[float, ...]:
            if len(references) > 1:
                return self.counts(output, references)
            n_given, n_wanted = next(sizes)
            return _row(n_given, (n_wanted,), next(hits))

        return [row(*answer) for answer in answers]

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


def _row(n_given: int, n_wanted: Iterable[int], hits: list[int]) -> tuple[float, ...]:
    closest = min(n_wanted, key=lambda n: (abs(n - n_given), n))
    return (n_given, closest, *hits, *(max(0, n_given - n) for n in range(ORDERS)))


@lru_cache(maxsize=16)
def _words(text: str, tokenize: str, lowercase: bool) -> tuple[str, ...]:
    text = (text.lower() if lowercase else text).rstrip()
    if tokenize != "13a":
        return tuple(_sacrebleu(tokenize).tokenizer(text).split())
    # What 13a does to a text before its rules, none of which sees beyond a word: so words are kept, not texts.
    text = text.replace("<skipped>", "").replace("-\n", "")
    if "&" in text:
        for entity, sign in (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")):
            text = text.replace(entity, sign)
    return tuple(chain.from_iterable(map(_PARTS.__getitem__, text.split())))


class _Parts(dict[str, tuple[str, ...]]):
    """Words and what 13a makes of them; twice as fast as a cache that knows which one was asked for last."""

    def __missing__(self, word: str) -> tuple[str, ...]:
        if len(self) >= KEPT_WORDS:
            self.clear()
        self[word] = parts = tuple(_rules_of_13a()(f" {word} ").split())
        return parts


_PARTS = _Parts()


@cache
def _rules_of_13a() -> Any:
    from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

    return TokenizerRegexp()


@cache
def _sacrebleu(tokenize: str) -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize=tokenize)
