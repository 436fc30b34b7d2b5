"""ROUGE F1 with the numbers of Google's `rouge_score`, its tokenizer and its stemmer, counted faster."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache, reduce
from itertools import pairwise
from operator import or_
from typing import Any

from evalgate.core.results import MetricSpec
from evalgate.metrics.batch import Batch
from evalgate.metrics.lcs import Lcs
from evalgate.metrics.options import refuse_options, switch_option
from evalgate.metrics.references import BestReference
from evalgate.metrics.rouge_pairs import RougePairs
from evalgate.metrics.scoring import Options

KINDS = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL", "rouge_lsum": "rougeLsum"}
WORD = re.compile("[a-z0-9]+")
# Shorter words are not stemmed.
STEMMED_FROM = 4


class Rouge(BestReference):
    """ROUGE-1, -2, -L or -Lsum F1 in [0, 1]; with several references the best counts.

    Lsum takes each line for a sentence. With `stemmer: true` words are stemmed as by NLTK's Porter stemmer.
    """

    def __init__(self, name: str, options: Options) -> None:
        refuse_options(name, options, ("stemmer",))
        self._kind, self._stemmer = KINDS[name], switch_option(name, options, "stemmer", default=False)
        signature = f"{self._kind}|stemmer:{'yes' if self._stemmer else 'no'}|refs:max|rouge_score|v1"
        super().__init__(MetricSpec(name=name, unit="fraction", better="higher", signature=signature))

    def against(self, output: str, reference: str) -> float:
        """F1 in [0, 1]."""
        if self._kind == "rougeLsum":
            return _summary_f1(_lines(reference, self._stemmer), _lines(output, self._stemmer))
        wanted, given = tokens(reference, self._stemmer), tokens(output, self._stemmer)
        if self._kind == "rougeL":
            return _f1(Lcs(wanted).length(given), len(wanted), len(given)) if wanted and given else 0.0
        if self._kind == "rouge1":
            return _f1(_shared(wanted, given), len(wanted), len(given))
        shared = _shared(list(pairwise(wanted)), list(pairwise(given)))
        return _f1(shared, len(wanted) - 1, len(given) - 1)

    def against_batch(self, pairs: Sequence[tuple[str, str]], batch: Batch) -> Sequence[float]:
        """`against` of many pairs."""
        stemmer = self._stemmer
        shared = batch.kept(("rouge", stemmer), lambda: RougePairs(pairs, lambda text: _all_lines(text, stemmer)))
        hits, less = shared.hits(self._kind), int(self._kind == "rouge2")
        sizes = zip(hits, shared.wanted, shared.given, strict=True)
        return [_f1(n, wanted.size - less, given.size - less) for n, wanted, given in sizes]


# A handful: the kinds of one task ask for the same two texts one after another.
@lru_cache(maxsize=16)
def tokens(text: str, stemmer: bool) -> tuple[str, ...]:
    """The words that ROUGE sees: runs of a-z and 0-9 in the lower-cased text, stemmed if longer than three."""
    words = WORD.findall(text.lower())
    return tuple(_stem(w) if len(w) >= STEMMED_FROM else w for w in words) if stemmer else tuple(words)


def _lines(text: str, stemmer: bool) -> list[tuple[str, ...]]:
    return [tokens(line, stemmer) for line in text.split("\n") if line]


def _all_lines(text: str, stemmer: bool) -> Sequence[Sequence[str]]:
    """`_lines`, not remembered."""
    lines = map(WORD.findall, text.lower().split("\n"))
    return [[_stem(w) if len(w) >= STEMMED_FROM else w for w in line] for line in lines] if stemmer else list(lines)


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    stem: str = _porter().stem(word)
    return stem


@cache
def _porter() -> Any:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


def _shared(wanted: Sequence[Any], given: Sequence[Any]) -> int:
    counts = Counter(wanted)
    return sum(min(n, counts[gram]) for gram, n in Counter(given).items() if gram in counts)


def _f1(hits: int, n_wanted: int, n_given: int) -> float:
    precision, recall = hits / max(n_given, 1), hits / max(n_wanted, 1)
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def _summary_f1(wanted: list[tuple[str, ...]], given: list[tuple[str, ...]]) -> float:
    """F1 of the union of longest common subsequences of each reference line with all lines of the answer.

    A word hits at most as often as it occurs in both texts, as in ROUGE 1.5.5 and in `rouge_score`.
    """
    n_wanted, n_given = sum(map(len, wanted)), sum(map(len, given))
    if not n_wanted or not n_given:
        return 0.0
    left = Counter(word for line in given for word in line) & Counter(word for line in wanted for word in line)
    hits, others = 0, [line for line in dict.fromkeys(given) if line]
    for line in wanted:
        union = reduce(or_, map(Lcs(line).positions, others))
        for i, word in enumerate(line):
            if union >> i & 1 and left[word] > 0:
                left[word] -= 1
                hits += 1
    return _f1(hits, n_wanted, n_given)
