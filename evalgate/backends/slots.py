"""Keys and values of many rows, each in its own slot of one buffer a layer; attention reads what a row holds, no more.

A forward call gets the new tokens of all rows end to end, as one row without padding. So prompts of unlike length
cost nothing but themselves, and a decoding step is the same call with one token a row.

Shapes: `n` new tokens, `r` rows, `p` places of a buffer, `h` heads, `d` width of a head.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

ATTENTION = "evalgate_slots"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one forward call writes and reads.

    `places[n]` says where each new token is written. Row i brings the tokens from `queries[i]` to `queries[i + 1]` and
    reads `used[i]` places from `starts[i]` on. `spans` holds (queries, start, used) of each row where the host
    knows them, which only attention without a fused kernel needs.
    """

    buffers: Buffers
    places: Any
    queries: Any
    starts: Any
    used: Any
    max_queries: int
    max_used: int
    spans: tuple[tuple[int, int, int], ...] = ()


class Buffers:
    """Keys and values of all layers: two buffers[p, h, d] each, made when a layer first writes."""

    def __init__(self, n_places: int, *, gpu: bool) -> None:
        self.n_places, self._gpu = n_places, gpu
        self.layers: dict[int, tuple[Any, Any]] = {}

    def write(self, layer: int, keys: Any, values: Any, places: Any) -> tuple[Any, Any]:
        """Put keys[n, h, d] and values into their places; returns the layer's whole buffers."""
        if layer not in self.layers:
            self.layers[layer] = self._room(keys), self._room(values)
        held = self.layers[layer]
        held[0].index_copy_(0, places, keys)
        held[1].index_copy_(0, places, values)
        return held

    def _room(self, new: Any) -> Any:
        """Zeros[p, h, d], since what is masked is multiplied by 0, which must not meet a NaN.

        In memory they lie head by head, as in transformers' own caches.
        """
        n_heads, width = new.shape[1:]
        return new.new_zeros((n_heads, self.n_places, width)).transpose(0, 1)

    def attend(
        self, layer: int, query: Any, keys: Any, values: Any, view: View, *, scale: float | None, window: int | None
    ) -> Any:
        """Causal attention of query[n, h, d] over what its rows hold; `window` is the most tokens it looks back on."""
        held, values_held = self.write(layer, keys, values, view.places)
        if view.max_queries == 1:
            view = view if window is None else _looking_back(view, window)
            return (_fused_one_each if self._gpu else _one_each)(query, held, values_held, view, scale)
        if self._gpu and _has_flash(query):
            return _flash(query, held, values_held, view, scale, window)
        return _row_by_row(query, held, values_held, view, scale, window)


def _has_flash(query: Any) -> bool:
    import torch

    return bool(query.dtype != torch.float32 and torch.cuda.get_device_capability(query.device)[0] >= 8)


def _flash(query: Any, keys: Any, values: Any, view: View, scale: float | None, window: int | None) -> Any:
    """FlashAttention as torch carries it; `seqused_k` has no public door before torch 2.12."""
    import torch

    return torch.ops.aten._flash_attention_forward(
        query,
        keys,
        values,
        view.queries,
        view.starts,
        view.max_queries,
        view.max_used,
        0.0,
        True,
        False,
        scale=scale,
        window_size_left=-1 if window is None else window - 1,
        window_size_right=0,
        seqused_k=view.used,
    )[0]


def _looking_back(view: View, window: int) -> View:
    """One new token a row sees the last `window` places of its slot: as if the slot began there."""
    import torch

    unseen = (view.used - window).clamp(min=0)
    starts = torch.cat([view.starts[:-1] + unseen, view.starts[-1:]])
    return replace(view, starts=starts, used=view.used - unseen)


def _fused_one_each(query: Any, keys: Any, values: Any, view: View, scale: float | None) -> Any:
    """One new token a row, by torch's memory-efficient attention: 22 ms a step where flash took 27 (docs/log.md).

    Query heads that share a head of keys are handed over as so many tokens of it.
    """
    import torch

    r, h, d = query.shape
    shared = h // keys.shape[1]
    query = query.reshape(r, -1, shared, d).transpose(1, 2).reshape(1, r * shared, -1, d)
    out = torch.ops.aten._efficient_attention_forward(
        query,
        keys[None],
        values[None],
        None,
        view.queries * shared,
        view.starts,
        shared,
        view.max_used,
        0.0,
        0,
        scale=scale,
        seqlen_k=view.used,
    )[0]
    return out.reshape(r, shared, -1, d).transpose(1, 2).reshape(r, h, d)


def _one_each(query: Any, keys: Any, values: Any, view: View, scale: float | None) -> Any:
    """The same without a fused kernel: all rows are copied to the longest that one may become."""
    import torch

    offsets = torch.arange(view.max_used, device=query.device)
    places = (view.starts[:-1, None] + offsets).clamp(max=keys.shape[0] - 1)
    allowed = (offsets < view.used[:, None])[:, None, None]
    return _masked(query[:, None], keys[places], values[places], allowed, scale)[:, 0]


def _row_by_row(query: Any, keys: Any, values: Any, view: View, scale: float | None, window: int | None) -> Any:
    import torch

    out, begin = [], 0
    for n_new, start, used in view.spans:
        here = torch.arange(used - n_new, used, device=query.device)[:, None]
        before = torch.arange(used, device=query.device)
        allowed = (before <= here) & (before > here - (window or used))
        of_row = slice(start, start + used)
        row = _masked(query[None, begin : begin + n_new], keys[None, of_row], values[None, of_row], allowed, scale)
        out.append(row[0])
        begin += n_new
    return torch.cat(out)


def _masked(query: Any, keys: Any, values: Any, allowed: Any, scale: float | None) -> Any:
    """torch's attention on [r, n, h, d]; several query heads may share one head of keys."""
    import torch

    query, keys, values = (x.transpose(1, 2) for x in (query, keys, values))
    grouped = query.shape[1] != keys.shape[1]
    out = torch.nn.functional.scaled_dot_product_attention(
        query, keys, values, attn_mask=allowed, scale=scale, enable_gqa=grouped
    )
    return out.transpose(1, 2)


def _attention(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    scaling: float | None = None,
    sliding_window: int | None = None,
    slots: View | None = None,
    **more: Any,
) -> tuple[Any, None]:
    """What transformers calls in place of its own attention, with query[1, h, n, d]."""
    if slots is None or attention_mask is not None:
        raise NotImplementedError("the model brings its own mask or does not hand its arguments on")
    for name in ("softcap", "s_aux", "position_bias"):
        if more.get(name) is not None:
            raise NotImplementedError(f"attention with {name}")
    query, key, value = (x[0].transpose(0, 1) for x in (query, key, value))
    out = slots.buffers.attend(module.layer_idx, query, key, value, slots, scale=scaling, window=sliding_window)
    return out[None], None


def configs_of(model: Any) -> list[Any]:
    """The settings that a model's layers look their attention up in."""
    found = {id(m.config): m.config for m in model.modules() if hasattr(getattr(m, "config", None), "to_dict")}
    return [config for config in found.values() if hasattr(config, "_attn_implementation")]


@contextlib.contextmanager
def slot_attention(configs: list[Any]) -> Iterator[None]:
    """Let the model attend to slots; its own attention comes back at the end."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, _attention)
    before = [config._attn_implementation for config in configs]
    try:
        for config in configs:
            config._attn_implementation = ATTENTION
        yield
    finally:
        for config, name in zip(configs, before, strict=True):
            config._attn_implementation = name
