"""What a model's own generation settings do to greedy scores, for decoding that transformers does not drive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

# Settings of a model that change greedy text, with the values that do not. `repetition_penalty` is done here.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "bad_words_ids": (),
    "begin_suppress_tokens": (),
    "dola_layers": (),
    "encoder_no_repeat_ngram_size": (0,),
    "encoder_repetition_penalty": (1.0,),
    "exponential_decay_length_penalty": (),
    "forced_bos_token_id": (),
    "forced_eos_token_id": (),
    "guidance_scale": (1.0,),
    "min_length": (0,),
    "min_new_tokens": (0,),
    "no_repeat_ngram_size": (0,),
    "num_beams": (1,),
    "penalty_alpha": (0.0,),
    "prompt_lookup_num_tokens": (),
    "remove_invalid_values": (False,),
    "sequence_bias": (),
    "suppress_tokens": (),
    "watermarking_config": (),
}


def not_done_here(settings: Any) -> str | None:
    """The first of a model's generation settings that only transformers' `generate` follows; None if there is none."""
    for name, neutral in NEUTRAL.items():
        value = getattr(settings, name, None)
        if value is not None and value not in neutral:
            return f"the model's generation settings have {name}"
    return None


class Repetition:
    """Makes tokens that the prompt or the answer holds less likely (Keskar et al. 2019), as transformers does."""

    def __init__(self, penalty: float, rows: Sequence[list[int]], then: Callable[[Any, Any], Any] | None) -> None:
        self._penalty, self._rows, self._then = penalty, rows, then
        self._held: Any = None

    def __call__(self, last: Any, scores: Any) -> Any:
        """Scores[r, v] with held tokens divided by the penalty, or multiplied where below 0."""
        import torch

        if self._held is None:
            self._held = torch.zeros_like(scores, dtype=torch.bool)
            for held, row in zip(self._held, self._rows, strict=True):
                held[torch.tensor(row, device=scores.device)] = True
        else:
            self._held.scatter_(1, last, True)
        less = torch.where(scores < 0, scores * self._penalty, scores / self._penalty)
        scores = torch.where(self._held, less, scores)
        return self._then(last, scores) if self._then else scores


def chooser(
    settings: Any, rows: Sequence[list[int]], then: Callable[[Any, Any], Any] | None
) -> Callable[[Any, Any], Any] | None:
    """What changes scores before the largest is taken: the model's repetition penalty, then a constraint."""
    penalty = getattr(settings, "repetition_penalty", None)
    return Repetition(penalty, rows, then) if penalty not in (None, 1.0) else then
