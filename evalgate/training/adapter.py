"""Adapter files: saved in one canonical form, identified by their bytes, checked for life."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evalgate.core.adapter_files import CONFIG, adapter_digest
from evalgate.core.artefacts import noun
from evalgate.core.errors import EvalgateError
from evalgate.files import write_atomic


def save_adapter(model: Any, folder: Path, *, base: str, revision: str | None) -> str:
    """Write weights and canonical configuration, and return the adapter's digest."""
    folder.mkdir(parents=True, exist_ok=True)
    # DPO's frozen copy is no part of what was trained.
    model.save_pretrained(
        str(folder), safe_serialization=True, save_embedding_layers=False, selected_adapters=["default"]
    )
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card; ours is card.json
    canonicalise(folder / CONFIG, base=base, revision=revision)
    return adapter_digest(folder)


def canonicalise(path: Path, *, base: str, revision: str | None) -> None:
    """Rewrite an adapter's configuration: keys and lists sorted, the base named absolutely, with its revision."""
    config = json.loads(path.read_text())
    config = {k: sorted(v) if isinstance(v, list) and _strings(v) else v for k, v in config.items()}
    config["base_model_name_or_path"] = str(Path(base).resolve()) if Path(base).exists() else base
    config["revision"] = revision
    config["inference_mode"] = True
    write_atomic(path, json.dumps(config, indent=2, sort_keys=True).encode() + b"\n")


def check_alive(model: Any, where: str) -> int:
    """Count the trained parameters.

    Raises: `training-diverged` if one is not finite, `adapter-dead` if no LoRA B matrix left zero.
    """
    import torch

    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    moved = [bool(p.any()) for name, p in trained.items() if "lora_B" in name]
    if not all(bool(torch.isfinite(p).all()) for p in trained.values()):
        raise diverged(f"the {noun('adapter' if moved else 'model')}'s weights are not finite", where)
    if moved and not any(moved):
        raise EvalgateError(
            "the adapter learned nothing: all its B matrices are still zero",
            code="adapter-dead",
            fix="check the recipe: `learning_rate` above 0, `epochs` and `max_rows` large enough for several steps",
            where=where,
        )
    return sum(p.numel() for p in trained.values())


def diverged(what: str, where: str) -> EvalgateError:
    """The error for a training whose numbers left the finite ones."""
    return EvalgateError(
        f"training diverged: {what}",
        code="training-diverged",
        fix="lower `learning_rate` in the recipe (half of it is a good next try) and train again",
        where=where,
    )


def _strings(values: list[Any]) -> bool:
    return all(isinstance(v, str) for v in values)
