"""bitsandbytes' NF4 with double quantisation, unpacked by one kernel instead of three. Imported on CUDA only."""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

ROWS = 64  # blocks of 64 weights that one program unpacks


@triton.jit  # type: ignore[untyped-decorator]
def _unpack(packed, scales, codes, scales_of_scales, offset, values, out, n, ROWS: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: N803
    block = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = block < n
    code = tl.load(scales + block, mask=inside, other=0).to(tl.int32)
    scale = tl.load(codes + code) * tl.load(scales_of_scales + block // 256, mask=inside, other=0.0)
    scale = (scale + tl.load(offset))[:, None]
    at = block.to(tl.int64)[:, None]
    pair = tl.load(packed + at * 32 + tl.arange(0, 32)[None, :], mask=inside[:, None], other=0).to(tl.int32)
    first = tl.load(values + (pair >> 4)) * scale
    second = tl.load(values + (pair & 15)) * scale
    both = tl.interleave(first, second).to(out.dtype.element_ty)
    tl.store(out + at * 64 + tl.arange(0, 64)[None, :], both, mask=inside[:, None])


def unpacked(weight: Any, state: Any) -> Any:
    """A 4-bit matrix as numbers of its own dtype, equal to `bitsandbytes.functional.dequantize_4bit` bit by bit.

    `state` is its QuantState, nested, with blocks of 64 weights.
    """
    import torch

    assert state.blocksize == 64 and state.state2.blocksize == 256
    out = torch.empty(state.shape, dtype=state.dtype, device=weight.device)
    n = state.absmax.numel()
    _unpack[(triton.cdiv(n, ROWS),)](
        weight, state.absmax, state.state2.code, state.state2.absmax, state.offset, state.code, out, n, ROWS=ROWS,
        enable_fp_fusion=False,  # the product is rounded before the offset is added, as bitsandbytes' kernels do
    )  # fmt: skip
    return out
