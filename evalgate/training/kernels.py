"""Faster layers for one model object: documents that never see each other, fused adapters, Liger's elementwise kernels.

Everything is set on instances, so that another model in the same process, such as the one that answers, computes as
before. A layer that is called without document boundaries does, too.
"""

from __future__ import annotations

from functools import cache, partial
from importlib.util import find_spec
from types import MethodType
from typing import Any

from evalgate.training.head_loss import head_loss
from evalgate.training.lora_linear import fuse

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")


@cache
def installed() -> bool:
    """Whether all kernels of the fast way are here: Liger's, Triton, and torch's attention over documents."""
    return all(_found(name) for name in ("triton", "liger_kernel", "torch.nn.attention.varlen"))


def _found(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def prepare(model: Any, *, n_checkpointed: int) -> None:
    """Set the fast layers of a PEFT model; its first `n_checkpointed` layers are computed again on the way back.

    The first ones, because theirs come last: what later layers kept is free by then.
    """
    from torch.utils.checkpoint import checkpoint

    for module in model.modules():
        if hasattr(module, "lora_A"):
            fuse(module)
    body = model.get_base_model().base_model
    on_cuda = next(body.parameters()).device.type == "cuda"
    if on_cuda:
        _fuse_norm(body.norm)
    for i, layer in enumerate(body.layers):
        layer.gradient_checkpointing = i < n_checkpointed
        layer._gradient_checkpointing_func = partial(checkpoint, use_reentrant=False)
        _isolate(layer.self_attn)
        if on_cuda:
            _fuse_mlp(layer.mlp)
            for norm in (layer.input_layernorm, layer.post_attention_layernorm):
                _fuse_norm(norm)


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
    return base.base_model(**body, attention_mask=unread, use_cache=False).last_hidden_state


def _isolate(attention: Any) -> None:
    """Attention inside each document only, wherever the caller says where documents begin."""
    stock = attention.forward

    def forward(
        self: Any,
        hidden_states: Any,
        position_embeddings: Any = None,
        attention_mask: Any = None,
        cu_seq_lens_q: Any = None,
        max_length_q: int = 0,
        **kwargs: Any,
    ) -> Any:
        if cu_seq_lens_q is None:
            return stock(hidden_states, position_embeddings, attention_mask, **kwargs)
        shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        query, key, value = (p(hidden_states).view(shape) for p in (self.q_proj, self.k_proj, self.v_proj))
        if hasattr(self, "q_norm"):
            query, key = self.q_norm(query), self.k_norm(key)
        query, key = _rotated(query, key, *position_embeddings)
        seen = _over_documents(query[0], key[0], value[0], cu_seq_lens_q, max_length_q, self.scaling)
        return self.o_proj(seen.reshape(1, len(seen), -1)), None

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
    if query.device.type == "cuda":
        return _varlen()(query, key, value, starts, starts, longest, longest, scale=scaling)
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    seen = []
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        part = [x[start:end].transpose(0, 1)[None] for x in (query, key, value)]
        out = scaled_dot_product_attention(*part, is_causal=True, scale=scaling, enable_gqa=True)
        seen.append(out[0].transpose(0, 1))
    return torch.cat(seen)


@cache
def _varlen() -> Any:
    """torch's kernel; how it is told to be causal, and that heads share keys, differs from version to version."""
    from inspect import signature

    from torch.nn.attention.varlen import varlen_attn

    known = signature(varlen_attn).parameters
    causal: dict[str, Any] = {"is_causal": True} if "is_causal" in known else {"window_size": (-1, 0)}
    shared: dict[str, Any] = {"enable_gqa": True} if "enable_gqa" in known else {}
    return partial(varlen_attn, **causal, **shared)


def _fuse_norm(norm: Any) -> None:
    def forward(self: Any, hidden_states: Any) -> Any:
        from liger_kernel.ops import LigerRMSNormFunction

        return LigerRMSNormFunction.apply(hidden_states, self.weight, self.variance_epsilon)

    norm.forward = MethodType(forward, norm)


def _fuse_mlp(mlp: Any) -> None:
    def forward(self: Any, x: Any) -> Any:
        from liger_kernel.ops import LigerSiLUMulFunction

        return self.down_proj(LigerSiLUMulFunction.apply(self.gate_proj(x), self.up_proj(x)))

    mlp.forward = MethodType(forward, mlp)
