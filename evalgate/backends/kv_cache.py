"""Keys and values that grow in place, and a shared beginning that is handed to many rows.

transformers' own cache makes a new tensor for every token of every layer (`torch.cat`), which on a CPU took a fifth of
the time (docs/log.md). Layers of other kinds (sliding windows, recurrent states) are left as they are.
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any


@cache
def _growing_layer() -> Any:
    import torch
    from transformers.cache_utils import DynamicLayer

    class GrowingLayer(DynamicLayer):  # type: ignore[misc]
        """A full-attention layer with room for what is still to come; `keys` and `values` are views of it."""

        def __init__(self, room: int) -> None:
            super().__init__()
            self._room = room
            self._buffers: list[torch.Tensor] = []

        def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
            """Write behind what is there."""
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
            new = (key_states, value_states)
            n = self.get_seq_length()
            end = n + key_states.shape[-2]
            if not self._buffers or end > self._buffers[0].shape[-2]:
                self._move([t[..., :n, :] for t in self._buffers] or [t[..., :0, :] for t in new], end)
            for buffer, states in zip(self._buffers, new, strict=True):
                buffer[..., n:end, :] = states
            self.keys, self.values = (buffer[..., :end, :] for buffer in self._buffers)
            return self.keys, self.values

        def _move(self, old: list[Any], end: int) -> None:
            self._room = max(self._room, end)
            self._buffers = [t.new_empty((*t.shape[:-2], self._room, t.shape[-1])) for t in old]
            for buffer, states in zip(self._buffers, old, strict=True):
                buffer[..., : states.shape[-2], :] = states
            self.keys, self.values = (buffer[..., : old[0].shape[-2], :] for buffer in self._buffers)

        def fill(self, keys: Any, values: Any) -> None:
            """Begin with a copy of what other rows hold."""
            self.lazy_initialization(keys, values)
            self._move([keys, values], keys.shape[-2])

        def take(self, other: Any, rows: Any) -> None:
            """Begin with a copy of some rows of another such layer, room and all: one operation for each tensor."""
            n = other.get_seq_length()  # before anything changes: a layer may take rows of itself
            self.lazy_initialization(other.keys, other.values)
            self._room, self._buffers = other._room, [buffer.index_select(0, rows) for buffer in other._buffers]
            self.keys, self.values = (buffer[..., :n, :] for buffer in self._buffers)

        def batch_select_indices(self, indices: Any) -> None:
            """Keep some rows."""
            if self.get_seq_length():
                self.take(self, indices)

    return GrowingLayer


def growing_cache(config: Any, room: int) -> Any:
    """An empty cache whose full-attention layers have room for `room` tokens."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    found = DynamicCache(config=config)
    found.layers = [_growing_layer()(room) if type(layer) is DynamicLayer else layer for layer in found.layers]
    return found


def select(kept: Any, config: Any, rows: Any) -> Any:
    """A cache of some rows of `kept`, or of one row many times, with the same room; `kept` stays as it is.

    `rows` is a tensor of row numbers.
    """
    found = growing_cache(config, 0)
    for i, layer in enumerate(kept.layers):
        if hasattr(found.layers[i], "take"):
            found.layers[i].take(layer, rows)
        else:
            found.layers[i] = copy.deepcopy(layer)
            found.layers[i].batch_select_indices(rows)
    return found


def spread(kept: Any, config: Any, n_rows: int, room: int) -> Any:
    """A cache of `n_rows` rows that all begin with what the one row of `kept` holds, which stays as it is."""
    found = growing_cache(config, room)
    for i, layer in enumerate(kept.layers):
        if hasattr(found.layers[i], "fill"):  # copied once, into its place
            found.layers[i].fill(*(t.expand(n_rows, -1, -1, -1) for t in (layer.keys, layer.values)))
        else:
            found.layers[i] = copy.deepcopy(layer)
            found.layers[i].batch_repeat_interleave(n_rows)
    return found


def may_share(config: Any) -> bool:
    """Whether rows of this model may share a beginning: padding stands behind it, which only full attention ignores.

    A sliding window counts padding as tokens, and a recurrent state takes it up.
    """
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers)


class KeptPrefix:
    """Keys and values of the last shared beginning, computed once for an adapter and its tokens."""

    def __init__(self, config: Any, device: str) -> None:
        self._device = device
        self.allowed = may_share(config)
        self._kept: tuple[tuple[str | None, tuple[int, ...]], Any] | None = None

    def of(self, model: Any, adapter: str | None, prefix: list[int]) -> Any:
        """A cache of one row, never to be written to: `spread` it."""
        import torch

        key = (adapter, tuple(prefix))
        if self._kept is None or self._kept[0] != key:
            found = growing_cache(model.config, len(prefix))
            ids = torch.tensor([prefix], device=self._device)
            with torch.inference_mode():
                model(input_ids=ids, past_key_values=found, logits_to_keep=1)
            self._kept = (key, found)
        return self._kept[1]

    def forget(self) -> None:
        """Free it."""
        self._kept = None
