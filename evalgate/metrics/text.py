"""Short answers: exact match and token F1, normalised as in SQuAD (Rajpurkar et al. 2016)."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from evalgate.core.results import MetricSpec
from evalgate.metrics.batch import Batch
from evalgate.metrics.ngrams import numbered, pair_matches
from evalgate.metrics.options import refuse_options
from evalgate.metrics.references import BestReference
from evalgate.metrics.scoring import Options

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_ARTICLE_WORDS = frozenset(("a", "an", "the"))
_PUNCTUATION = str.maketrans("", "", string.punctuation)


# A handful: exact match and F1 of one answer ask for the same texts.
@lru_cache(maxsize=16)
def normalize_answer(text: str) -> str:
    """Lower case, without punctuation, articles and extra spaces."""
    words = text.lower().translate(_PUNCTUATION).split()
    if "".join(words).isalnum():  # then an article is a whole word
        return " ".join([word for word in words if word not in _ARTICLE_WORDS])
    return " ".join(_ARTICLES.sub(" ", " ".join(words)).split())


class ExactMatch(BestReference):
    """1 if the normalised answer equals a normalised reference."""

    def __init__(self, options: Options) -> None:
        refuse_options("exact_match", options, ())
        super().__init__(MetricSpec(name="exact_match", unit="fraction", better="higher", signature="norm:squad|v1"))

    def against(self, output: str, reference: str) -> float:
        """1 or 0."""
        return float(normalize_answer(output) == normalize_answer(reference))

    def against_batch(self, pairs: Sequence[tuple[str, str]], batch: Batch) -> Sequence[float]:
        """`against` of many pairs."""
        given, wanted = _normalized(pairs, batch)
        return [float(own == known) for own, known in zip(given, wanted, strict=True)]


class TokenF1(BestReference):
    """F1 of the words that answer and reference share; the best reference counts."""

    def __init__(self, options: Options) -> None:
        refuse_options("token_f1", options, ())
        spec = MetricSpec(name="token_f1", unit="fraction", better="higher", signature="norm:squad|refs:max|v1")
        super().__init__(spec)

    def against(self, output: str, reference: str) -> float:
        """F1 in [0, 1]."""
        given, wanted = normalize_answer(output).split(), normalize_answer(reference).split()
        return _f1(sum((Counter(given) & Counter(wanted)).values()), len(given), len(wanted))

    def against_batch(self, pairs: Sequence[tuple[str, str]], batch: Batch) -> Sequence[float]:
        """`against` of many pairs."""
        words = [[text.split() for text in texts] for texts in _normalized(pairs, batch)]
        codes = numbered([*words[0], *words[1]])
        hits = pair_matches(codes[: len(pairs)], codes[len(pairs) :], 1)[:, 0].tolist()
        return [_f1(n, len(given), len(wanted)) for n, given, wanted in zip(hits, *words, strict=True)]


def _f1(shared: int, n_given: int, n_wanted: int) -> float:
    if not n_given or not n_wanted:
        return float(n_given == n_wanted)
    return 2 * shared / (n_given + n_wanted)


def _normalized(pairs: Sequence[tuple[str, str]], batch: Batch) -> tuple[list[str], list[str]]:
    """The normalised answers and references."""
    given, wanted = (batch.texts("normalized", normalize_answer, [pair[side] for pair in pairs]) for side in (0, 1))
    return given, wanted
