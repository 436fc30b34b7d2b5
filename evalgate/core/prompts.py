"""What a prompt has beside its template: decoding, examples to show, where the answer stands in the text."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from evalgate.core.record import Record, digest_of, short

Choose = Literal["fixed", "random", "nearest"]
# Held-out examples are never shown.
Pool = Literal["train", "dev"]
# What the decoder holds an answer to, whatever the model would rather write.
Constraint = Literal["none", "json_schema", "choices"]
# By the likelihood of each label, not by what the model writes.
AnswerBy = Literal["likelihood"]
Finds = Literal["bm25", "dense", "hybrid"]
LabelFrom = Literal["exact", "regex", "json_field", "last_label", "likelihood"]


class Sampling(Record, frozen=True, kw_only=True):
    """How text is decoded; temperature 0 is greedy. `max_tokens` counts new tokens.

    A request's `grammar` is what its `constraint` holds the text to: the JSON schema or the list of choices, as JSON.
    With `answer_by` nothing is decoded: the answer is the likeliest of the choices.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 64
    stop: tuple[str, ...] = ()
    seed: int = 0
    constraint: Constraint = "none"
    grammar: str | UnsetType = UNSET
    answer_by: AnswerBy | UnsetType = UNSET


class Shots(Record, frozen=True, kw_only=True):
    """`n` examples of a split, as a prompt's author asks for them.

    `fixed` shows the same ones to every question, `random` others to each, `nearest` those that are most like it: by
    BM25, or by an `encoder`, a model's folder as seen from the suite's.
    """

    n: int
    choose: Choose = "fixed"
    pool: Pool = "train"
    encoder: str | UnsetType = UNSET


class ShotChoice(Record, frozen=True, kw_only=True):
    """How shots are chosen, where that is not from train and once for all questions.

    `pool_digest` identifies what each question's own are chosen from, and by what.
    """

    n: int
    choose: Choose
    pool: Pool
    pool_digest: str = ""
    seed: int = 0
    encoder: str | UnsetType = UNSET


class AnswerRule(Record, frozen=True, kw_only=True):
    """Where the answer stands in a text: on the line of the last `after`, or in the last match of `regex`.

    The regex names the answer `(?P<answer>...)`; matching may take `timeout_s` seconds.
    """

    after: str = ""
    regex: str = ""
    timeout_s: float = 1.0


class LabelRule(Record, frozen=True, kw_only=True):
    """Where the label stands in an answer.

    `exact`: it is the answer. `regex`: the group `(?P<answer>...)` of the last match of `pattern`. `json_field`: the
    value at the dotted `field` of the JSON object that the answer is. `last_label`: the last label that stands in the
    answer as a word, behind the last `after` if there is one. `likelihood`: the label that the model finds likeliest.
    `aliases` maps other spellings to labels; `labels` lists them all, where the rows do not.
    """

    find: LabelFrom = "exact"
    pattern: str = ""
    field: str = ""
    after: str = ""
    aliases: dict[str, str] = {}
    labels: tuple[str, ...] = ()
    timeout_s: float = 1.0

    @property
    def signature(self) -> str:
        """What a metric's signature says of the rule: how, and a digest of the rest where there is any."""
        plain = self == LabelRule(find=self.find, labels=self.labels)
        return f"label:{self.find}" + ("" if plain else f":{short(digest_of(self))}")


EXACT = LabelRule()
EXACT_LABEL = EXACT.signature


class Chunk(Record, frozen=True, kw_only=True):
    """Passages are cut into pieces of `words` words, of which `overlap` stand in the piece before, too."""

    words: int
    overlap: int = 0


class Index(Record, frozen=True, kw_only=True):
    """How passages are found, where that is not BM25 over whole passages.

    `encoder` is a model's folder as seen from the suite's; its files are identified by the retriever's digest.
    """

    by: Finds = "bm25"
    encoder: str = ""
    chunk: Chunk | None = None
