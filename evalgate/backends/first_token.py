"""When the first token of a single answer was there."""

from __future__ import annotations

from typing import Any

from evalgate.core.seeds import clock


class FirstToken:
    """A stopping criterion that never stops: it notes the time when the first token is known on the device."""

    def __init__(self) -> None:
        self.at: float | None = None

    def note(self, tokens: Any) -> None:
        """Remember the time, once the device has these tokens; only the first time that it is called."""
        import torch

        if self.at is None:
            if tokens.is_cuda:
                torch.cuda.synchronize()
            self.at = clock()

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """Called by `generate` after every token with `input_ids[b, t]`; gives `[b]`, all false."""
        import torch

        self.note(input_ids)
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
