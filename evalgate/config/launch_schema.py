"""The keys of a recipe that say where its training runs and which trackers see it; none of them is a knob."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from evalgate.config.strict import Strict

Tracker = Literal["tensorboard", "mlflow", "wandb"]


class LaunchYaml(Strict):
    """GPUs, accelerate's configuration, trackers."""

    num_gpus: Annotated[int, Field(ge=1, le=64)] | None = None
    accelerate_config: str | None = None
    report_to: list[Tracker] | None = None

    @field_validator("report_to", mode="before")
    @classmethod
    def _one_or_none(cls, value: object) -> object:
        """As TRL's `report_to`: one name, several, or `none`."""
        if value == "none":
            return []
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _config_of_several(self) -> LaunchYaml:
        if self.accelerate_config is not None and (self.num_gpus or 1) < 2:
            raise ValueError("`accelerate_config` is for several GPUs: give `num_gpus`, too")
        return self
