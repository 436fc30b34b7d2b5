"""What is recorded of a capability item and of the drift on general text."""

from __future__ import annotations

from evalgate.core.record import Record


class Responses(Record, frozen=True, kw_only=True):
    """What a model answered to one capability item: natural-log likelihoods, choice by choice, or texts.

    `greedy` says of each continuation whether it was the likeliest; `values` are lm-eval's numbers of the item. A
    `cached` one was answered in another run, by the same weights to the same question.
    """

    logprobs: tuple[float, ...] = ()
    greedy: tuple[bool, ...] = ()
    texts: tuple[str, ...] = ()
    values: dict[str, float] = {}
    cached: bool = False


class Drift(Record, frozen=True, kw_only=True):
    """One document of general text under the base and under a candidate; sums over its `n_tokens`, in nats.

    `base_nats` and `nats` are the cross-entropies, `kl_nats` is the divergence KL(base || candidate).
    """

    document: str
    n_tokens: int
    base_nats: float
    nats: float
    kl_nats: float
