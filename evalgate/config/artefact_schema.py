"""The keys of a recipe that say what its candidate ships as: an adapter, or a whole model."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from evalgate.config.method_schema import OF_THE_ADAPTER, MethodsYaml
from evalgate.core.artefacts import Merge

# A tenth of what adapters take: every weight moves.
FULL_RATE = 2e-5


class ArtefactYaml(MethodsYaml):
    """How a recipe trains, and whether its adapter is merged."""

    method: Literal["qlora", "lora", "dora", "full"] = "qlora"
    merge: Merge = "adapter"

    @model_validator(mode="after")
    def _one_artefact(self) -> ArtefactYaml:
        if self.method != "full":
            if self.adapter is not None and self.merge == "dequantized":
                raise ValueError("how the base of an `adapter` from elsewhere was quantised is unknown: `merge: bf16`")
            if self.model is not None and self.merge != "adapter":
                raise ValueError("a whole `model` has no adapter to merge: delete `merge`")
            return self
        swept = self.sweep.grid if self.sweep else {}
        if found := [key for key in OF_THE_ADAPTER if key in self.model_fields_set or key in swept]:
            raise ValueError(f"`{found[0]}` is an adapter's, and `method: full` trains all weights: delete it")
        if self.merge != "adapter":
            raise ValueError("`method: full` makes a whole model, so nothing is merged: delete `merge`")
        return self

    @property
    def rate(self) -> dict[str, float]:
        """The learning rate that full fine-tuning has where none is written."""
        written = "learning_rate" in self.model_fields_set
        return {"learning_rate": FULL_RATE} if self.method == "full" and not written else {}
