"""Finding passages: BM25 through bm25s, by an encoder's vectors, or both; whole passages or pieces of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

import numpy as np

from evalgate.core.content import text_of
from evalgate.core.data import Example, Passage, PromptDraft, PromptSpec, SystemDraft, Task
from evalgate.core.errors import UsageError
from evalgate.core.prompts import Chunk, Index, ShotChoice, Shots
from evalgate.core.protocols import Array, Retriever
from evalgate.core.record import digest_of, short

# Lower case, number-preserving words; plural and verb endings are left to the corpus' own wording.
TOKEN_PATTERN = r"(?u)\b\w+\b"


Encode = Callable[[Sequence[str]], Array]
# Opens a model's folder; gives what encodes, and the digest of its files.
OpenEncoder = Callable[[str], tuple[Encode, str]]
# The constant of the paper, and how deep each ranking is read.
RRF_K, RRF_DEPTH = 60, 100


class BM25Retriever:
    """BM25 (Lucene's variant, k1 1.5, b 0.75) over titles and texts."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        import bm25s

        refuse_empty(passages)
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


class DenseRetriever:
    """Passages by the cosine of vectors; `encode` gives rows of length 1, `encoder_digest` identifies what encodes."""

    def __init__(self, passages: Sequence[Passage], encode: Encode, encoder_digest: str) -> None:
        refuse_empty(passages)
        self._passages, self._encode, self._encoder_digest = list(passages), encode, encoder_digest
        self._vectors = encode([f"{p.title}\n{p.text}" if p.title else p.text for p in self._passages])

    @property
    def digest(self) -> str:
        """Identity of passages and encoder."""
        return digest_of(["dense", self._encoder_digest, self._passages])

    def search(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """The k nearest passages for each query, nearest first; ties in the corpus' order."""
        # Rounded, so that the order of sums, which differs between batches, decides no tie.
        scores = np.round(self._encode(queries) @ self._vectors.T, 5)
        return [[self._passages[i] for i in np.argsort(-row, kind="stable")[:k]] for row in scores]


class HybridRetriever:
    """Reciprocal rank fusion (Cormack et al. 2009): a passage's score is the sum of 1 / (60 + rank) over retrievers."""

    def __init__(self, *parts: Retriever) -> None:
        self._parts = parts

    @property
    def digest(self) -> str:
        """Identity of all parts."""
        return digest_of(["rrf", RRF_K, RRF_DEPTH, *(part.digest for part in self._parts)])

    def search(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """The k best passages for each query, best first; ties in the order of the first retriever."""
        found = [part.search(queries, max(k, RRF_DEPTH)) for part in self._parts]
        return [_fused([rows[i] for rows in found])[:k] for i in range(len(queries))]


def _fused(rankings: Sequence[Sequence[Passage]]) -> list[Passage]:
    scores: dict[str, float] = {}
    by_id: dict[str, Passage] = {}
    for ranking in rankings:
        for rank, passage in enumerate(ranking, 1):
            by_id[passage.id] = passage
            scores[passage.id] = scores.get(passage.id, 0.0) + 1 / (RRF_K + rank)
    return [by_id[i] for i in sorted(scores, key=lambda i: -scores[i])]


def chunks(passages: Sequence[Passage], chunk: Chunk) -> list[Passage]:
    """Passages cut into pieces, each with the title, called `ID#1`, `ID#2`; a passage that fits keeps its id."""
    pieces = []
    for passage in passages:
        words = passage.text.split()
        starts = range(0, max(1, len(words) - chunk.overlap), chunk.words - chunk.overlap)
        for n, start in enumerate(starts, 1):
            text = " ".join(words[start : start + chunk.words])
            name = f"{passage.id}#{n}"
            pieces.append(passage if len(starts) == 1 else Passage(id=name, title=passage.title, text=text))
    return pieces


def index_name(task: str, prompt: PromptDraft | PromptSpec) -> str:
    """What the retriever of a task's prompt is called among all retrievers of a run."""
    return f"{task}#{short(digest_of(prompt.index))}" if prompt.index else task


def shots_name(task: str, prompt: PromptDraft | PromptSpec) -> str:
    """What finds a prompt's nearest examples by an encoder is called among all retrievers; empty without one."""
    asked = prompt.choice if isinstance(prompt, PromptSpec) else prompt.shots
    if not isinstance(asked, Shots | ShotChoice) or not asked.encoder:
        return ""
    return f"{task}#{asked.pool}#{short(digest_of(asked.encoder))}"


def open_retrievers(
    drafts: Iterable[SystemDraft], tasks: Mapping[str, Task], encoder: OpenEncoder
) -> dict[str, Retriever]:
    """One retriever for each task and way of finding its passages, by `index_name`, or its examples, by `shots_name`.

    Those of every prompt that a search may choose, too. Each encoder is opened once.
    """
    opened, found = cache(encoder), dict[str, Retriever]()
    prompts = [(name, p) for draft in drafts for v in draft.variants for name, p in v.prompts.items()]
    asked = {index_name(n, p): (n, p.index) for n, p in prompts if p.retrieve}
    for name, (task, index) in sorted(asked.items()):
        found[name] = open_index(index or None, tasks[task].corpus, opened)
    for task, prompt in prompts:
        shots, name = prompt.shots, shots_name(task, prompt)
        if isinstance(shots, Shots) and shots.encoder and name not in found:
            found[name] = DenseRetriever(as_passages(tasks[task].splits.get(shots.pool, ())), *opened(shots.encoder))
    return found


def encoders_of(drafts: Iterable[SystemDraft]) -> list[str]:
    """The encoders that any prompt finds passages or examples by, each once."""
    prompts = [p for draft in drafts for v in draft.variants for p in v.prompts.values()]
    by = [p.index.encoder for p in prompts if p.retrieve and p.index]
    by += [p.shots.encoder for p in prompts if isinstance(p.shots, Shots) and p.shots.encoder]
    return [name for name in dict.fromkeys(by) if name]


def as_passages(examples: Sequence[Example]) -> list[Passage]:
    """Examples as what can be found: their inputs."""
    return [Passage(id=e.id, title="", text=text_of(e)) for e in examples]


def open_index(index: Index | None, passages: Sequence[Passage], encoder: OpenEncoder) -> Retriever:
    """The retriever that an index describes; None is BM25 over whole passages."""
    if index is None:
        return BM25Retriever(passages)
    pieces = chunks(passages, index.chunk) if index.chunk else passages
    if index.by == "bm25":
        return BM25Retriever(pieces)
    dense = DenseRetriever(pieces, *encoder(index.encoder))
    return dense if index.by == "dense" else HybridRetriever(BM25Retriever(pieces), dense)


def refuse_empty(passages: Sequence[Passage]) -> None:
    """Raise `no-corpus` if there is nothing to find."""
    if not passages:
        raise UsageError(
            "a system retrieves passages, but the task has no corpus",
            code="no-corpus",
            fix="add `corpus: corpus/passages.jsonl` to the task in suite.yaml, or remove `retrieve`",
        )


def _stem(word: str) -> str:
    """Take off a plural or possessive `s`: the one ending that separates questions from policies most often."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
