"""The keys of a recipe that say what is trained beside one adapter from scratch: stages, starting points, sweeps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from evalgate.config.launch_schema import LaunchYaml
from evalgate.config.strict import Count, Strict
from evalgate.core.artefacts import a

# Points of one sweep: each is a candidate, and each makes it harder for all others to pass (Holm).
MAX_POINTS = 16
# What an adapter that is continued or taken over has brought along.
OF_THE_ADAPTER = ("rank", "alpha", "dropout")
OF_THE_LOOKS = ("checkpoints",)
OF_THE_TRAINING = ("method", "learning_rate", "epochs", "batch_size", "max_rows", "seed", "seeds", "overrides",
                   "num_gpus", "accelerate_config", "report_to")  # fmt: skip


class DpoYaml(Strict):
    """The second stage: DPO on preference pairs; a file, or a mapping."""

    data: str = Field(min_length=1)
    beta: float = Field(default=0.1, gt=0)
    learning_rate: float = Field(default=5e-6, gt=0)
    epochs: float = Field(default=1.0, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"data": value} if isinstance(value, str) else value


class SweepYaml(Strict):
    """Values of knobs; every combination is a candidate."""

    learning_rate: list[Annotated[float, Field(gt=0)]] | None = None
    epochs: list[Annotated[float, Field(gt=0)]] | None = None
    batch_size: list[Count] | None = None
    rank: list[Count] | None = None
    alpha: list[Count] | None = None
    dropout: list[Annotated[float, Field(ge=0, lt=1)]] | None = None
    max_rows: list[Count] | None = None

    @property
    def grid(self) -> dict[str, list[float]]:
        """The knobs that are swept, in the order of this schema, with their values."""
        return {name: values for name in type(self).model_fields if (values := getattr(self, name)) is not None}

    @model_validator(mode="after")
    def _small_and_real(self) -> SweepYaml:
        if not self.grid:
            raise ValueError("names no knob: e.g. `sweep: { learning_rate: [1.0e-4, 2.0e-4] }`")
        for name, values in self.grid.items():
            if len(values) < 2 or len(set(values)) < len(values):
                raise ValueError(f"`{name}` must have two or more different values")
        n = 1
        for values in self.grid.values():
            n *= len(values)
        if n > MAX_POINTS:
            text = f"has {n} points, more than {MAX_POINTS}: each is gated, and each makes it harder for all to pass"
            raise ValueError(text)
        return self


class CheckpointsYaml(Strict):
    """How often a training is looked at, and which of its checkpoints is kept."""

    evaluations: Count = 4
    dev_items: int = Field(default=32, ge=0)
    max_drift: float = Field(default=0.5, gt=0)
    patience: Count = 2
    keep: Literal["best", "last"] = "best"


class MethodsYaml(LaunchYaml):
    """What may stand in a recipe beside its knobs."""

    adapter: str | None = None
    model: str | None = None
    continue_from: str | None = None
    dpo: DpoYaml | None = None
    sweep: SweepYaml | None = None
    checkpoints: CheckpointsYaml | None = None

    @field_validator("adapter", "model", "continue_from")
    @classmethod
    def _not_empty(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("must name a folder")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> MethodsYaml:
        written = self.model_fields_set
        if self.adapter is not None or self.model is not None:
            taken = "adapter" if self.adapter is not None else "model"
            training = ("continue_from", "dpo", "sweep", "replay", *OF_THE_ADAPTER, *OF_THE_TRAINING, *OF_THE_LOOKS)
            if found := [key for key in training if key in written]:
                raise ValueError(f"nothing is trained for {a(f'`{taken}`')}, so `{found[0]}` says nothing: delete it")
            if self.adapter is not None and self.model is not None:
                raise ValueError("a candidate is an `adapter` or a whole `model`, not both")
        if self.continue_from is not None:
            swept = self.sweep.grid if self.sweep else {}
            if found := [key for key in OF_THE_ADAPTER if key in written or key in swept]:
                raise ValueError(f"`{found[0]}` is that of the adapter to continue from: delete it")
        if self.sweep is not None and (found := [key for key in self.sweep.grid if key in written]):
            raise ValueError(f"give `{found[0]}` or a sweep of it, not both")
        return self
