"""Greedy decoding in slots: prompts without padding, then one step a token, captured once as a CUDA graph.

`generate` of transformers launches some 1,500 small kernels a token from Python and copies all keys and values each
time; here a token costs one replay, and attention reads what each row holds. Reasons and figures:
docs/decisions/0029-decoding-in-slots.md.

Shapes: `r` rows, `s` rows of a step (a power of two), `v` the vocabulary.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from evalgate.backends.first_token import FirstToken
from evalgate.backends.slot_step import Step
from evalgate.backends.slots import Buffers, View, configs_of, slot_attention
from evalgate.backends.watching import Watch

NAME = "slots-1"
# Prompts computed in one call: enough to fill a GPU, and few enough for the memory of their activations.
PREFILL_TOKENS = 8192
MIN_PLACES, PLACES_STEP = 2048, 1024
# The longest row that a step allows for, at least. Fused attention reads what there is, so that one graph serves all
# usual lengths; without a GPU that many places are copied.
MIN_SPAN = {"cuda": 2048, "cpu": 256}
# Larger buffers are given back after a call: other stages need the memory. Smaller ones keep their graphs.
KEPT_BYTES = 2 << 30
# bf16 and 4-bit kernels differ by 0.01 to 0.03 between one row and many; a wrong mask or position by 0.3 and more.
MAX_DISAGREEMENT = 0.1


class SlotDecoder:
    """Decodes batches of one model and its adapters. Where it cannot, `trouble` says why."""

    def __init__(self, device: str) -> None:
        self._device = device
        self.trouble: str | None = None
        self._buffers: Buffers | None = None
        self._steps: dict[tuple[str | None, int, int], Step] = {}
        self._stream: Any = None
        self._pool: Any = None
        self._configs: tuple[Any, list[Any]] = (None, [])

    def check(self, model: Any) -> None:
        """Compare a few logits with the model's own way; from then on `trouble` says why it must be taken, if it must.

        The model may attend otherwise than here, keep a state, or not allow a graph.
        """
        import torch

        ids = [3 + 7 * k % 200 for k in range(24)]
        rows = [ids[:20], ids[5:18]]
        given = [ids[20:], ids[18:22]]
        try:
            with torch.inference_mode(), self._attending(model):
                mine = [self._begin(model, rows, 0, None, 8)]
                step = self._step(model, None, 2, max(map(len, rows)) + 8)
                step.place(self._starts(rows, 8), [len(row) for row in rows])
                for tokens in zip(*given, strict=True):
                    step.tokens[0].copy_(torch.tensor(tokens))
                    mine.append(step(self._stream, self._pool).clone())
                    step.positions += 1
            for i, row in enumerate(rows):
                whole = torch.tensor([[*row, *given[i]]], device=self._device)
                with torch.inference_mode():
                    own = model(input_ids=whole, use_cache=False).logits[0, len(row) - 1 :].float()
                found = torch.stack([logits[i] for logits in mine]).float()
                differs = float((found - own).norm() / own.norm())
                if not differs <= MAX_DISAGREEMENT:
                    raise ArithmeticError(f"logits differ from the model's own by {differs:.2g}")
        except Exception as error:  # noqa: BLE001 - whatever a model does not support
            self.give_up(error)

    def give_up(self, error: Exception) -> None:
        """From now on the model's own way answers."""
        self.trouble = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        self.release()

    def answer(
        self,
        model: Any,
        adapter: str | None,
        rows: Sequence[list[int]],
        *,
        n_new: int,
        ends: Sequence[int],
        marks: Sequence[str],
        decode: Callable[[Sequence[int]], str],
        kept: Any = None,
        prefix: int = 0,
        choose: Callable[[Any, Any], Any] | None = None,
        first: FirstToken | None = None,
    ) -> list[list[int]]:
        """The greedy tokens of each row up to its end.

        Args:
            model: with its adapter active.
            adapter: names the graphs that hold these weights.
            rows: token ids, each at least one longer than the prefix.
            n_new: the most tokens of an answer.
            ends: token ids that end an answer.
            marks: stop strings.
            decode: text of token ids.
            kept: keys and values of the prefix that all rows share, as transformers' cache.
            prefix: its length.
            choose: from the last tokens[r, 1] and the scores[r, v] to scores with what is forbidden at -inf.
            first: is told when the first token is there.
        """
        gpu = self._device == "cuda"
        watch = Watch(len(rows), n_new, ends=frozenset(ends), marks=marks, decode=decode, gpu=gpu)
        with self._attending(model):
            logits = self._begin(model, rows, prefix, kept, n_new)
            step = self._step(model, adapter, len(rows), max(map(len, rows)) + n_new)
            step.place(self._starts(rows, n_new), [len(row) for row in rows])
            self._decode(step, logits, n_new, ends, watch, choose, first)
        return watch.answers()

    def _decode(
        self,
        step: Step,
        logits: Any,
        n_new: int,
        ends: Sequence[int],
        watch: Watch,
        choose: Any,
        first: FirstToken | None,
    ) -> None:
        """Token after token from the logits[r, v] of the prompts on, until `watch` knows that all rows have ended."""
        import torch

        n = len(logits)
        ending = torch.zeros(logits.shape[1], dtype=torch.bool, device=self._device)
        ending[[token for token in ends if token < len(ending)]] = True
        ended = torch.arange(step.tokens.shape[1], device=self._device) >= n
        for k in range(n_new):
            scores = logits[:n].float()
            chosen = (choose(step.tokens[0, :n, None], scores) if choose else scores).argmax(-1)
            if first is not None and not k:
                first.note(chosen)
            watch.put(chosen)
            ended[:n] |= ending[chosen]
            if stopped := watch.newly_stopped():
                ended[stopped] = True
            if watch.over or k + 1 == n_new:
                break
            if k:
                step.positions += 1
            step.positions[0].masked_fill_(ended, 0)  # an ended row reads one place only
            step.tokens[0, :n].copy_(chosen)
            logits = step(self._stream, self._pool)

    def release(self, *, above: int = 0) -> None:
        """Give buffers and graphs back if they hold more than `above` bytes."""
        held = self._buffers.layers.values() if self._buffers else ()
        if sum(x.numel() * x.element_size() for pair in held for x in pair) >= above:
            self._buffers, self._pool = None, None
            self._steps.clear()

    @contextlib.contextmanager
    def _attending(self, model: Any) -> Iterator[None]:
        if self._configs[0] is not model:
            self._configs = (model, configs_of(model))
        with slot_attention(self._configs[1]):
            yield

    @staticmethod
    def _starts(rows: Sequence[list[int]], n_new: int) -> list[int]:
        """Where each row's slot begins; the last one is the scratch place, behind all of them."""
        return list(accumulate((len(row) + n_new for row in rows), initial=0))

    def _step(self, model: Any, adapter: str | None, n_rows: int, longest: int) -> Step:
        """The step that serves so many rows, none of which will hold more than `longest` tokens."""
        import torch

        size, max_used = _power_of_two(n_rows), max(MIN_SPAN[self._device], _power_of_two(longest))

        if self._device == "cuda" and self._pool is None:
            self._stream = self._stream or torch.cuda.Stream()
            self._pool = torch.cuda.graph_pool_handle()
        key = (adapter, size, max_used)
        if key not in self._steps:
            assert self._buffers is not None  # `_begin` comes first
            self._steps[key] = Step(model, self._buffers, size, max_used, self._device)
        return self._steps[key]

    def _begin(self, model: Any, rows: Sequence[list[int]], prefix: int, kept: Any, n_new: int) -> Any:
        """Compute the prompts, some thousand tokens a call; returns the logits[r, v] of their last tokens."""
        import torch

        starts = self._starts(rows, n_new)
        if self._buffers is None or self._buffers.n_places <= starts[-1]:
            self.release()
            needed = starts[-1] + 1
            step = PLACES_STEP if len(rows) > 1 else _power_of_two(needed)  # single calls, which are timed, grow seldom
            n_places = max(MIN_PLACES, -(-needed // step) * step)
            self._buffers = Buffers(n_places, gpu=self._device == "cuda")
        if prefix:
            offsets = torch.arange(prefix, device=self._device)
            places = (torch.tensor(starts[:-1], device=self._device)[:, None] + offsets).flatten()
            for i, layer in enumerate(kept.layers):
                keys, values = (x[0].transpose(0, 1).repeat(len(rows), 1, 1) for x in (layer.keys, layer.values))
                self._buffers.write(i, keys, values, places)
        logits, first = [], 0
        while first < len(rows):
            last, n = first + 1, len(rows[first]) - prefix
            while last < len(rows) and n + len(rows[last]) - prefix <= PREFILL_TOKENS:
                n += len(rows[last]) - prefix
                last += 1
            logits.append(self._prefill(model, rows[first:last], prefix, starts[first : last + 1]))
            first = last
        return torch.cat(logits)

    def _prefill(self, model: Any, rows: Sequence[list[int]], prefix: int, starts: Sequence[int]) -> Any:
        import torch

        def put(values: Sequence[int], kind: Any = torch.long) -> Any:
            return torch.tensor(values, dtype=kind, device=self._device)

        assert self._buffers is not None
        lengths = [len(row) for row in rows]
        ends = list(accumulate((length - prefix for length in lengths), initial=0))
        positions = put([k for length in lengths for k in range(prefix, length)])
        of_row = torch.repeat_interleave(put(starts[:-1]), put([length - prefix for length in lengths]))
        view = View(
            buffers=self._buffers,
            places=of_row + positions,
            queries=put(ends, torch.int32),
            starts=put(starts, torch.int32),
            used=put(lengths, torch.int32),
            max_queries=max(max(lengths) - prefix, 2),
            max_used=max(lengths),
            spans=tuple((length - prefix, start, length) for length, start in zip(lengths, starts, strict=False)),
        )
        return model(
            input_ids=put([token for row in rows for token in row[prefix:]])[None],
            position_ids=positions[None],
            use_cache=False,
            logits_to_keep=put(ends[1:]) - 1,
            slots=view,
        ).logits[0]


def _power_of_two(n: int) -> int:
    return 1 << (n - 1).bit_length()
