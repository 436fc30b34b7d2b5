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
from evalgate.metrics.ngrams import Codes, numbered, pair_matches
from evalgate.metrics.options import refuse_options, whole_option
from evalgate.metrics.scoring import MeanMetric, Options, score_of, unscored

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


class InputWords:
    """The words of a batch's answers and inputs as numbers; no words where there is no answer."""

    def __init__(self, batch: Batch) -> None:
        outputs = [prediction.output or "" for _, prediction in batch.items]
        words = batch.texts("words", words_of, [*outputs, *batch.inputs])
        codes = numbered(words)
        self.given, self.sources = codes[: len(outputs)], codes[len(outputs) :]


class OfWords(MeanMetric):
    """A mean of a number of an answer's words and its input's; subclasses give `spec`, `value` and `values`."""

    def values(self, words: InputWords) -> Sequence[tuple[float, str | None]]:
        """The number and its detail of many answers."""
        raise NotImplementedError

    def score_batch(self, batch: Batch) -> list[Score]:
        """`score` of each item."""
        scores = []
        found = self.values(batch.kept("input words", lambda: InputWords(batch)))
        for (example, prediction), (value, detail) in zip(batch.items, found, strict=True):
            if prediction.output is None:
                scores.append(unscored(self.spec, example, prediction))
            else:
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

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """The share in [0, 1]."""
        given = self._grams(words_of(output))
        known = set(self._grams(words_of(text_of(example))))
        return _novel(len(given), sum(map(known.__contains__, given)))

    def values(self, words: InputWords) -> Sequence[tuple[float, str | None]]:
        """The share in [0, 1] of many answers."""
        known = pair_matches(words.given, words.sources, self._n, often=False)[:, -1].tolist()
        sizes = (max(0, given.size - self._n + 1) for given in words.given)
        return list(map(_novel, sizes, known))

    def _grams(self, words: Sequence[str]) -> list[tuple[str, ...]]:
        if self._n == 2:
            return list(pairwise(words))
        return list(zip(*(words[i:] for i in range(self._n)), strict=False))


def _novel(n: int, n_known: int) -> tuple[float, str | None]:
    return ((n - n_known) / n, None) if n else (0.0, "no-ngrams")


class CopiedSpan(OfWords):
    """The longest run of words that an answer has from its input, as a share of the answer: 1 is an echo.

    `detail` is the run's length in words. An answer without words copies nothing.
    """

    def __init__(self, options: Options) -> None:
        refuse_options("copied_span", options, ())
        super().__init__(MetricSpec(name="copied_span", unit="fraction", better="neither", signature="words|v1"))

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """The share in [0, 1]."""
        given = words_of(output)
        return _copied(len(given), longest_run(given, words_of(text_of(example))))

    def values(self, words: InputWords) -> Sequence[tuple[float, str | None]]:
        """The share in [0, 1] of many answers."""
        runs = map(_longest, map(_signs, words.given), map(_signs, words.sources))
        return list(map(_copied, map(len, words.given), runs))


def _copied(n: int, longest: int) -> tuple[float, str | None]:
    return (longest / n if n else 0.0), str(longest)


def _signs(codes: Codes) -> str:
    """A character for each word."""
    return codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def longest_run(given: Sequence[str], source: Sequence[str]) -> int:
    """How many words the longest run of `given` has that stands in `source` as it is."""
    # A character for each word, so that the search is the interpreter's own.
    signs = {word: chr(i) for i, word in enumerate(dict.fromkeys(source), 1)}
    text, known = "".join(signs.get(word, _OTHER) for word in given), "".join(signs[word] for word in source)
    return _longest(text, known)


def _longest(text: str, known: str) -> int:
    longest = 0
    for start in range(len(text)):
        if start + longest >= len(text):
            break
        while start + longest < len(text) and text[start : start + longest + 1] in known:
            longest += 1
    return longest
