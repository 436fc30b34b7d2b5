"""The weights that a training was looked at with: shown as they are served, kept beside its checkpoints, given back."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from evalgate.core.record import digest_bytes
from evalgate.training.start import restore
from evalgate.training.whole import Beginning, differs


class Snapshots(Protocol):
    """The weights of one stage's looks."""

    def begin(self, model: Any) -> None:
        """Remember what the stage starts from."""

    def shown(self, model: Any) -> Any:
        """A context in which the model has the weights that it would be served with."""

    def moved(self, model: Any) -> bool:
        """Whether a shown model's weights are others than those that the stage started from."""

    def keep(self, model: Any, step: int) -> None:
        """Write a shown model's weights."""

    def drop(self, held: Collection[int]) -> None:
        """Forget the weights of all steps but those that may yet be chosen."""

    def give_back(self, model: Any, step: int) -> None:
        """Give the live model the weights of a step."""


def adapter_folder(folder: Path, step: int) -> Path:
    """Where the adapter lies as it was after a step."""
    return folder / f"adapter-{step}"


class AdapterSnapshots:
    """Adapters of all looks: they are small, and are shown as they are."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._begun = folder, ""

    def begin(self, model: Any) -> None:
        """See the protocol."""
        self._begun = _fingerprint(model)

    @contextmanager
    def shown(self, model: Any) -> Iterator[None]:
        """See the protocol."""
        yield

    def moved(self, model: Any) -> bool:
        """See the protocol."""
        return not self._begun or _fingerprint(model) != self._begun

    def keep(self, model: Any, step: int) -> None:
        """See the protocol."""
        model.save_pretrained(
            str(adapter_folder(self._folder, step)),
            safe_serialization=True,
            save_embedding_layers=False,
            selected_adapters=["default"],
        )

    def drop(self, held: Collection[int]) -> None:
        """All stay."""

    def give_back(self, model: Any, step: int) -> None:
        """See the protocol."""
        restore(model, adapter_folder(self._folder, step))


class ModelSnapshots:
    """Whole models in the precision that they are stored and served in.

    That copy takes the place of the gradients: the Trainer has dropped them when it calls back after a step, so looking
    needs no more memory than training.

    Args:
        folder: Where the files go.
        beginning: What the stage starts from, and how its result is served; None where nobody looks.
    """

    def __init__(self, folder: Path, beginning: Beginning | None) -> None:
        self._folder, self._beginning = folder, beginning

    def begin(self, model: Any) -> None:
        """Nothing: the start lies in its files."""

    @contextmanager
    def shown(self, model: Any) -> Iterator[None]:
        """See the protocol; afterwards the parameters have their very tensors again."""
        import torch

        if self._beginning is None:
            yield
            return
        kind = getattr(torch, self._beginning.served)
        held = [(p, p.data) for p in model.parameters() if p.is_floating_point() and p.dtype != kind]
        try:
            for parameter, data in held:
                parameter.data = data.to(kind)
            yield
        finally:
            for parameter, data in held:
                parameter.data = data

    def moved(self, model: Any) -> bool:
        """See the protocol."""
        return self._beginning is None or differs(model, Path(self._beginning.start)) is not False

    def keep(self, model: Any, step: int) -> None:
        """See the protocol."""
        from safetensors.torch import save_file

        self._folder.mkdir(parents=True, exist_ok=True)
        save_file({name: p.detach().cpu().contiguous() for name, p in model.named_parameters()}, self._of(step))

    def drop(self, held: Collection[int]) -> None:
        """See the protocol."""
        kept = {self._of(step) for step in held}
        for path in self._folder.glob(self._of("*").name):
            if path not in kept:
                path.unlink()

    def give_back(self, model: Any, step: int) -> None:
        """See the protocol; a wider live precision holds the stored values exactly."""
        import torch
        from safetensors import safe_open

        with safe_open(str(self._of(step)), framework="pt") as file, torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(file.get_tensor(name))

    def _of(self, step: int | str) -> Path:
        return self._folder / f"model-{step}.safetensors"


def _fingerprint(model: Any) -> str:
    """A digest of the trained B matrices, which begin as zeros or as a file has them; empty if there are none."""
    found = [p for name, p in model.named_parameters() if p.requires_grad and "lora_B" in name]
    return digest_bytes(*(p.detach().float().cpu().numpy().tobytes() for p in found)) if found else ""
