"""Short answers: exact match and token F1, normalised as in SQuAD (Rajpurkar et al. 2016)."""

from __future__ import annotations

import re
import string
from collections import Counter
from functools import lru_cache

from evalgate.core.results import MetricSpec
from evalgate.metrics.options import refuse_options
from evalgate.metrics.references import BestReference
from evalgate.metrics.scoring import Options

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


# A handful: exact match and F1 of one answer ask for the same texts.
@lru_cache(maxsize=16)
def normalize_answer(text: str) -> str:
    """Lower case, without punctuation, articles and extra spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


class ExactMatch(BestReference):
    """1 if the normalised answer equals a normalised reference."""

    def __init__(self, options: Options) -> None:
        refuse_options("exact_match", options, ())
        super().__init__(MetricSpec(name="exact_match", unit="fraction", better="higher", signature="norm:squad|v1"))

    def against(self, output: str, reference: str) -> float:
        """1 or 0."""
        return float(normalize_answer(output) == normalize_answer(reference))


class TokenF1(BestReference):
    """F1 of the words that answer and reference share; the best reference counts."""

    def __init__(self, options: Options) -> None:
        refuse_options("token_f1", options, ())
        spec = MetricSpec(name="token_f1", unit="fraction", better="higher", signature="norm:squad|refs:max|v1")
        super().__init__(spec)

    def against(self, output: str, reference: str) -> float:
        """F1 in [0, 1]."""
        return _f1(normalize_answer(output).split(), normalize_answer(reference).split())


def _f1(answer: list[str], reference: list[str]) -> float:
    if not answer or not reference:
        return float(answer == reference)
    shared = sum((Counter(answer) & Counter(reference)).values())
    return 2 * shared / (len(answer) + len(reference))
