"""A backend that remembers: what was answered before is not asked again, by whatever name and in whatever run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from evalgate.cache.keys import AnswerKey, Keyed
from evalgate.cache.records import Cache
from evalgate.core.protocols import Generates, Request
from evalgate.core.record import Record
from evalgate.core.results import Generation

ANSWERS = "answers"


class Answer(Record, frozen=True, kw_only=True):
    """What is kept of an answer. It has no times, so that none can be read from a cache; failures are not kept."""

    output: str
    status: Literal["ok", "truncated"]
    prompt_tokens: int | None = None
    prompt_bos: int | None = None
    completion_tokens: int | None = None
    label_logprobs: dict[str, float] | UnsetType = UNSET


class Remembering:
    """Asks a backend what the cache does not know, and keeps what it says.

    A backend that is not `Keyed` is asked everything, and nothing that it says is kept.
    """

    def __init__(self, backend: Generates, cache: Cache) -> None:
        self._backend, self._cache = backend, cache
        self.n_known = self.n_asked = 0

    def generate(self, requests: Sequence[Request], *, adapter: str | None = None) -> Iterator[tuple[int, Generation]]:
        """Known answers first, in the order of the requests, then the others as the backend gives them."""
        keys = self._keys(requests, adapter)
        found = self._cache.find(ANSWERS, keys, Answer) if keys else {}
        missing = []
        for i in range(len(requests)):
            if keys and (answer := found.get(keys[i])) is not None:
                self.n_known += 1
                yield i, _generation(answer)
            else:
                missing.append(i)
        if not missing:
            return
        with self._cache.adding(ANSWERS) as add:
            for k, generation in self._backend.generate([requests[i] for i in missing], adapter=adapter):
                self.n_asked += 1
                if keys and (kept := _kept(generation)) is not None:
                    add(keys[missing[k]], kept)
                yield missing[k], generation

    def _keys(self, requests: Sequence[Request], adapter: str | None) -> list[str]:
        """A key for each request; none where the backend cannot say what its answers depend on.

        Of sampled answers to one prompt each is a draw of its own.
        """
        backend = self._backend
        answerer = backend.answerer(adapter) if isinstance(backend, Keyed) else None
        if answerer is None or not isinstance(backend, Keyed):
            return []
        drawn: Counter[str] = Counter()
        keys = []
        for request in requests:
            key = AnswerKey(answerer=answerer, prompt=tuple(backend.prompt_ids(request)), sampling=request.sampling)
            first = key.digest
            n = drawn[first] if request.sampling.temperature > 0 else 0
            drawn[first] += 1
            keys.append(replace(key, repeat=n).digest if n else first)
        return keys


def _generation(answer: Answer) -> Generation:
    return Generation(
        output=answer.output,
        status=answer.status,
        prompt_tokens=answer.prompt_tokens,
        prompt_bos=answer.prompt_bos,
        completion_tokens=answer.completion_tokens,
        label_logprobs=answer.label_logprobs,
        cached=True,
    )


def _kept(generation: Generation) -> Answer | None:
    if generation.failure is not None or generation.output is None or generation.status == "error":
        return None
    return Answer(
        output=generation.output,
        status=generation.status,
        prompt_tokens=generation.prompt_tokens,
        prompt_bos=generation.prompt_bos,
        completion_tokens=generation.completion_tokens,
        label_logprobs=generation.label_logprobs,
    )
