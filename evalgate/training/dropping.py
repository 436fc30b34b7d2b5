"""Dropout whose mask is never stored: a seed makes it again for the backward pass. Triton on CUDA, torch elsewhere."""

from __future__ import annotations

from typing import Any

N_DRAWS = 65536  # a mask is drawn in 16 bits, so that `p` is rounded to a multiple of 1/65536


def dropped(x: Any, p: float, seed: int) -> Any:
    """`x` with a share `p` of its entries at zero and the others scaled up, so that the mean stays."""
    if x.device.type == "cuda":
        from evalgate.training.dropping_triton import drop

        return drop(x.contiguous(), round(p * N_DRAWS), seed)
    return x * _mask(x, p, seed)


def add_dropped(total: Any, x: Any, p: float, seed: int) -> Any:
    """`total` plus what `dropped` makes of `x`, in place."""
    if x.device.type == "cuda":
        from evalgate.training.dropping_triton import drop

        return drop(x.contiguous(), round(p * N_DRAWS), seed, total)
    return total.add_(x * _mask(x, p, seed))


def _mask(x: Any, p: float, seed: int) -> Any:
    import torch

    generator = torch.Generator(device=x.device).manual_seed(seed)
    kept = torch.rand(x.shape, generator=generator, device=x.device) >= p
    return kept.to(x.dtype) / (1 - p)
