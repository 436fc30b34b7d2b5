"""The keys of systems that nothing is trained for here: recorded answers, and models that a server has by name."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from evalgate.config.prompt_schema import AnswerYaml, PromptYaml
from evalgate.config.schema import Name
from evalgate.config.strict import Strict


class RecordedFileYaml(Strict):
    """A file of predictions, or a mapping: which columns hold id and output, where in the output the answer stands."""

    file: str = Field(min_length=1)
    id: str | None = None
    output: str | None = None
    filter: str | None = None
    answer: AnswerYaml | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"file": value} if isinstance(value, str) else value


class RecordedYaml(Strict):
    """A baseline or candidate that has answered elsewhere."""

    name: Name | None = None
    kind: Literal["recorded"]
    predictions: dict[str, RecordedFileYaml] = Field(min_length=1)
    description: str = ""


class ApiYaml(Strict):
    """A candidate that the suite's server has under a name of its own, such as an adapter."""

    name: Name | None = None
    kind: Literal["api"]
    model: str = Field(min_length=1)
    prompts: dict[str, PromptYaml] | None = None
    prompts_from: str | None = None
    description: str = ""
