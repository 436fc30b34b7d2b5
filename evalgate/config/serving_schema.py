"""The parts of suite.yaml that say how serving is measured and what it costs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from evalgate.config.strict import Strict
from evalgate.core.serving import LatencySpec, Prices, TokenPrices

Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class LatencyYaml(Strict):
    """How response times are measured."""

    n_pairs: int = Field(default=500, ge=1)
    n_warmup: int = Field(default=5, ge=0)
    repeats: int = Field(default=1, ge=1, le=100)
    merged: bool = False

    def spec(self) -> LatencySpec:
        """The record; what is not asked for is left out, so that locks of before it could be still hold."""
        left_out = {name for name, usual in (("repeats", 1), ("merged", False)) if getattr(self, name) == usual}
        return LatencySpec(**self.model_dump(exclude=left_out))


class TokenPricesYaml(Strict):
    """Dollars for a million tokens."""

    input_usd: Usd
    output_usd: Usd
    training_usd: Usd | None = None


class PricesYaml(Strict):
    """What serving costs."""

    base: TokenPricesYaml | None = None
    tuned: TokenPricesYaml | None = None
    systems: dict[str, TokenPricesYaml] = {}
    machine_hour_usd: Usd | None = None

    @model_validator(mode="after")
    def _something(self) -> PricesYaml:
        if not (self.base or self.tuned or self.systems or self.machine_hour_usd is not None):
            raise ValueError("give `base:` with input_usd and output_usd a million tokens, or `machine_hour_usd:`")
        return self

    def spec(self) -> Prices:
        """The record."""
        values = self.model_dump()
        token = {k: TokenPrices(**values[k]) if values[k] else None for k in ("base", "tuned")}
        systems = {name: TokenPrices(**prices) for name, prices in values["systems"].items()}
        return Prices(**token, systems=systems, machine_hour_usd=self.machine_hour_usd)
