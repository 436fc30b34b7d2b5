"""Faster layers for one model object: documents that never see each other, fused adapters, Liger's elementwise kernels.

Everything is set on instances, so that another model in the same process, such as the one that answers, computes as
before. A layer that is called without document boundaries does, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.util import find_spec
from types import MethodType
from typing import Any

from evalgate.training.collective import place
from evalgate.training.head_loss import head_loss
from evalgate.training.lora_linear import Casts, Group, plain

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")


@cache
def installed() -> bool:
    """Whether all kernels of the fast way are here: Liger's, and Triton for our own."""
    return all(_found(name) for name in ("triton", "liger_kernel"))


def _found(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def prepare(model: Any, *, n_checkpointed: int) -> None:
    """Set the fast layers of a PEFT model; its first `n_checkpointed` layers are computed again on the way back.

    The first ones, because theirs come last: what later layers kept is free by then. Seeds of dropout are drawn before
    the layers, so that no generator's state is kept for them.
    """
    from torch.utils.checkpoint import checkpoint

    body = model.get_base_model().base_model
    body.casts = casts = Casts(*place())
    on_cuda = body.norm.weight.device.type == "cuda"
    if on_cuda:
        _fuse_norm(body.norm)
    for i, layer in enumerate(body.layers):
        layer.gradient_checkpointing = i < n_checkpointed
        layer._gradient_checkpointing_func = partial(checkpoint, use_reentrant=False, preserve_rng_state=False)
        _isolate(layer.self_attn, casts, body.norm.weight.dtype)
        _fuse_mlp(layer.mlp, casts, body.norm.weight.dtype)
        if on_cuda:
            for norm in (layer.input_layernorm, layer.post_attention_layernorm):
                _fuse_norm(norm)


def _together(layers: Sequence[Any], casts: Casts, dtype: Any) -> Callable[[Any], Sequence[Any]]:
    """Matrices of one input as one operation, where each is a plain LoRA layer; else one after the other."""
    if all(plain(layer) for layer in layers):
        return Group(layers, casts, dtype)
    return lambda x: [layer(x) for layer in layers]


def packed_loss(base: Any, inputs: dict[str, Any], n_items: Any) -> Any:
    """Mean negative log-likelihood over supervised tokens of the documents that `packing.collate` made."""
    hidden = packed_hidden(base, inputs)[0, inputs["predicts"]]
    labels = inputs["labels"][0, inputs["predicts"] + 1]
    total = head_loss(hidden, base.get_output_embeddings(), labels)
    return total / (max(1, len(labels)) if n_items is None else n_items)


def packed_hidden(base: Any, inputs: dict[str, Any]) -> Any:
    """Last hidden states of documents side by side.

    transformers takes a mask of four axes as it is, so that none over all pairs of tokens is made; nobody reads it.
    """
    ids = inputs["input_ids"]
    body = {name: inputs[name] for name in ("input_ids", "position_ids", "cu_seq_lens_q", "max_length_q")}
    unread = ids.new_empty((1, 1, 1, 0))
    base.base_model.casts.begin()
    return base.base_model(**body, attention_mask=unread, use_cache=False).last_hidden_state


def _isolate(attention: Any, casts: Casts, dtype: Any) -> None:
    """Attention inside each document only, wherever the caller says where documents begin."""
    stock = attention.forward
    inward = _together([attention.q_proj, attention.k_proj, attention.v_proj], casts, dtype)
    outward = _together([attention.o_proj], casts, dtype)

    def forward(
        self: Any,
        hidden_states: Any,
        position_embeddings: Any = None,
        attention_mask: Any = None,
        cu_seq_lens_q: Any = None,
        max_length_q: int = 0,
        **kwargs: Any,
    ) -> Any:
        casts.packed = cu_seq_lens_q is not None
        if cu_seq_lens_q is None:
            return stock(hidden_states, position_embeddings, attention_mask, **kwargs)
        shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        query, key, value = (x.view(shape) for x in inward(hidden_states))
        if hasattr(self, "q_norm"):
            query, key = self.q_norm(query), self.k_norm(key)
        query, key = _rotated(query, key, *position_embeddings)
        query, key, value = (x.reshape(-1, *x.shape[2:]) for x in (query, key, value))
        seen = _over_documents(query, key, value, cu_seq_lens_q, max_length_q, self.scaling)
        return outward(seen.view(1, len(seen), -1))[0], None

    attention.forward = MethodType(forward, attention)


def _rotated(query: Any, key: Any, cos: Any, sin: Any) -> tuple[Any, Any]:
    """Rotary positions of tensors of shape (1, tokens, heads, width)."""
    if query.device.type == "cuda":
        from liger_kernel.ops import LigerRopeFunction

        query, key = LigerRopeFunction.apply(query.transpose(1, 2), key.transpose(1, 2), cos, sin)
        return query.transpose(1, 2), key.transpose(1, 2)
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    found: tuple[Any, Any] = apply_rotary_pos_emb(query, key, cos, sin, unsqueeze_dim=2)
    return found


def _over_documents(query: Any, key: Any, value: Any, starts: Any, longest: int, scaling: float) -> Any:
    """Causal attention inside each document; tensors of shape (tokens, heads, width), heads may share keys."""
    import torch

    if query.device.type == "cuda":
        # As `torch.nn.attention.varlen` does, whose own custom operator costs Python twice as long.
        attend = torch.ops.aten._flash_attention_forward
        return attend(query, key, value, starts, starts, longest, longest, 0.0, True, False, scale=scaling)[0]
    from torch.nn.functional import scaled_dot_product_attention

    seen = []
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        q, k, v = (x[start:end].transpose(0, 1)[None] for x in (query, key, value))
        out = scaled_dot_product_attention(q, k, v, is_causal=True, scale=scaling, enable_gqa=True)
        seen.append(out[0].transpose(0, 1))
    return torch.cat(seen)


def _fuse_norm(norm: Any) -> None:
    def forward(self: Any, hidden_states: Any) -> Any:
        from liger_kernel.ops import LigerRMSNormFunction

        return LigerRMSNormFunction.apply(hidden_states, self.weight, self.variance_epsilon)

    norm.forward = MethodType(forward, norm)


def _fuse_mlp(mlp: Any, casts: Casts, dtype: Any) -> None:
    stock, inward = mlp.forward, _together([mlp.gate_proj, mlp.up_proj], casts, dtype)
    outward = _together([mlp.down_proj], casts, dtype)

    def forward(self: Any, x: Any) -> Any:
        if not casts.packed:
            return stock(x)
        gate, up = inward(x)
        if x.device.type != "cuda":
            return outward(self.act_fn(gate) * up)[0]
        from liger_kernel.ops import LigerSiLUMulFunction

        return outward(LigerSiLUMulFunction.apply(gate, up))[0]

    mlp.forward = MethodType(forward, mlp)
