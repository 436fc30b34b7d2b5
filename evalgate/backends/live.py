"""A model in training as a backend: it answers with its weights as they are now, and without the adapter, if any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evalgate.backends.endings import Endings
from evalgate.backends.hf import HFBackend
from evalgate.backends.likelihood import Likelihood
from evalgate.backends.memory import Budget
from evalgate.backends.model_files import ModelFiles
from evalgate.backends.ways import Ways
from evalgate.core.data import ModelSpec

# The name under which the model in training answers.
LIVE = "live"
# Of one batch, all lanes together. Training holds most of a device's memory, and what is free there changes from run to
# run: batches must not, for in bf16 text may depend on them.
ROWS, TOKENS = 32, 16_384


class LiveModel(HFBackend):
    """Answers with a module that belongs to a training, for as long as that lends it."""

    def __init__(self, spec: ModelSpec, files: ModelFiles) -> None:
        super().__init__(spec, files, slots=False)
        self._memory = _Fixed(self._memory)
        self._likelihood = Likelihood(self._memory, self._prefix, self._tokenizer.pad_token_id)

    @contextmanager
    def lent(self, module: Any) -> Iterator[None]:
        """Answer with this module, in evaluation mode; afterwards it is as it was, and nothing of it is kept."""
        training, used = module.training, getattr(module.config, "use_cache", True)
        ends = Endings(module, self._tokenizer)
        self._model = module.eval()
        self._opened = Ways(module, self._tokenizer, ends, device=self.device, slots=False)
        module.config.use_cache = True
        try:
            yield
        finally:
            module.config.use_cache = used
            module.train(training)
            self.close()  # a kept beginning would be that of other weights

    @contextmanager
    def using(self, adapter: str | None) -> Iterator[Any]:
        """The module with its adapter, whatever the name, or without; a whole model has none."""
        if adapter is None and hasattr(self._model, "disable_adapter"):
            with self._model.disable_adapter():
                yield self._model
        else:
            yield self._model


class _Fixed(Budget):
    """Batches of the same size at any time, unless memory runs out."""

    def __init__(self, other: Budget) -> None:
        self.__dict__.update(other.__dict__)

    def of(self, n_lanes: int, *, copied: bool = True) -> tuple[int, int]:
        """Tokens and rows of one batch."""
        return max(1024, TOKENS // n_lanes // self._shrink), max(1, ROWS // n_lanes // self._shrink)
