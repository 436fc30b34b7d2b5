"""A backend without a model, for tests and for trying a suite's prompts: answers come from a function of the prompt."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from evalgate.cache.keys import Answerer
from evalgate.core.adapter_files import adapter_digest
from evalgate.core.protocols import Request, Scored
from evalgate.core.results import Failure, Generation

Answer = Callable[[str], str | Failure]


class FakeBackend:
    """Answers at once, last request first, so that nobody relies on an order.

    Args:
        answer: What the base says to a prompt (the last turn); a `Failure` is given on as one.
        adapters: What it says with an adapter active, by the adapter's name; without an entry it speaks as the base.
        latency_s: How long one answer takes.
        dtype: The precision that its identity claims.
        digest: What identifies the functions; without it none of their answers is kept.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        adapters: Mapping[str, Answer] | None = None,
        latency_s: float = 0.0,
        dtype: str = "float32",
        digest: str = "",
    ) -> None:
        self._dtype, self._digest = dtype, digest
        self._answer, self._by_adapter, self._latency_s = answer, dict(adapters or {}), latency_s
        self.added: dict[str, str] = {}
        self.asked: list[tuple[str | None, str]] = []
        """Every (adapter, prompt) that was answered, in order."""
        self.module: Any = None
        self.tokenizer: Any = None

    @property
    def identity(self) -> dict[str, str]:
        """That it is a fake, and its precision."""
        return {"backend": "fake", "dtype": self._dtype}

    def add_adapter(self, name: str, folder: str) -> None:
        """Remember the adapter; a second call with the same name changes nothing."""
        self.added.setdefault(name, folder)

    def answerer(self, adapter: str | None) -> Answerer | None:
        """The digests of the functions and of the adapter's files."""
        if not self._digest:
            return None
        used = None if adapter is None else adapter_digest(Path(self.added[adapter]))
        return Answerer(backend="fake", model=self._digest, adapter=used, dtype=self._dtype)

    def prompt_ids(self, request: Request) -> list[int]:
        """The bytes of all turns."""
        return [byte for message in request.messages for byte in f"{message.role}\n{message.content}\n".encode()]

    @contextlib.contextmanager
    def using(self, adapter: str | None) -> Iterator[Any]:
        """There is no module to use."""
        yield self.module

    def generate(self, requests: Sequence[Request], *, adapter: str | None = None) -> Iterator[tuple[int, Generation]]:
        """Answer one request after the other; an adapter that was never added is a KeyError."""
        if adapter is not None and adapter not in self.added:
            raise KeyError(adapter)
        answer = self._by_adapter.get(adapter or "", self._answer)
        for i in reversed(range(len(requests))):
            prompt = requests[i].messages[-1].content
            self.asked.append((adapter, prompt))
            if self._latency_s:  # a sleep of nothing still waits for the system's clock
                time.sleep(self._latency_s)
            said = answer(prompt)
            if requests[i].sampling.answer_by and isinstance(said, str):
                yield i, _chosen(prompt, said, json.loads(requests[i].sampling.grammar or "[]"), self._latency_s)
            else:
                yield i, _generation(prompt, said, self._latency_s)

    def loglikelihood(self, pairs: Sequence[tuple[str, str]], *, adapter: str | None = None) -> list[float]:
        """Minus one for each character of a continuation, and one less where the adapter has answers of its own."""
        less = float(adapter in self._by_adapter)
        return [-float(len(continuation)) - less for _, continuation in pairs]

    def score_tokens(self, pairs: Sequence[tuple[list[int], list[int]]], *, adapter: str | None = None) -> list[Scored]:
        """Minus one for each token of a continuation, and one less where the adapter has answers of its own."""
        less = float(adapter in self._by_adapter)
        return [Scored(logprob=-float(len(tokens)) - less, greedy=False) for _, tokens in pairs]

    def close(self) -> None:
        """Nothing to free."""


def _generation(prompt: str, answer: str | Failure, latency_s: float) -> Generation:
    n_prompt = len(prompt.split())
    if isinstance(answer, Failure):
        return Generation(output=None, status="error", failure=answer, prompt_tokens=n_prompt)
    return Generation(output=answer, latency_s=latency_s, prompt_tokens=n_prompt, completion_tokens=len(answer.split()))


def _chosen(prompt: str, said: str, labels: list[str], latency_s: float) -> Generation:
    """What it would have said is its likeliest label; if that is none, the first one is."""
    logprobs = {label: -1.0 if label == said else -2.0 for label in labels}
    answer = _generation(prompt, max(logprobs, key=logprobs.__getitem__), latency_s)
    return replace(answer, label_logprobs=logprobs)
