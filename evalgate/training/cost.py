"""How much a training computes, how long that takes at a stated rate, and what fits on a card. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from evalgate.core.record import Record
from evalgate.training.memory import Method, Setup, kept_layers, predict, trained_tensors
from evalgate.training.shape import Shape

CARDS_GB = (16, 24, 48, 80)
GB = 10**9
METHODS: tuple[Method, ...] = ("full", "lora", "qlora")
MOST_ROWS = 1024


class Fit(Record, frozen=True, kw_only=True):
    """What one method needs for micro-batches of the recipe's size and of one row, and the rows that each card holds.

    `rows` stands beside `CARDS_GB`: the largest micro-batch at the recipe's longest row, 0 where not even one fits.
    """

    method: Method
    n_trained: int
    card_bytes: int
    least_bytes: int
    rows: tuple[int, ...]


def flops(shape: Shape, setup: Setup, *, n_tokens: int, n_supervised: int, length: float) -> float:
    """Floating-point operations of a training over so many tokens, padding included, in rows of `length` on average.

    A product costs 2 a weight and token forward, 2 for the input's gradient, 2 for a trained weight's gradient, and 2
    more where a checkpointed layer is computed again. Causal attention costs 2 a pair of token and half the row and
    head entry forward, twice for its two products; backward takes 2.5 times that (Dao 2023, FlashAttention-2).
    """
    share = 1 - kept_layers(shape, setup) / shape.layers
    again = 2 * share
    frozen = 4 + again
    n_trained = sum(trained_tensors(shape, setup)) if setup.method != "full" else 0
    products = n_tokens * (shape.n_linear * (frozen + (2 if setup.method == "full" else 0)) + n_trained * (6 + again))
    forward = 2 * length * shape.heads * shape.head_dim * shape.layers
    attention = n_tokens * forward * (3.5 + share)
    head = n_supervised * shape.vocab * shape.hidden * (8 if setup.method == "full" else 6)
    return products + attention + head


def fits(shape: Shape, setup: Setup, cards_gb: Sequence[int] = CARDS_GB) -> tuple[Fit, ...]:
    """Full training, LoRA and QLoRA of the same rows, checkpointed; full training with fp32 Adam, as is usual."""
    found = []
    share = setup.n_supervised / max(1, setup.n_tokens)
    for method in METHODS:
        optimizer = "adamw_torch_fused" if method == "full" else setup.optimizer
        fused = setup.fused and method != "full"
        at = replace(setup, method=method, checkpointing=True, kept_layers=0, optimizer=optimizer, fused=fused)

        def needs(n_rows: int, at: Setup = at) -> int:
            n = max(1, round(share * n_rows * at.length))
            return predict(shape, replace(at, n_rows=n_rows, n_supervised=n)).card_bytes

        found.append(
            Fit(
                method=method,
                n_trained=sum(trained_tensors(shape, at)),
                card_bytes=needs(setup.n_rows),
                least_bytes=needs(1),
                rows=tuple(_most_rows(needs, gb * GB) for gb in cards_gb),
            )
        )
    return tuple(found)


def _most_rows(needs: Callable[[int], int], limit: int) -> int:
    """The most rows of a micro-batch that stay below a limit, by halving: more rows never need less."""
    low, high = 0, MOST_ROWS + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if needs(middle) <= limit else (low, middle)
    return low
