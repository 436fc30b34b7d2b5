"""Frozen matrices of one input and their LoRA adapters as one operation, which keeps the input once.

PEFT's own layers cast the input for each adapter, keep a dropped copy and its mask, and clone the base's output. That,
and Python between the kernels, is most of what stock QLoRA does beside its products (docs/log.md, 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from evalgate.training.dropping import add_dropped, dropped

ADAPTER = "default"  # PEFT's name for the only adapter of a training


class Casts:
    """What the groups of one model share: adapters in the dtype of the products, and the seed of this forward pass."""

    def __init__(self, rank: int = 0, n_processes: int = 1) -> None:
        """No groups yet; `packed` says whether documents are going through."""
        self.packed, self.seed, self.groups = False, 0, list[Group]()
        self._rank, self._n_processes = rank, n_processes

    def begin(self) -> None:
        """Cast all adapters as they are now, and draw a seed from torch's generator of the CPU.

        Processes that train together draw alike: each takes its own of as many seeds as one process would draw for the
        same packs, so that no two packs of a step share a mask.
        """
        import torch

        self.seed = int(torch.randint(2**31 - 1, (self._n_processes,))[self._rank])
        with torch.no_grad():
            torch._foreach_copy_([x for g in self.groups for x in g.casts], [x for g in self.groups for x in g.weights])
            torch._foreach_mul_([g.a for g in self.groups], [g.scaling for g in self.groups])


class Group:
    """PEFT layers that read the same input, computed at once; all share one dropout mask.

    `a` holds their A matrices below each other, times the adapter's scaling; `b` are their B matrices.
    """

    def __init__(self, layers: Sequence[Any], casts: Casts, dtype: Any) -> None:
        """Register with the casts of a model; the layers must be `plain`."""
        import torch

        self.layers, self.shared, self.place = layers, casts, len(casts.groups)
        self.scaling = float(layers[0].scaling[ADAPTER])
        self.p = float(getattr(layers[0].lora_dropout[ADAPTER], "p", 0.0))
        self.weights = [m[ADAPTER].weight for layer in layers for m in (layer.lora_A, layer.lora_B)]
        self.rank = len(self.weights[0])
        to = {"dtype": dtype, "device": self.weights[0].device}
        self.a = torch.empty(self.rank * len(layers), self.weights[0].shape[1], **to)
        self.b = [torch.empty_like(b, **to) for b in self.weights[1::2]]
        self.casts = [x for pair in zip(self.a.split(self.rank), self.b, strict=True) for x in pair]
        casts.groups.append(self)

    def __call__(self, x: Any) -> tuple[Any, ...]:
        """Each layer's output, as `casts.begin` found the adapters."""
        p = self.p if self.layers[0].training else 0.0
        found: tuple[Any, ...] = _operation().apply(x, self, p, self.shared.seed + self.place, *self.weights)
        return found


def plain(layer: Any) -> bool:
    """Whether a PEFT layer is a matrix and one LoRA adapter, with nothing more to it."""
    if set(getattr(layer, "lora_A", ())) != {ADAPTER} or getattr(layer, "lora_variant", {}):
        return False
    base = layer.get_base_layer()
    four_bit = getattr(base.weight, "quant_state", None) is not None
    return layer.lora_B[ADAPTER].bias is None and (four_bit or base.weight.is_floating_point())


def weight_of(base: Any, dtype: Any) -> Any:
    """A base layer's matrix as numbers: itself, or unpacked from 4 bits."""
    if (state := getattr(base.weight, "quant_state", None)) is None:
        return base.weight.to(dtype)
    if base.weight.device.type == "cuda" and state.nested and state.quant_type == "nf4" and state.dtype == dtype:
        from evalgate.training.unpacking_triton import unpacked

        return unpacked(base.weight, state)
    from bitsandbytes.functional import dequantize_4bit

    return dequantize_4bit(base.weight.data, state).to(dtype)


@cache
def _operation() -> Any:
    import torch
    from torch.nn.functional import linear

    class LoraLinears(torch.autograd.Function):  # type: ignore[misc]
        """See the module. All products are in the input's dtype; the adapters' gradients come back in fp32."""

        @staticmethod
        def forward(ctx: Any, x: Any, group: Group, p: float, seed: int, *_: Any) -> Any:
            rows = x.reshape(-1, x.shape[-1])
            low = (dropped(rows, p, seed) if p else rows) @ group.a.t()
            found = []
            for layer, b, inner in zip(group.layers, group.b, low.split(group.rank, 1), strict=True):
                base = layer.get_base_layer()
                y = linear(rows, weight_of(base, x.dtype), base.bias)
                found.append(y.addmm_(inner, b.t()).view(*x.shape[:-1], y.shape[-1]))
            ctx.save_for_backward(rows, low)
            ctx.group, ctx.p, ctx.seed = group, p, seed
            return tuple(found)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            rows, low = ctx.saved_tensors
            group, of_low = ctx.group, torch.empty_like(low)
            flat = [grad.reshape(-1, grad.shape[-1]) for grad in grads]
            of_b = []
            for g, b, inner, out in zip(
                flat, group.b, low.split(group.rank, 1), of_low.split(group.rank, 1), strict=True
            ):
                torch.mm(g, b, out=out)
                of_b.append((g.t() @ inner).float())
            of_a = (of_low.t() @ (dropped(rows, ctx.p, ctx.seed) if ctx.p else rows)).float().mul_(group.scaling)
            of_x = _of_input(ctx, flat, of_low) if ctx.needs_input_grad[0] else None
            if of_x is not None:
                of_x = of_x.view(*grads[0].shape[:-1], of_x.shape[-1])
            pairs = zip(of_a.split(group.rank), of_b, strict=True)
            return (of_x, None, None, None, *(x for pair in pairs for x in pair))

    def _of_input(ctx: Any, flat: Sequence[Any], of_low: Any) -> Any:
        total = None
        for layer, g in zip(ctx.group.layers, flat, strict=True):
            weight = weight_of(layer.get_base_layer(), g.dtype)
            total = g @ weight if total is None else total.addmm_(g, weight)
            del weight
        if ctx.p:
            return add_dropped(total, of_low @ ctx.group.a, ctx.p, ctx.seed)
        return total.addmm_(of_low, ctx.group.a)  # type: ignore[union-attr]

    return LoraLinears
