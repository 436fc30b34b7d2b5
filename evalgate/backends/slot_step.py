"""One decoding step of many rows, captured once as a CUDA graph and replayed for every token.

Shapes: `s` rows of a step (a power of two), `v` the vocabulary.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from evalgate.backends.slots import Buffers, View


class Step:
    """One more token for up to `size` rows. On a GPU its second call captures it, and later ones replay it."""

    def __init__(self, model: Any, buffers: Buffers, size: int, max_used: int, device: str) -> None:
        import torch

        self._model, self._buffers, self._max_used = model, buffers, max_used
        self.tokens = torch.zeros((1, size), dtype=torch.long, device=device)
        self.positions = torch.zeros((1, size), dtype=torch.long, device=device)
        self._starts = torch.zeros(size + 1, dtype=torch.int32, device=device)
        self._queries = torch.arange(size + 1, dtype=torch.int32, device=device)
        self._graph: Any = None
        self._logits: Any = None

    def place(self, starts: Sequence[int], lengths: Sequence[int]) -> None:
        """Begin a batch: its rows' slots, and how many tokens they hold. Rows left over share the scratch place."""
        import torch

        left = self.tokens.shape[1] - len(lengths)
        self._starts.copy_(torch.tensor([*starts, *[starts[-1]] * left], dtype=torch.int32))
        self.positions.copy_(torch.tensor([[*lengths, *[0] * left]]))

    def __call__(self, stream: Any, pool: Any) -> Any:
        """Logits[s, v] of `tokens`, which now are part of their rows; overwritten by the next call."""
        if stream is None:
            return self._forward()
        if self._graph is None:
            self._capture(stream, pool)
        self._graph.replay()
        return self._logits

    def _forward(self) -> Any:
        positions = self.positions[0]
        view = View(
            buffers=self._buffers,
            places=self._starts[:-1] + positions,
            queries=self._queries,
            starts=self._starts,
            used=(positions + 1).int(),
            max_queries=1,
            max_used=self._max_used,
        )
        return self._model(input_ids=self.tokens, position_ids=self.positions, use_cache=False, slots=view).logits[0]

    def _capture(self, stream: Any, pool: Any) -> None:
        """Not `torch.cuda.graph`, which first collects garbage and empties the allocator's cache."""
        import torch

        graph = torch.cuda.CUDAGraph()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self._forward()  # lazy set-up must not be captured; the true step writes the same again
            graph.capture_begin(pool=pool, capture_error_mode="thread_local")
            try:
                self._logits = self._forward()
            except BaseException:
                with contextlib.suppress(RuntimeError):
                    graph.capture_end()
                raise
            graph.capture_end()
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = graph
