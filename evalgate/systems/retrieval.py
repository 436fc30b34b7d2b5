"""Finding passages: BM25 over a task's knowledge base, through bm25s."""

from __future__ import annotations

import re
from collections.abc import Sequence

from evalgate.core.data import Passage
from evalgate.core.errors import UsageError
from evalgate.core.record import digest_of

# Lower case, number-preserving words; plural and verb endings are left to the corpus' own wording.
TOKEN_PATTERN = r"(?u)\b\w+\b"


class BM25Retriever:
    """BM25 (Lucene's variant, k1 1.5, b 0.75) over titles and texts."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        import bm25s

        if not passages:
            raise UsageError(
                "a system retrieves passages, but the task has no corpus",
                code="no-corpus",
                fix="add `corpus: corpus/passages.jsonl` to the task in suite.yaml, or remove `retrieve`",
            )
        self._passages = list(passages)
        self._index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
        tokens = self._tokens([f"{p.title}\n{p.text}" for p in self._passages])
        self._index.index(tokens, show_progress=False)
        self._version = bm25s.__version__

    @property
    def digest(self) -> str:
        """Identity of passages, parameters and library version."""
        return digest_of(["bm25", TOKEN_PATTERN, 1.5, 0.75, self._version, self._passages])

    def search(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """The k best passages for each query, best first; ties in the corpus' order."""
        k = min(k, len(self._passages))
        found: list[list[Passage]] = []
        for words in self._tokens(queries):
            known = [w for w in words if w in self._index.vocab_dict]
            scores = self._index.get_scores(known) if known else [0.0] * len(self._passages)
            order = sorted(range(len(self._passages)), key=lambda i: (-scores[i], i))
            found.append([self._passages[i] for i in order[:k]])
        return found

    @staticmethod
    def _tokens(texts: Sequence[str]) -> list[list[str]]:
        pattern = re.compile(TOKEN_PATTERN)
        return [[_stem(w) for w in pattern.findall(text.lower())] for text in texts]


def _stem(word: str) -> str:
    """Take off a plural or possessive `s`: the one ending that separates questions from policies most often."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
