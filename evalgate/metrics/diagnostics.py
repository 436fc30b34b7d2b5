"""What kind of text an answer is: how long, how much of it is new, how much is copied. Diagnostics never gate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from evalgate.core.content import text_of
from evalgate.core.data import Example, Task
from evalgate.core.protocols import Array
from evalgate.core.results import MetricSpec, Score
from evalgate.metrics.batch import Batch
from evalgate.metrics.corpus import Answer, CorpusMetric
from evalgate.metrics.options import refuse_options, whole_option
from evalgate.metrics.scoring import MeanMetric, Options, score_of, unscored

Words = tuple[str, ...]
WORD = re.compile(r"\w+")
# Stands for every word that the input has not.
_OTHER = "\x00"


# A handful: the diagnostics of one answer ask for the same texts.
@lru_cache(maxsize=16)
def words_of(text: str) -> tuple[str, ...]:
    """Lower-cased runs of letters and digits of any script."""
    return tuple(WORD.findall(text.lower()))


class LengthRatio(CorpusMetric):
    """Words of all answers for each word of the references (of several, the one of the closest length).

    Parts: the answer's words and the reference's.
    """

    def __init__(self, options: Options) -> None:
        refuse_options("length_ratio", options, ())
        spec = MetricSpec(name="length_ratio", unit="ratio", better="neither", signature="words|of:sums|v1")
        super().__init__(spec)

    def counts(self, output: str, references: tuple[str, ...]) -> tuple[float, ...]:
        """Words of the answer and of the closest reference."""
        return _lengths(words_of(output), map(words_of, references))

    def counts_batch(self, answers: Sequence[Answer], batch: Batch) -> Sequence[tuple[float, ...]]:
        """`counts` of many answers."""
        given = batch.texts("words", words_of, (output for output, _ in answers))
        wanted = (batch.texts("words", words_of, references) for _, references in answers)
        return list(map(_lengths, given, wanted))

    def of_sums(self, sums: Array) -> Array:
        """The ratio for `sums[..., 2]`; NaN where no reference has a word."""
        given, wanted = sums[..., 0], sums[..., 1]
        return np.asarray(np.where(wanted > 0, given / np.where(wanted > 0, wanted, 1.0), np.nan))


def _lengths(given: Sequence[str], wanted: Iterable[Sequence[str]]) -> tuple[float, ...]:
    n = len(given)
    return n, min(map(len, wanted), key=lambda other: (abs(other - n), other))


class OfWords(MeanMetric):
    """A mean of a number of an answer's words and its input's; subclasses give `spec` and `of_words`."""

    def of_words(self, given: Words, source: Words) -> tuple[float, str | None]:
        """The number and its detail."""
        raise NotImplementedError

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """The number and its detail."""
        return self.of_words(words_of(output), words_of(text_of(example)))

    def score_batch(self, batch: Batch) -> list[Score]:
        """`score` of each item."""
        given = batch.texts("words", words_of, (prediction.output or "" for _, prediction in batch.items))
        sources, scores = batch.texts("words", words_of, batch.inputs), []
        for (example, prediction), words, source in zip(batch.items, given, sources, strict=True):
            if prediction.output is None:
                scores.append(unscored(self.spec, example, prediction))
            else:
                value, detail = self.of_words(words, source)
                scores.append(score_of(self.spec, example, prediction, (value,), detail))
        return scores


class NovelNgrams(OfWords):
    """The share of an answer's n-grams of words that do not stand in its input; `n: 2` by default.

    An answer without any n-gram has none that is new: 0, with the detail `no-ngrams`.
    """

    def __init__(self, options: Options) -> None:
        refuse_options("novel_ngrams", options, ("n",))
        self._n = whole_option("novel_ngrams", options, "n", 2, least=1, most=8)
        signature = f"words|n:{self._n}|v1"
        super().__init__(MetricSpec(name="novel_ngrams", unit="fraction", better="neither", signature=signature))

    def of_words(self, given: Words, source: Words) -> tuple[float, str | None]:
        """The share in [0, 1]."""
        grams = self._grams(given)
        if not grams:
            return 0.0, "no-ngrams"
        known = set(self._grams(source))
        return (len(grams) - sum(map(known.__contains__, grams))) / len(grams), None

    def _grams(self, words: Sequence[str]) -> list[tuple[str, ...]]:
        if self._n == 2:
            return list(pairwise(words))
        return list(zip(*(words[i:] for i in range(self._n)), strict=False))


class CopiedSpan(OfWords):
    """The longest run of words that an answer has from its input, as a share of the answer: 1 is an echo.

    `detail` is the run's length in words. An answer without words copies nothing.
    """

    def __init__(self, options: Options) -> None:
        refuse_options("copied_span", options, ())
        super().__init__(MetricSpec(name="copied_span", unit="fraction", better="neither", signature="words|v1"))

    def of_words(self, given: Words, source: Words) -> tuple[float, str | None]:
        """The share in [0, 1]."""
        longest = longest_run(given, source)
        return (longest / len(given) if given else 0.0), str(longest)


def longest_run(given: Sequence[str], source: Sequence[str]) -> int:
    """How many words the longest run of `given` has that stands in `source` as it is."""
    # A character for each word, so that the search is the interpreter's own.
    signs = {word: chr(i) for i, word in enumerate(dict.fromkeys(source), 1)}
    text, known = "".join(signs.get(word, _OTHER) for word in given), "".join(signs[word] for word in source)
    longest = 0
    for start in range(len(text)):
        if start + longest >= len(text):
            break
        while start + longest < len(text) and text[start : start + longest + 1] in known:
            longest += 1
    return longest
