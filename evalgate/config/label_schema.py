"""The keys of a task's `label:`, where its answers have their label."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from evalgate.config.strict import Strict
from evalgate.core.answers import GROUP
from evalgate.core.prompts import LabelFrom, LabelRule

# What each way needs, and what it may have beside `aliases` and `labels`.
_NEEDS = {"regex": "pattern", "json_field": "field"}
_OWN = {"regex": {"pattern", "timeout_s"}, "json_field": {"field"}, "last_label": {"after", "timeout_s"}}


class LabelYaml(Strict):
    """`label:` one word such as `last_label`, or a mapping."""

    find: LabelFrom = Field(default="exact", alias="from")
    pattern: str = ""
    field: str = ""
    after: str = ""
    aliases: dict[str, str] = {}
    labels: list[str] = []
    timeout_s: float = Field(default=1.0, gt=0, le=60)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"from": value} if isinstance(value, str) else value

    @field_validator("pattern")
    @classmethod
    def _readable(cls, value: str) -> str:
        import regex

        try:
            groups = regex.compile(value).groupindex
        except regex.error as error:
            raise ValueError(f"is not a regex: {error}") from error
        if value and GROUP not in groups:
            raise ValueError(f"must name the label: `(?P<{GROUP}>...)`")
        return value

    @field_validator("labels")
    @classmethod
    def _several(cls, value: list[str]) -> list[str]:
        if value and (len(set(value)) < max(2, len(value)) or not all(value)):
            raise ValueError("must be two or more different labels")
        return value

    @model_validator(mode="after")
    def _fits(self) -> LabelYaml:
        need = _NEEDS.get(self.find)
        if need and not getattr(self, need):
            raise ValueError(f"`from: {self.find}` needs `{need}`")
        written = self.model_fields_set - {"find", "aliases", "labels"} - _OWN.get(self.find, set())
        if written:
            raise ValueError(f"`from: {self.find}` does not use `{min(written)}`: delete it")
        if self.find == "likelihood" and self.aliases:
            raise ValueError("`from: likelihood` does not use `aliases`: delete it")
        return self

    def rule(self) -> LabelRule:
        """The rule as data."""
        return LabelRule(**{**self.model_dump(), "labels": tuple(self.labels)})
