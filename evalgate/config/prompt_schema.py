"""The keys of one prompt: template, examples it shows, what it looks up, decoding, and what a search may change."""

from __future__ import annotations

from msgspec import UNSET, UnsetType
from pydantic import Field, field_validator, model_validator

from evalgate.config.strict import Count, Strict
from evalgate.core.answers import GROUP
from evalgate.core.prompts import AnswerBy, Choose, Chunk, Constraint, Finds, Index, Pool, Shots


class ShotsYaml(Strict):
    """`shots:` a number, a list of example ids, or a mapping."""

    n: int = Field(ge=0)
    ids: list[str] = Field(default=[], exclude=True)
    choose: Choose = "fixed"
    pool: Pool = Field(default="train", alias="from")
    encoder: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        if isinstance(value, dict):
            if "ids" in value:
                raise ValueError("write ids as a plain list: `shots: [id, id]`")
            return value
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return {"n": value}
        if isinstance(value, list) and all(isinstance(v, str) for v in value) and len(set(value)) == len(value):
            return {"n": len(value), "ids": value}
        raise ValueError(
            "must be a number of training examples (0 or more), a list of different example ids, "
            "or `{n: 3, from: train, choose: nearest}`"
        )

    @model_validator(mode="after")
    def _encodes_to_compare(self) -> ShotsYaml:
        if self.encoder and self.choose != "nearest":
            raise ValueError("`encoder`, a model's folder seen from the suite's, belongs to `choose: nearest`")
        return self

    def draft(self) -> int | tuple[str, ...] | Shots:
        """The shortest form that says the same: equal prompts have equal digests."""
        if self.ids:
            return tuple(self.ids)
        if (self.choose, self.pool) == ("fixed", "train") or self.n == 0:
            return self.n
        return Shots(n=self.n, choose=self.choose, pool=self.pool, encoder=self.encoder or UNSET)


class AnswerYaml(Strict):
    """`answer:` where the answer stands in what a system writes."""

    after: str = ""
    regex: str = ""
    timeout_s: float = Field(default=1.0, gt=0, le=60)

    @model_validator(mode="after")
    def _one_way(self) -> AnswerYaml:
        if bool(self.after) == bool(self.regex):
            raise ValueError("give either `after`, the words that stand before the answer, or `regex`")
        return self

    @field_validator("regex")
    @classmethod
    def _names_the_answer(cls, value: str) -> str:
        import regex

        try:
            groups = regex.compile(value).groupindex if value else {GROUP: 1}
        except regex.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        if GROUP not in groups:
            raise ValueError("must name what it looks for: `(?P<answer>...)`")
        return value


class ChunkYaml(Strict):
    """`chunk:` how passages are cut."""

    words: Count
    overlap: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _goes_on(self) -> ChunkYaml:
        if self.overlap >= self.words:
            raise ValueError("`overlap` must be smaller than `words`")
        return self


class RetrieveYaml(Strict):
    """`retrieve:` a number of passages, or a mapping that also says how they are found."""

    k: int = Field(ge=0)
    by: Finds = "bm25"
    encoder: str = ""
    chunk: ChunkYaml | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return value if isinstance(value, dict) else {"k": value}

    @model_validator(mode="after")
    def _has_encoder(self) -> RetrieveYaml:
        if (self.by == "bm25") == bool(self.encoder):
            raise ValueError(
                "`encoder`, a model's folder seen from the suite's, belongs to `by: dense` and `by: hybrid`"
            )
        return self

    def index(self) -> Index | UnsetType:
        """How passages are found; unset for what a plain number means."""
        chunk = Chunk(**self.chunk.model_dump()) if self.chunk else None
        found = Index(by=self.by, encoder=self.encoder, chunk=chunk)
        return UNSET if found == Index() else found


class TemplateYaml(Strict):
    """A template to try; what is not said beside it is as in the prompt that is searched for."""

    template: str
    max_tokens: Count = 64
    stop: list[str] = []
    answer: AnswerYaml | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"template": value} if isinstance(value, str) else value

    @field_validator("stop", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


class SearchYaml(Strict):
    """`search:` what else is tried on dev beside what the prompt itself says."""

    budget: int = Field(ge=2, le=1000)
    templates: list[TemplateYaml] = []
    shots: list[ShotsYaml] = []
    retrieve: list[RetrieveYaml] = []
    constraint: list[Constraint] = []
    metric: str = ""
    examples: Count | None = None

    @model_validator(mode="after")
    def _has_choices(self) -> SearchYaml:
        if not (self.templates or self.shots or self.retrieve or self.constraint):
            raise ValueError("give what to choose from: `templates`, `shots`, `retrieve` or `constraint`, each a list")
        return self


class PromptYaml(Strict):
    """How a system asks for one task, with its decoding settings on the same level."""

    template: str
    shots: ShotsYaml = ShotsYaml(n=0)
    retrieve: RetrieveYaml = RetrieveYaml(k=0)
    max_tokens: Count = 64
    stop: list[str] = []
    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    constraint: Constraint | None = None
    answer_by: AnswerBy | None = None
    answer: AnswerYaml | None = None
    search: SearchYaml | None = None

    @field_validator("stop", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value
