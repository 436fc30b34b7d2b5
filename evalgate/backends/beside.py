"""The shared base with its adapters, and whole models beside it: each answers from weights of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from evalgate.backends.model_files import ModelFiles
from evalgate.cache.keys import Answerer, Keyed
from evalgate.core.artefacts import artefact_digest, is_whole, stored_dtype
from evalgate.core.data import ModelSpec
from evalgate.core.protocols import Completes, LocalBackend, Request, Scored
from evalgate.core.results import Generation

Opens = Callable[[ModelSpec, ModelFiles], LocalBackend]


class Beside:
    """A backend to which whole models can be added as adapters are, under a name.

    The base stays open. Of the others one is open at a time, the one that was asked last; `together` keeps several.

    Args:
        base: Answers without an adapter and with every adapter.
        opens: Opens a whole model's files.
    """

    def __init__(self, base: LocalBackend, opens: Opens | None = None) -> None:
        self.base = base
        self._opens = opens or _open
        self._models: dict[str, tuple[ModelSpec, ModelFiles]] = {}
        self._open: dict[str, LocalBackend] = {}
        self._kept: frozenset[str] = frozenset()
        self._closed_s = 0.0

    @property
    def identity(self) -> dict[str, str]:
        """The base's: that of a whole model stands on its card."""
        return self.base.identity

    @property
    def module(self) -> Any:
        """The base's live module."""
        return self.base.module

    @property
    def tokenizer(self) -> Any:
        """The base's tokenizer, which whole models share."""
        return self.base.tokenizer

    @property
    def load_s(self) -> float:
        """Seconds in which models were opened so far."""
        live = (self.base, *self._open.values())
        return self._closed_s + sum(float(getattr(backend, "load_s", 0.0)) for backend in live)

    def add_adapter(self, name: str, folder: str) -> None:
        """Make an adapter, or the whole model in a folder, available under a name.

        A whole model answers in the precision that its weights are stored in. Adding one twice changes nothing.
        """
        path = Path(folder)
        if not is_whole(path):
            self.base.add_adapter(name, folder)
        elif name not in self._models:
            files = ModelFiles(path=str(path.resolve()), revision=None, digest=artefact_digest(path))
            self._models[name] = ModelSpec(id=str(path), dtype=stored_dtype(path)), files

    @property
    def open_models(self) -> list[str]:
        """The whole models that are open now."""
        return [*self._open]

    @contextlib.contextmanager
    def together(self, names: Collection[str]) -> Iterator[None]:
        """Keep these open side by side, as interleaved timing needs them."""
        self._kept = frozenset(names)
        try:
            yield
        finally:
            self._kept = frozenset()
            self._close_others("")

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """Leave memory to a training: whole models are closed, the base rests if it can."""
        self._close_others("")
        with getattr(self.base, "resting", contextlib.nullcontext)():
            yield

    def answerer(self, adapter: str | None) -> Answerer | None:
        """What answers under a name, by digests."""
        backend, inner = self._of(adapter)
        return backend.answerer(inner) if isinstance(backend, Keyed) else None

    def prompt_ids(self, request: Request) -> list[int]:
        """The token ids that the models are given: all have the base's tokenizer."""
        return self.base.prompt_ids(request) if isinstance(self.base, Keyed) else []

    def generate(self, requests: Sequence[Request], *, adapter: str | None = None) -> Iterator[tuple[int, Generation]]:
        """Answer requests as the one that is asked does."""
        backend, inner = self._of(adapter)
        yield from backend.generate(requests, adapter=inner)

    def loglikelihood(self, pairs: Sequence[tuple[str, str]], *, adapter: str | None = None) -> list[float]:
        """The natural-log likelihood of each continuation after its context."""
        backend, inner = self._of(adapter)
        return backend.loglikelihood(pairs, adapter=inner)

    def score_tokens(self, pairs: Sequence[tuple[list[int], list[int]]], *, adapter: str | None = None) -> list[Scored]:
        """The likelihood of token ids after token ids."""
        backend, inner = self._of(adapter)
        return backend.score_tokens(pairs, adapter=inner)

    def complete(
        self, rows: list[list[int]], *, max_tokens: int, stop: tuple[str, ...], adapter: str | None = None
    ) -> Iterator[tuple[int, Generation]]:
        """Greedy text after each row."""
        backend, inner = self._of(adapter)
        assert isinstance(backend, Completes)  # beside transformers alone (see `refuse_beside`)
        yield from backend.complete(rows, max_tokens=max_tokens, stop=stop, adapter=inner)

    @contextlib.contextmanager
    def using(self, adapter: str | None) -> Iterator[Any]:
        """The live module of a whole model, or the base's with one adapter active, or with none."""
        backend, inner = self._of(adapter)
        with backend.using(inner) as module:
            yield module

    def close_models(self) -> None:
        """Free the whole models; the base stays open."""
        self._close_others("")

    def close(self) -> None:
        """Free all models, the base too."""
        self.close_models()
        self.base.close()

    def _of(self, adapter: str | None) -> tuple[LocalBackend, str | None]:
        """Who answers under a name, and under which name there; a whole model is opened for it."""
        if adapter is None or adapter not in self._models:
            return self.base, adapter
        if adapter not in self._open:
            if adapter not in self._kept:
                self._close_others(adapter)
            self._open[adapter] = self._opens(*self._models[adapter])
        return self._open[adapter], None

    def _close_others(self, name: str) -> None:
        for other in [each for each in self._open if each != name and each not in self._kept]:
            backend = self._open.pop(other)
            self._closed_s += float(getattr(backend, "load_s", 0.0))
            backend.close()
            del backend
        _free()


def _open(spec: ModelSpec, files: ModelFiles) -> LocalBackend:
    from evalgate.backends.hf import HFBackend

    return HFBackend(spec, files)


def _free() -> None:
    """Give the device the memory back of what was closed."""
    import gc
    import sys

    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
