"""The two ways of decoding: in slots where they serve, otherwise transformers' `generate`."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from evalgate.backends.choosing import chooser, not_done_here
from evalgate.backends.constraints import Constraints
from evalgate.backends.decoding import greedy
from evalgate.backends.endings import Endings
from evalgate.backends.first_token import FirstToken
from evalgate.backends.kv_cache import growing_cache, spread
from evalgate.backends.slot_decoding import KEPT_BYTES, NAME, SlotDecoder
from evalgate.core.data import Sampling

Rows = list[list[int]]


class Batch(NamedTuple):
    """What is decoded at once: `Ways.answer` says what each is."""

    model: Any
    adapter: str | None
    rows: Rows
    prefix: int
    kept: Any
    sampling: Sampling
    first: FirstToken | None


class Ways:
    """How one model's text is decoded.

    Slots serve greedy answers (also constrained ones) on a GPU, or wherever `slots` is true. `generate` serves sampled
    answers, and everything if the model's settings, its layers or its graphs do not allow slots.
    """

    def __init__(self, model: Any, tokenizer: Any, endings: Endings, *, device: str, slots: bool) -> None:
        self._tokenizer, self.endings, self._device = tokenizer, endings, device
        self._settings = model.generation_config
        self._constraints = Constraints(tokenizer, int(model.config.vocab_size), endings.eos)
        self._slots = SlotDecoder(device) if slots else None
        if self._slots is not None:
            self._slots.trouble = not_done_here(self._settings)
            if self._slots.trouble is None:
                self._slots.check(model)
        self._name = NAME if self.in_slots else "generate"

    @property
    def in_slots(self) -> bool:
        """Whether greedy answers are decoded in slots."""
        return self._slots is not None and self._slots.trouble is None

    @property
    def identity(self) -> dict[str, str]:
        """`decoding` as it was settled when the model was opened; `decoding_trouble`: why slots are not used any more.

        Empty where slots were not asked for.
        """
        if self._slots is None:
            return {}
        trouble = self._slots.trouble
        return {"decoding": self._name} | ({"decoding_trouble": trouble} if trouble else {})

    def answer(
        self,
        model: Any,
        adapter: str | None,
        rows: Rows,
        prefix: int,
        kept: Any,
        sampling: Sampling,
        first: FirstToken | None = None,
    ) -> tuple[Rows, dict[int, str]]:
        """New tokens of each row, and why a row is held to nothing by its constraint any more.

        Args:
            model: with its adapter active.
            adapter: its name.
            rows: token ids of each prompt.
            prefix: how many leading tokens all rows share.
            kept: transformers' cache of these tokens.
            sampling: how to decode.
            first: is told when the first token is there.
        """
        batch = Batch(model, adapter, rows, prefix, kept, sampling, first)
        held, new = None, None
        if self.in_slots and sampling.temperature == 0:
            held = self._held(sampling)
            new = self._in_slots(batch, held)
        if new is None:
            held = self._held(sampling)  # slots may have fed the other one
            new = self._by_generate(batch, held)
        return new, held.failures() if held else {}

    def give_back(self) -> None:
        """Let go of large buffers, which other stages need; small ones keep their graphs for the next call."""
        if self._slots is not None:
            self._slots.release(above=KEPT_BYTES)

    def _held(self, sampling: Sampling) -> Any:
        return self._constraints.processor(sampling) if sampling.constraint != "none" else None

    def _in_slots(self, batch: Batch, held: Any) -> Rows | None:
        """New tokens decoded in slots; None where `generate` must answer."""
        import torch

        assert self._slots is not None
        marks, ends = self.endings.of(batch.sampling)
        try:
            return self._slots.answer(
                batch.model,
                batch.adapter,
                batch.rows,
                n_new=batch.sampling.max_tokens,
                ends=ends,
                marks=marks,
                decode=partial(self._tokenizer.decode, skip_special_tokens=True),
                kept=batch.kept,
                prefix=batch.prefix,
                choose=chooser(self._settings, batch.rows, held),
                first=batch.first,
            )
        except torch.cuda.OutOfMemoryError:  # the batch is halved, as with `generate`
            self._slots.release()
            raise
        except Exception as error:  # noqa: BLE001 - no example is lost to a way that this model does not allow
            self._slots.give_up(error)
            return None

    def _by_generate(self, batch: Batch, held: Any) -> Rows:
        """New tokens of transformers' `generate`, padded behind each row's end."""
        import torch

        prefix, sampling = batch.prefix, batch.sampling
        suffixes = [row[prefix:] for row in batch.rows]
        width = max(map(len, suffixes))
        pad = self._tokenizer.pad_token_id
        ids, mask = [], []
        for row, suffix in zip(batch.rows, suffixes, strict=True):
            gap = width - len(suffix)  # padding stands between the shared prefix and the rest
            ids.append([*row[:prefix], *[pad] * gap, *suffix])
            mask.append([*[1] * prefix, *[0] * gap, *[1] * len(suffix)])
        extra: dict[str, Any] = {"logits_processor": [held]} if held else {}
        room = prefix + width + sampling.max_tokens
        extra["past_key_values"] = (
            spread(batch.kept, batch.model.config, len(batch.rows), room)
            if prefix
            else growing_cache(batch.model.config, room)
        )
        if self._device == "cpu" and sampling.temperature == 0:
            extra["custom_generate"] = greedy
        output = batch.model.generate(
            input_ids=torch.tensor(ids, device=self._device),
            attention_mask=torch.tensor(mask, device=self._device),
            **self._settings_for(sampling, [batch.first] if batch.first else []),
            **extra,
        )
        new: Rows = output[:, prefix + width :].tolist()
        return new

    def _settings_for(self, sampling: Sampling, watching: list[FirstToken]) -> dict[str, Any]:
        import torch
        from transformers import GenerationConfig, StoppingCriteriaList, StopStringCriteria

        marks, ends = self.endings.of(sampling)
        arguments: dict[str, Any] = {
            "max_new_tokens": sampling.max_tokens,
            "do_sample": sampling.temperature > 0,
            "pad_token_id": self._tokenizer.pad_token_id,
            "eos_token_id": ends,
        }
        if sampling.temperature > 0:
            torch.manual_seed(sampling.seed)
            arguments |= {"temperature": sampling.temperature, "top_p": sampling.top_p}
        criteria = StoppingCriteriaList(watching)
        if marks:  # not as `stop_strings`: with a `custom_generate`, `generate` loses the tokenizer that they need
            criteria.append(StopStringCriteria(self._tokenizer, marks))
        return {"generation_config": GenerationConfig(**arguments), "stopping_criteria": criteria}
