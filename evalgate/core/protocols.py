"""What can be replaced: a backend, a retriever, a metric, a gate, a progress display."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from evalgate.core.data import Example, Message, Passage, Sampling, Task
from evalgate.core.judgements import Judgement
from evalgate.core.prompts import AnswerRule
from evalgate.core.record import Record
from evalgate.core.results import Generation, MetricSpec, Prediction, Score

Array = NDArray[np.float64]


class Request(Record, frozen=True, kw_only=True):
    """What a backend is asked: a conversation whose last turn is the user's, and how to decode the answer."""

    messages: tuple[Message, ...]
    sampling: Sampling


class Ask(Record, frozen=True, kw_only=True):
    """One question to one system; `digest` identifies the request together with the weights that answer it.

    `answer` is where the answer stands in the text, None if the text is the answer.
    """

    example_id: str
    request: Request
    context_ids: tuple[str, ...] = ()
    digest: str = ""
    answer: AnswerRule | None = None


class Scored(Record, frozen=True, kw_only=True):
    """The natural-log likelihood of a continuation, and whether each of its tokens was the likeliest one.

    Where memory does not suffice for one context alone the likelihood is NaN.
    """

    logprob: float
    greedy: bool
    out_of_memory: bool = False


class Generates(Protocol):
    """Answers requests."""

    def generate(self, requests: Sequence[Request], *, adapter: str | None = None) -> Iterator[tuple[int, Generation]]:
        """Answer requests in any order, each as (its index, generation), as soon as it is known.

        Every index comes exactly once; a request that cannot be answered gives a generation with a failure.
        """


class Backend(Generates, Protocol):
    """Generates and scores text for the base model and for every adapter that was added to it."""

    @property
    def identity(self) -> dict[str, str]:
        """What the numbers depend on: model digest, dtype, quantisation, library versions."""

    def add_adapter(self, name: str, folder: str) -> None:
        """Make a LoRA adapter available under a name; adding one twice changes nothing."""

    def loglikelihood(self, pairs: Sequence[tuple[str, str]], *, adapter: str | None = None) -> list[float]:
        """The natural-log likelihood of each continuation after its context (plain text, no chat template).

        NaN where the two do not fit the model's context.
        """

    def close(self) -> None:
        """Free memory and connections."""


class LocalModel(Protocol):
    """A backend whose live model other stages may use in process (lm-eval does)."""

    @property
    def module(self) -> Any:
        """The live torch module."""

    @property
    def tokenizer(self) -> Any:
        """Its tokenizer."""

    def using(self, adapter: str | None) -> AbstractContextManager[Any]:
        """The module with one adapter active, or with none."""

    def score_tokens(self, pairs: Sequence[tuple[list[int], list[int]]], *, adapter: str | None = None) -> list[Scored]:
        """The likelihood of token ids after token ids, neither of them empty."""


@runtime_checkable
class Completes(Protocol):
    """A live model that goes on after token ids by the backend's own decoding."""

    def complete(
        self, rows: list[list[int]], *, max_tokens: int, stop: tuple[str, ...], adapter: str | None = None
    ) -> Iterator[tuple[int, Generation]]:
        """Greedy text after each row, in any order as (its index, generation); outer spaces stay."""


class LocalBackend(Backend, LocalModel, Protocol):
    """A backend that runs in this process: what a run answers and measures with."""


class Retriever(Protocol):
    """Finds passages for a query."""

    @property
    def digest(self) -> str:
        """Identity of index and settings."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """The k best passages for each query, best first."""


class Metric(Protocol):
    """Scores one prediction and combines many scores into one number."""

    @property
    def spec(self) -> MetricSpec:
        """Name, unit, direction and signature."""

    @property
    def is_mean(self) -> bool:
        """Whether `combine` is the mean of the first part, so that paired tests of means apply."""

    def score(self, example: Example, prediction: Prediction, task: Task) -> Score:
        """The example's sufficient statistics; never raises for what a model wrote."""

    def combine(self, parts: Array) -> Array:
        """Aggregate `parts[..., n, k]` to `[...]`; NaN where n is 0."""


class JudgedMetric(Metric, Protocol):
    """A metric that a model is asked for: the task's judge, or with `openings` the system that answered."""

    @property
    def asks(self) -> str:
        """`score`, `preference`, `refusal`, `openings`; empty where no model is asked."""

    def judged(self, example: Example, prediction: Prediction, judgement: Judgement) -> Score:
        """The example's score by what was said; never raises for what a model wrote."""


class Ticker(Protocol):
    """Advances one stage's progress."""

    def __call__(self, n: int = 1) -> None:
        """`n` more items are done."""


class Progress(Protocol):
    """Shows stages with time left; messages go to stderr."""

    def stage(self, name: str, total: int, done: int = 0) -> AbstractContextManager[Ticker]:
        """A stage of `total` items of which `done` were there before."""

    def note(self, text: str) -> None:
        """One line of news."""
