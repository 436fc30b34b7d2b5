"""How serving is measured and priced, and what was measured: interleaved pairs, seconds and memory of whole stages."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from evalgate.core.record import Record

TOKENS_PER_PRICE = 1_000_000


class LatencySpec(Record, frozen=True, kw_only=True):
    """How response times are measured: interleaved pairs of single, uncached calls.

    `repeats` is how often each drawn example is asked in a row; repeats of one example are resampled together. With
    `merged` merged candidates are also timed against their adapters, for information.
    """

    n_pairs: int = 500
    n_warmup: int = 5
    repeats: int | UnsetType = UNSET
    merged: bool | UnsetType = UNSET

    @property
    def n_repeats(self) -> int:
        """How often each drawn example is asked."""
        return 1 if isinstance(self.repeats, UnsetType) else self.repeats

    @property
    def n_timed(self) -> int:
        """How many examples are timed: repeats of one are no new evidence."""
        return self.n_pairs // self.n_repeats


class TokenPrices(Record, frozen=True, kw_only=True):
    """What a host charges for a million tokens, in US dollars; `training_usd` for each trained one."""

    input_usd: float
    output_usd: float
    training_usd: float | None = None


class Prices(Record, frozen=True, kw_only=True):
    """What serving costs: by tokens, else by the hour of the machine that answered, in US dollars.

    `systems` overrides `tuned` (for candidates) and `base` (for all), by a system's name.
    """

    base: TokenPrices | None = None
    tuned: TokenPrices | None = None
    systems: dict[str, TokenPrices] = {}
    machine_hour_usd: float | None = None

    def of(self, system: str, *, tuned: bool) -> TokenPrices | None:
        """A system's token prices; None where it is paid by the hour, or not at all."""
        return self.systems.get(system) or (self.tuned if tuned else None) or self.base


class LatencyPair(Record, frozen=True, kw_only=True):
    """One interleaved measurement: the same example through the baseline and through the candidate, in seconds.

    `first_s` is the time to the first token, None where the backend does not tell it.
    """

    example_id: str
    task: str
    baseline: str
    candidate: str
    baseline_s: float
    candidate_s: float
    baseline_tokens: int = 0
    candidate_tokens: int = 0
    baseline_first_s: float | None = None
    candidate_first_s: float | None = None
    repeat: int = 0
    cached: bool = False

    def times(self, kind: str) -> tuple[float, float] | None:
        """Seconds of (candidate, baseline) to the end (`latency`) or to the first token (`ttft`); None if not told."""
        if kind == "latency":
            return self.candidate_s, self.baseline_s
        if self.candidate_first_s is None or self.baseline_first_s is None:
            return None
        return self.candidate_first_s, self.baseline_first_s

    def slowed(self, factor: float) -> LatencyPair:
        """The same pair with the candidate `factor` times as slow."""
        first = None if self.candidate_first_s is None else self.candidate_first_s * factor
        return msgspec.structs.replace(self, candidate_s=self.candidate_s * factor, candidate_first_s=first)


class Cost(Record, frozen=True, kw_only=True):
    """How long one system took for `n` questions of a task (or of capability), in seconds of a steady clock.

    `peak_memory_bytes` is of the CUDA device, or of the process on CPUs; None in recordings of before it was kept.
    """

    system: str
    task: str
    n: int
    seconds: float
    peak_memory_bytes: int | None = None


class Amount(Record, frozen=True, kw_only=True):
    """A measured number; `low` and `high` are None where one timing gives no interval."""

    value: float
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    n: int
    method: str


class ServingNumber(Record, frozen=True, kw_only=True):
    """One number of serving, of one system on one task; the metric's name ends in its unit."""

    system: str
    task: str
    metric: str
    amount: Amount
    better: Literal["higher", "lower"] = "lower"


class BreakEven(Record, frozen=True, kw_only=True):
    """When a candidate's training has paid for itself against the best baseline of one task.

    `saved` is dollars a request by which the baseline is dearer; `requests` how many repay the training, None where
    none do.
    """

    candidate: str
    baseline: str
    task: str
    training_usd: float
    saved: Amount
    requests: int | None
    reason: str
