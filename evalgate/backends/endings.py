"""Where an answer ends: end tokens, stop strings, and the text that is left of generated tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalgate.backends.batching import leading
from evalgate.core.data import Sampling
from evalgate.core.results import Generation


class Verbatim(Sampling, frozen=True, kw_only=True):
    """Decoding whose text keeps the spaces around it."""


class Endings:
    """The ends of one model's answers."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        eos = model.generation_config.eos_token_id or tokenizer.eos_token_id
        self._tokenizer = tokenizer
        self.eos: list[int] = list(eos) if isinstance(eos, list) else [eos]
        self._holding: dict[str, list[int]] = {}

    def of(self, sampling: Sampling) -> tuple[list[str], list[int]]:
        """Stop strings that must be searched for, and token ids that end an answer.

        A stop of one character ends at any token that holds it, which costs nothing; longer ones can span tokens.
        """
        ids = [*self.eos]
        for mark in sampling.stop:
            if len(mark) == 1:
                ids += self._tokens_with(mark)
        return [mark for mark in sampling.stop if len(mark) > 1], ids

    def _tokens_with(self, mark: str) -> list[int]:
        if mark not in self._holding:
            texts = self._tokenizer.batch_decode([[i] for i in range(len(self._tokenizer))], skip_special_tokens=True)
            self._holding[mark] = [i for i, text in enumerate(texts) if mark in text]
        return self._holding[mark]

    def generation(
        self, ids: Sequence[int], prompt: Sequence[int], sampling: Sampling, elapsed_s: float | None
    ) -> Generation:
        """New tokens as an answer: cut at its end, `truncated` if it has none."""
        cut = next((k for k, token in enumerate(ids) if token in self.eos), None)
        text = self._tokenizer.decode(ids if cut is None else ids[:cut], skip_special_tokens=True)
        finished = cut is not None
        for mark in sampling.stop:  # before spaces are stripped: the mark may be one
            if mark in text:
                text, finished = text.partition(mark)[0], True
        pad = self._tokenizer.pad_token_id
        used = cut + 1 if cut is not None else len([token for token in ids if token != pad])
        return Generation(
            output=text if isinstance(sampling, Verbatim) else text.strip(),
            status="ok" if finished else "truncated",
            latency_s=elapsed_s,
            prompt_tokens=len(prompt),
            prompt_bos=leading(prompt, self._tokenizer.bos_token_id),
            completion_tokens=used,
        )
