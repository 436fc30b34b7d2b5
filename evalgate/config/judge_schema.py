"""The keys of a task's `judge:`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import UNSET
from pydantic import Field, field_validator

from evalgate.config.judge_checks import ACCEPT, TEMPLATES, source_of
from evalgate.config.strict import Count, Strict
from evalgate.core.data import ModelSpec
from evalgate.core.judges import JudgeSpec, ReplyBy


class JudgeYaml(Strict):
    """`judge:` a rubric, a question for pairs, or one for refusals: each a template's file or the template itself."""

    rubric: str = ""
    preference: str = ""
    refusal: str = ""
    scale: list[int] = Field(default=[1, 5], min_length=2, max_length=2)
    reply: ReplyBy = "text"
    max_tokens: Count = 256
    temperature: float = Field(default=0.0, ge=0)
    seed: int = Field(default=0, ge=0)
    labels: str = ""
    min_kappa: float = Field(default=0.4, ge=0, lt=1)
    n_again: int = Field(default=20, ge=0)
    accept_uncalibrated_judge: bool = False

    @field_validator("scale")
    @classmethod
    def _rising(cls, value: list[int]) -> list[int]:
        if not 0 <= value[0] < value[1] <= 100:
            raise ValueError("must be the worst and the best verdict, such as [1, 5], from 0 to 100")
        return value

    def spec(self, model: ModelSpec | None, folder: Path) -> JudgeSpec:
        """The judge with its templates read; a file that is not there is noted by `check_judges`."""
        values: dict[str, Any] = self.model_dump(exclude={"model", "scale", ACCEPT, *TEMPLATES})
        values |= {key: source_of(getattr(self, key), folder) for key in TEMPLATES}
        return JudgeSpec(
            **values,
            low=self.scale[0],
            high=self.scale[1],
            model=model or UNSET,
            accept_uncalibrated=self.accept_uncalibrated_judge,
        )
