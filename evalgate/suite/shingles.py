"""Texts as sets of n-grams, and an index of those that overlap: candidates by MinHash LSH, then the true overlap."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from re import compile as pattern
from typing import Any

# Texts below this many words are compared by characters: one changed word breaks most of their word pairs.
SHORT = 8
# At the overlaps asked for a short text's partner has at most half as many words again.
SHORT_PARTNER = SHORT * 3 // 2
WORD_GRAM, CHARACTER_GRAM = 2, 4
# Jaccard overlap from which two texts are near duplicates (docs/decisions/0024).
NEAR_WORDS, NEAR_CHARACTERS = 0.6, 0.7
# 32 bands of 3: of pairs that overlap by 0.6, 99.96 % become candidates.
BANDS, ROWS_PER_BAND = 32, 3
_WORDS = pattern(r"\w+")
_APOSTROPHES = str.maketrans("", "", "'’`")


class Text:
    """A text's words, lower-cased, without punctuation and Unicode's ways to write one character."""

    def __init__(self, raw: str) -> None:
        self.raw = raw
        folded = unicodedata.normalize("NFKC", raw).casefold().translate(_APOSTROPHES)
        self.words: list[str] = _WORDS.findall(folded)
        # A text of signs only, such as emoji, is its signs.
        self.normal = " ".join(self.words) or "".join(folded.split())

    @property
    def is_short(self) -> bool:
        """Whether it is compared by characters."""
        return len(self.words) < SHORT

    @cached_property
    def word_grams(self) -> frozenset[str]:
        """Pairs of neighbouring words."""
        return frozenset(map(" ".join, zip(self.words, self.words[1:], strict=False)))

    @cached_property
    def character_grams(self) -> frozenset[str]:
        """Neighbouring characters of the normal form, its ends marked."""
        whole = f" {self.normal} "
        return frozenset(whole[i : i + CHARACTER_GRAM] for i in range(max(1, len(whole) - CHARACTER_GRAM + 1)))


class Index:
    """Sets that a query's set may overlap with by at least `least` (Jaccard); true overlaps only."""

    def __init__(self, sets: dict[int, frozenset[str]], least: float) -> None:
        self._sets, self._least = sets, least
        self._known = frozenset().union(*sets.values())

    def search(self, grams: frozenset[str]) -> Iterator[tuple[int, float]]:
        """Each near set with its overlap.

        A set of which less than `least` stands anywhere in the index overlaps with none by `least`: it is not hashed.
        """
        if not grams or len(grams & self._known) < self._least * len(grams):
            return
        for key in self._lsh.query(self._minhash(grams)):
            share = len(grams & self._sets[key])
            overlap = share / (len(grams) + len(self._sets[key]) - share)
            if overlap >= self._least:
                yield key, overlap

    @cached_property
    def _empty(self) -> Any:
        from datasketch import MinHash

        return MinHash(num_perm=BANDS * ROWS_PER_BAND, seed=1, hashfunc=_hash)

    @cached_property
    def _lsh(self) -> Any:
        from datasketch import MinHashLSH

        lsh = MinHashLSH(num_perm=BANDS * ROWS_PER_BAND, params=(BANDS, ROWS_PER_BAND))
        for key, grams in self._sets.items():
            lsh.insert(key, self._minhash(grams), check_duplication=False)
        return lsh

    def _minhash(self, grams: frozenset[str]) -> Any:
        minhash = self._empty.copy()
        minhash.update_batch(grams)
        return minhash


def _hash(gram: str) -> int:
    """32 bits that are the same in every process, which Python's own hash of a text is not."""
    return zlib.crc32(gram.encode("utf-8", "surrogatepass"))


class NearDuplicates:
    """Texts that others are compared with: by word pairs, or by characters if either of the two is short."""

    def __init__(self, texts: Sequence[Text]) -> None:
        self._texts = texts
        long = {i: t.word_grams for i, t in enumerate(texts) if not t.is_short}
        brief = {i: t.character_grams for i, t in enumerate(texts) if t.normal and len(t.words) <= SHORT_PARTNER}
        self._words, self._characters = Index(long, NEAR_WORDS), Index(brief, NEAR_CHARACTERS)

    def search(self, text: Text) -> Iterator[tuple[int, float]]:
        """Position and overlap of every near duplicate of a text."""
        if not text.is_short:
            yield from self._words.search(text.word_grams)
        if text.normal and len(text.words) <= SHORT_PARTNER:
            for i, overlap in self._characters.search(text.character_grams):
                if text.is_short or self._texts[i].is_short:
                    yield i, overlap


class Phrases:
    """Word sequences of at least `least` words that may stand whole in a longer text."""

    def __init__(self, phrases: Sequence[Text], least: int) -> None:
        self._phrases, self._least = phrases, least
        self._starts: dict[str, list[int]] = {}
        for i, phrase in enumerate(phrases):
            if len(phrase.words) >= least:
                self._starts.setdefault(" ".join(phrase.words[:least]), []).append(i)

    def search(self, text: Text) -> Iterator[int]:
        """Positions of the phrases that stand in a text, each once."""
        n = self._least
        starts = map(" ".join, zip(*(text.words[i:] for i in range(n)), strict=False))
        found = self._starts.keys() & set(starts) if len(text.words) >= n else ()
        if found:
            padded = f" {text.normal} "
            for i in sorted(i for start in found for i in self._starts[start]):
                if f" {self._phrases[i].normal} " in padded:
                    yield i
