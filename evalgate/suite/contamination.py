"""Contamination: rows, passages and prompts that hold what the held-out set asks, or the answer to it.

Pure: texts with their places go in, overlaps with both places come out. docs/contamination.md says what counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from evalgate.core.content import text_of
from evalgate.core.data import Project, Split, Task
from evalgate.core.overlaps import Overlap, OverlapKind, OverlapSource
from evalgate.core.record import Record
from evalgate.suite.formats import place_of
from evalgate.suite.shingles import NearDuplicates, Phrases, Text

# A held-out text of this many words that stands whole in a longer one is a copy; a shorter one may be chance.
QUOTE_WORDS = 12
# Answers of fewer words stand in many texts by chance.
ANSWER_WORDS = 4


class Piece(Record, frozen=True, kw_only=True):
    """A text with its place: a row, a passage or a prompt. `where` is file:line with the id."""

    source: OverlapSource | Split
    task: str
    id: str
    where: str
    text: str


def rows_of(task: Task, split: Split, folder: Path) -> list[Piece]:
    """A split's inputs; the example at index i stands on line i + 1."""
    path, name = folder / task.spec.data / f"{split}.jsonl", task.spec.name
    return [
        Piece(source=split, task=name, id=e.id, where=place_of(path, i, e.id), text=text_of(e))
        for i, e in enumerate(task.splits.get(split, ()), 1)
    ]


def passages_of(task: Task, folder: Path) -> list[Piece]:
    """A task's passages, titles included."""
    path, name = folder / (task.spec.corpus or ""), task.spec.name
    return [
        Piece(source="passage", task=name, id=p.id, where=place_of(path, i, p.id), text=f"{p.title}\n{p.text}")
        for i, p in enumerate(task.corpus, 1)
    ]


def copies(pieces: Iterable[Piece], heldout: Sequence[Piece]) -> Iterator[Overlap]:
    """Every pair of a piece and a held-out text that is the same, nearly the same, or quoted; the strongest kind.

    Blank texts are copies of nothing. The order of rows does not matter but for the order of what is found.
    """
    texts = [Text(piece.text) for piece in heldout]
    same: dict[str, list[int]] = {}
    for i, text in enumerate(texts):
        if text.normal:
            same.setdefault(text.normal, []).append(i)
    near, quotes = NearDuplicates(texts), Phrases(texts, QUOTE_WORDS)
    for piece in pieces:
        text = Text(piece.text)
        found: dict[int, tuple[OverlapKind, float]] = dict.fromkeys(quotes.search(text), ("quoted", 1.0))
        found |= {i: ("near", share) for i, share in near.search(text)}
        for i in same.get(text.normal, ()):
            found[i] = ("exact" if text.raw == texts[i].raw else "normalised", 1.0)
        for i, (kind, share) in sorted(found.items()):
            yield overlap(kind, piece, heldout[i], share)


def given_away(prompts: Iterable[Piece], task: Task, heldout: Sequence[Piece]) -> Iterator[Overlap]:
    """Held-out examples of a task whose whole reference answer stands in a prompt or passage that its systems see.

    Labels are no secret: every prompt may list them. In passages of a qa task the answer is meant to stand. Answers of
    fewer than `ANSWER_WORDS` words may stand anywhere by chance, and one that the example's own input holds is not
    given away by anything else.
    """
    if task.spec.kind == "classification":
        return
    answers = [(i, Text(r)) for i, e in enumerate(task.splits.get("heldout", ())) for r in e.references]
    answers = [(i, a) for i, a in answers if f" {a.normal} " not in f" {Text(heldout[i].text).normal} "]
    phrases = Phrases([answer for _, answer in answers], ANSWER_WORDS)
    for piece in prompts:
        if piece.source == "passage" and task.spec.kind == "qa":
            continue
        kind: OverlapKind = "answer-in-passage" if piece.source == "passage" else "answer-in-prompt"
        for i in dict.fromkeys(answers[k][0] for k in phrases.search(Text(piece.text))):
            yield overlap(kind, piece, heldout[i], 1.0)


def overlap(kind: OverlapKind, piece: Piece, heldout: Piece, share: float) -> Overlap:
    """One finding with both places."""
    assert piece.source != "heldout"
    return Overlap(
        kind=kind, source=piece.source, source_task=piece.task, source_id=piece.id, where=piece.where,
        task=heldout.task, example_id=heldout.id, heldout_where=heldout.where, share=share,
    )  # fmt: skip


def check(project: Project, prompts: Sequence[Piece], replayed: Sequence[Piece]) -> tuple[Overlap, ...]:
    """All overlaps of a project's train, dev, replay rows, passages and prompts with its held-out sets.

    Rows of one task are compared with the held-out sets of all: one adapter learns every task.
    """
    tasks, folder = project.suite.tasks, Path(project.suite.folder)
    heldout = {name: rows_of(task, "heldout", folder) for name, task in tasks.items()}
    passages = {name: passages_of(task, folder) for name, task in tasks.items()}
    splits: tuple[Split, ...] = ("train", "dev")
    pieces = [piece for split in splits for task in tasks.values() for piece in rows_of(task, split, folder)]
    pieces += [*replayed, *(passage for found in passages.values() for passage in found)]
    found = list(copies(pieces, [row for rows in heldout.values() for row in rows]))
    for name, task in tasks.items():
        seen = [*(prompt for prompt in prompts if prompt.task == name), *passages[name]]
        found += given_away(seen, task, heldout[name])
    return tuple(found)
