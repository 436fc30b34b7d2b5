"""Dropout as one Triton kernel: Philox by seed and place, eight 16-bit draws a call. Imported on CUDA only."""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

BLOCK, N_SLABS = 1024, 8


@triton.jit  # type: ignore[untyped-decorator]
def _slab(x, out, at, n, draws, threshold, scale, ADD: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: N803
    inside = at < n
    value = tl.load(x + at, mask=inside).to(tl.float32)
    value = tl.where(draws >= threshold, value * scale, 0.0)
    if ADD:
        value += tl.load(out + at, mask=inside).to(tl.float32)
    tl.store(out + at, value, mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def _drop(x, out, n, threshold, scale, seed, ADD: tl.constexpr, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: N803
    program = tl.program_id(0)
    lane = tl.arange(0, BLOCK)
    at = program.to(tl.int64) * (8 * BLOCK) + lane
    a, b, c, d = tl.randint4x(seed, program * BLOCK + lane, n_rounds=7)
    _slab(x, out, at, n, a & 0xFFFF, threshold, scale, ADD)
    _slab(x, out, at + BLOCK, n, (a >> 16) & 0xFFFF, threshold, scale, ADD)
    _slab(x, out, at + 2 * BLOCK, n, b & 0xFFFF, threshold, scale, ADD)
    _slab(x, out, at + 3 * BLOCK, n, (b >> 16) & 0xFFFF, threshold, scale, ADD)
    _slab(x, out, at + 4 * BLOCK, n, c & 0xFFFF, threshold, scale, ADD)
    _slab(x, out, at + 5 * BLOCK, n, (c >> 16) & 0xFFFF, threshold, scale, ADD)
    _slab(x, out, at + 6 * BLOCK, n, d & 0xFFFF, threshold, scale, ADD)
    _slab(x, out, at + 7 * BLOCK, n, (d >> 16) & 0xFFFF, threshold, scale, ADD)


def drop(x: Any, threshold: int, seed: int, total: Any = None) -> Any:
    """Drop entries whose draw lies below a threshold of 65,536, into a new tensor or added to `total` in place."""
    import torch

    out = torch.empty_like(x) if total is None else total
    n = x.numel()
    grid = (triton.cdiv(n, BLOCK * N_SLABS),)
    _drop[grid](x, out, n, threshold, 65536 / (65536 - threshold), seed, ADD=total is not None, BLOCK=BLOCK)
    return out
