"""The keys that users may write, as pydantic models, because pydantic reports every fault of a file at once."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any, Literal, TypeVar, Union
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, StringConstraints, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from evalgate.config.artefact_schema import ArtefactYaml
from evalgate.config.document import Document, Place, did_you_mean
from evalgate.config.judge_schema import JudgeYaml
from evalgate.config.label_schema import LabelYaml
from evalgate.config.prompt_schema import PromptYaml
from evalgate.config.serving_schema import LatencyYaml, PricesYaml
from evalgate.config.strict import Count, Strict
from evalgate.core.data import CapabilitySpec, Disclosure, Rule, SliceBy, Split, Subjects, TaskKind
from evalgate.core.prompts import AnswerBy

# Names become folder and file names, so they may not hold slashes or spaces.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)]
TaskName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Share = Annotated[float, Field(gt=0, lt=1)]
LOCAL_KEYS = {"revision", "dtype", "quantization", "trust_remote_code"}
SERVER_KEYS = {"base_url", "api_key_env", "timeout_s", "max_concurrency", "stream", "trust_env"}


class ModelYaml(Strict):
    """`model:` a hub id or a folder, or a mapping; with `backend: openai_http` a name on a server."""

    id: str = Field(min_length=1)
    backend: Literal["hf", "openai_http", "vllm"] = "hf"
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    quantization: Literal["none", "nf4"] = "none"
    trust_remote_code: bool = False
    base_url: str | None = None
    api_key_env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    timeout_s: float = Field(default=60.0, gt=0)
    max_concurrency: Count = 64
    stream: Literal["auto", "always", "never"] = "auto"
    trust_env: bool = False

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"id": value} if isinstance(value, str) else value

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, value: str | None) -> str | None:
        url = urlsplit(value or "http://host")
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError("must be a URL such as http://127.0.0.1:8000/v1")
        if url.username or url.password or url.query or url.fragment:
            raise ValueError("must hold no user, key or query; a key comes from the variable in `api_key_env`")
        return value.rstrip("/") if value else None

    @model_validator(mode="after")
    def _of_one_backend(self) -> ModelYaml:
        other = LOCAL_KEYS if self.backend == "openai_http" else SERVER_KEYS
        if wrong := sorted(self.model_fields_set & other):
            raise ValueError(f"`{wrong[0]}` does not belong to `backend: {self.backend}`")
        if self.backend == "openai_http" and not self.base_url:
            raise ValueError("`backend: openai_http` needs `base_url`, e.g. http://127.0.0.1:8000/v1")
        if self.backend == "vllm" and self.quantization != "none":
            raise ValueError(f"`quantization: {self.quantization}` belongs to `backend: hf`: vLLM quantises otherwise")
        return self


class MetricYaml(Strict):
    """A metric's name, or a mapping with its options."""

    name: str
    options: dict[str, bool | int | float | str | list[str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value


class TaskJudgeYaml(JudgeYaml):
    """A judge with its model; without one the suite's own judges."""

    model: ModelYaml | None = None


class SlicesYaml(Strict):
    """By what a task's scores are shown in parts."""

    by: list[SliceBy] = Field(default=["tag", "label"])
    metrics: list[str] = []
    min_n: Count = 5


class TaskYaml(Strict):
    """One task; `data` is its folder, the task's name if left out."""

    kind: TaskKind
    metrics: list[MetricYaml] = Field(min_length=1)
    data: str | None = None
    output_schema: str | None = Field(default=None, alias="schema")
    corpus: str | None = None
    splits: list[Split] = Field(default=["train", "dev", "heldout"], min_length=1)
    constraint: Literal["json_schema", "choices"] | None = None
    label: LabelYaml | None = None
    slices: SlicesYaml | None = None
    answer_by: AnswerBy | None = None
    judge: TaskJudgeYaml | None = None


class CapabilityYaml(Strict):
    """What lm-eval measures."""

    tasks: list[str] = Field(min_length=1)
    include_path: str | None = None
    num_fewshot: int = Field(default=0, ge=0)
    limit: Count | None = None
    mirror: str | None = Field(default=None, min_length=1)
    drift: str | None = Field(default=None, min_length=1)

    def spec(self) -> CapabilitySpec:
        """What was written; a key that was not is not part of it."""
        return CapabilitySpec(**{**self.model_dump(exclude_none=True), "tasks": tuple(self.tasks)})


class EarlyStopYaml(Strict):
    """When a candidate that cannot ship is measured no further."""

    futility: bool = True
    after_failure: Literal["skip", "measure"] = "skip"


class GateYaml(Strict):
    """One condition for shipping."""

    name: str = Field(min_length=1, max_length=64)
    metric: str
    rule: Rule
    limit: float | None = None
    margin: float = Field(default=0.0, ge=0)
    min_gain: float | None = Field(default=None, ge=0)
    alpha: float = Field(default=0.05, gt=0, le=0.5)
    required: bool = True
    collapse_guard: bool = True
    zero_tolerance: bool = False
    max_unscored: float = Field(default=0.05, ge=0, le=1)
    subjects: Subjects | None = None


class SourceYaml(Strict):
    """Where the data came from: an id, or a mapping with its revision."""

    id: str = Field(min_length=1)
    revision: str | None = Field(default=None, min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"id": value} if isinstance(value, str) else value


class SuiteYaml(Strict):
    """A whole suite.yaml."""

    name: Name
    version: Count
    model: ModelYaml | None = None
    tasks: dict[TaskName, TaskYaml] = Field(min_length=1)
    gates: list[GateYaml] = Field(min_length=1)
    description: str = ""
    baselines: str = ""
    seed: int = Field(default=0, ge=0)
    looks: Count | None = None
    disclosure: Disclosure = "full"
    sealed_for: list[str] = []
    capability: CapabilityYaml | None = None
    latency: LatencyYaml | None = None
    early_stop: EarlyStopYaml | None = None
    source: SourceYaml | None = None
    prices: PricesYaml | None = None

    @field_validator("sealed_for", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


class SystemYaml(Strict):
    """A baseline; `kind: tuned` marks a file that only lends its prompts to candidates."""

    name: Name | None = None
    kind: Literal["prompt", "rag", "tuned"]
    prompts: dict[str, PromptYaml] = Field(min_length=1)
    description: str = ""


class ReplayYaml(Strict):
    """Rows mixed into training."""

    path: str
    share: Share


class RecipeYaml(ArtefactYaml):
    """A candidate's training recipe."""

    name: Name | None = None
    description: str = ""
    prompts: dict[str, PromptYaml] | None = None
    prompts_from: str | None = None
    learning_rate: float = Field(default=2e-4, gt=0)
    epochs: float = Field(default=1.0, gt=0)
    batch_size: Count = 16
    rank: Count = 16
    alpha: Count = 32
    dropout: float = Field(default=0.05, ge=0, lt=1)
    max_length: Count = 512
    max_rows: Count | None = None
    seed: int = Field(default=0, ge=0)
    seeds: list[Annotated[int, Field(ge=0)]] | None = None
    replay: ReplayYaml | None = None
    memory_gb: float | None = Field(default=None, gt=0)
    overrides: dict[str, bool | int | float | str | None] = {}

    @field_validator("seeds")
    @classmethod
    def _several(cls, value: list[int] | None) -> list[int] | None:
        if value is not None and (len(value) < 2 or len(set(value)) < len(value)):
            raise ValueError("must be two or more different seeds; for one write `seed`")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> RecipeYaml:
        if self.seeds is not None and "seed" in self.model_fields_set:
            raise ValueError("give `seed` or `seeds`, not both")
        return self


M = TypeVar("M", bound=Strict)


def parse(document: Document, model: type[M]) -> M | None:
    """Validate a document's data; None, with every fault noted at its line, if it does not fit."""
    if not document.ok:
        return None
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            _note(document, model, fault)
        return None


def _note(document: Document, model: type[Strict], fault: ErrorDetails) -> None:
    kind, place, message, given = fault["type"], fault["loc"], fault["msg"], fault["input"]
    if kind == "extra_forbidden":
        unknown = str(place[-1])
        hint = did_you_mean(unknown, _keys(model, place[:-1]))
        document.problem(place, f"unknown key{hint}")
    elif kind == "missing":
        document.problem(place, "this key is missing")
    elif kind == "literal_error":
        allowed = [word for word in message.split("'")[1::2] if word]
        document.problem(document.nearest(place), f"'{given}' is not allowed{did_you_mean(str(given), allowed)}")
    elif kind == "string_pattern_mismatch":
        text = f"'{given}' is not a name: use lower-case letters, digits and '_' (a system's name may hold '-' and '.')"
        document.problem(document.nearest(place), text)
    else:
        text = message.removeprefix("Value error, ")
        document.problem(document.nearest(place), f"{text[:1].lower()}{text[1:]}, found {given!r}"[:300])


def _keys(model: type[Strict], place: Place) -> list[str]:
    """The keys that may stand in the mapping at a place."""
    kind: Any = model
    for step in place:
        kind = _inside(kind, step)
    kind = _bare(kind)
    fields = kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else {}
    return [field.alias or name for name, field in fields.items()]


def _inside(kind: Any, step: str | int) -> Any:
    kind = _bare(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return next((f.annotation for n, f in kind.model_fields.items() if step in (n, f.alias)), None)
    arguments = typing.get_args(kind)
    return arguments[-1] if arguments else None


def _bare(kind: Any) -> Any:
    """A type without `| None` and `Annotated`."""
    while typing.get_origin(kind) in (Union, types.UnionType, Annotated):
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
    return kind
