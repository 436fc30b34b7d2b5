"""Answers to the probe items: one by one and all at once, as any backend gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from evalgate.core.data import Sampling
from evalgate.core.protocols import Backend, Request
from evalgate.core.results import Generation

# A fault of batches, masks or adapters shows in the first tokens; more would cost time and show no more.
MAX_TOKENS = 6
Answer = tuple[str | None, str]


def short(request: Request) -> Request:
    """The request as a probe asks it: greedy, a few tokens, and decoded like all others, so that all fill one batch."""
    return replace(request, sampling=Sampling(max_tokens=MAX_TOKENS))


def ask_alone(backend: Backend, requests: Sequence[Request], adapter: str | None) -> list[Generation]:
    """Every request in a call of its own."""
    return [answer for request in requests for _, answer in backend.generate([request], adapter=adapter)]


def ask_together(backend: Backend, requests: Sequence[Request], adapter: str | None) -> list[Generation]:
    """All requests in one call, in their order."""
    found = dict(backend.generate(requests, adapter=adapter))
    return [found[i] for i in range(len(requests))]


def said(generations: Sequence[Generation]) -> list[Answer]:
    """Text and status, which is what must not depend on the batch."""
    return [(g.output, g.status) for g in generations]


def count_differing(one: Mapping[str, Answer], other: Mapping[str, Answer]) -> tuple[int, int]:
    """How many of the items that both answered have another text, and how many both answered."""
    both = [key for key in one if key in other and one[key][0] is not None and other[key][0] is not None]
    return sum(one[key][0] != other[key][0] for key in both), len(both)
