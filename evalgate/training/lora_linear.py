"""A frozen matrix and its LoRA adapter as one operation: the input is kept once, the base is unpacked again backward.

PEFT's own layers cast the input for each adapter, keep a dropped copy and its mask, and clone the base's output; that is
most of what a step of stock QLoRA does beside its products (docs/log.md, 2026-11-23).
"""

from __future__ import annotations

from functools import cache
from types import MethodType
from typing import Any

from evalgate.training.dropping import add_dropped, dropped

ADAPTER = "default"  # PEFT's name for the only adapter of a training


def fuse(module: Any) -> bool:
    """Let a PEFT layer compute by the fused operation; False, and nothing changed, where it has something more.

    With its adapter switched off, or merged, it computes as before.
    """
    if not _is_plain(module):
        return False
    base, stock = module.get_base_layer(), module.forward
    a, b = module.lora_A[ADAPTER], module.lora_B[ADAPTER]
    dropout, scaling = module.lora_dropout[ADAPTER], float(module.scaling[ADAPTER])

    def forward(self: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        if self.disable_adapters or self.merged or args or kwargs:
            return stock(x, *args, **kwargs)
        p = float(getattr(dropout, "p", 0.0)) if self.training else 0.0
        return _operation().apply(x, a.weight, b.weight, base, scaling, p, _seed() if p else 0)

    module.forward = MethodType(forward, module)
    return True


def _is_plain(module: Any) -> bool:
    if set(getattr(module, "lora_A", ())) != {ADAPTER} or getattr(module, "lora_variant", {}):
        return False
    base = module.get_base_layer()
    four_bit = getattr(base.weight, "quant_state", None) is not None
    return module.lora_B[ADAPTER].bias is None and (four_bit or base.weight.is_floating_point())


def _seed() -> int:
    """From torch's generator of the CPU, whose state checkpointing restores before it computes a layer again."""
    import torch

    return int(torch.randint(2**31 - 1, ()))


def weight_of(base: Any) -> Any:
    """A base layer's matrix as numbers: itself, or unpacked from 4 bits."""
    if (state := getattr(base.weight, "quant_state", None)) is None:
        return base.weight
    from bitsandbytes.functional import dequantize_4bit

    return dequantize_4bit(base.weight.data, state)


@cache
def _operation() -> Any:
    import torch
    from torch.nn.functional import linear

    class LoraLinear(torch.autograd.Function):
        """See the module. All products are in the input's dtype; the adapter's gradients come back in its own."""

        @staticmethod
        def forward(  # type: ignore[override]
            ctx: Any, x: Any, a: Any, b: Any, base: Any, scaling: float, p: float, seed: int
        ) -> Any:
            rows = x.reshape(-1, x.shape[-1])
            y = linear(rows, weight_of(base).to(x.dtype), base.bias)
            a, b = a.to(x.dtype), b.to(x.dtype)
            low = (dropped(rows, p, seed) if p else rows) @ a.t()
            y.addmm_(low, b.t(), alpha=scaling)
            ctx.save_for_backward(rows, low, a, b)
            ctx.base, ctx.scaling, ctx.p, ctx.seed = base, scaling, p, seed
            return y.view(*x.shape[:-1], y.shape[-1])

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:  # type: ignore[override]
            rows, low, a, b = ctx.saved_tensors
            g = grad.reshape(-1, grad.shape[-1])
            low_grad = g @ (b * ctx.scaling)
            of_b = (g.t() @ low).float() * ctx.scaling
            of_a = (low_grad.t() @ (dropped(rows, ctx.p, ctx.seed) if ctx.p else rows)).float()
            of_x = None
            if ctx.needs_input_grad[0]:
                of_x = g @ weight_of(ctx.base).to(g.dtype)
                if ctx.p:
                    add_dropped(of_x, low_grad @ a, ctx.p, ctx.seed)
                else:
                    of_x.addmm_(low_grad, a)
                of_x = of_x.view(*grad.shape[:-1], of_x.shape[-1])
            return of_x, of_a, of_b, None, None, None, None

    return LoraLinear
