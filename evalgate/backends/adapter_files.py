"""Whether an adapter's files belong to the base that is to carry them: checked before they are loaded."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from evalgate.backends.model_files import ModelFiles
from evalgate.core.errors import EvalgateError

CARD, CONFIG, WEIGHTS = "card.json", "adapter_config.json", "adapter_model.safetensors"


def check_adapter(folder: Path, model_id: str, files: ModelFiles) -> dict[str, Any]:
    """The adapter's configuration if its base is this one; by the card's digest, without a card by name and revision.

    Raises `adapter-missing`, or `adapter-other-base`.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise EvalgateError(
                f"the adapter has no {name}",
                code="adapter-missing",
                fix="give a folder that PEFT's `save_pretrained` wrote, with weights in safetensors",
                where=str(folder),
            )
    config: dict[str, Any] = _read(folder / CONFIG)
    card = _read(folder / CARD) if (folder / CARD).is_file() else {}
    if card.get("base_digest"):
        if card["base_digest"] != files.digest:
            raise _other(folder, f"base of digest {card['base_digest'][:12]}", f"digest {files.digest[:12]}")
        return config
    named, revision = str(config.get("base_model_name_or_path") or ""), config.get("revision")
    if named and _name(named) not in (_name(model_id), _name(files.path)):
        raise _other(folder, f"base '{named}'", f"'{model_id}'")
    if revision and files.revision and revision != files.revision:
        raise _other(folder, f"revision '{revision}' of the base", f"revision '{files.revision}'")
    return config


def live_name(name: str) -> str:
    """An adapter's name within the model: torch takes no dots in it, and PEFT not its own `lora_`."""
    return "a:" + name.replace(".", "%").replace("lora_", "lora%_")


def load_into(model: Any, name: str, folder: str, *, first: bool) -> Any:
    """The live model with one more adapter: a PeftModel from the first one on."""
    from peft import PeftModel

    with warnings.catch_warnings():  # PEFT asks transformers 5 by an older name
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        if first:
            return PeftModel.from_pretrained(model, folder, adapter_name=live_name(name))
        model.load_adapter(folder, adapter_name=live_name(name))
    return model


def unfit(folder: str, error: Exception) -> EvalgateError:
    """The error for weights that the base has no layers for, such as another size of the same family."""
    first = " ".join(str(error).split())[:200]
    return EvalgateError(
        f"the adapter's weights do not fit the base: {first}",
        code="adapter-unfit",
        fix="serve the base that the adapter was trained on (`base_model_name_or_path` in its adapter_config.json)",
        where=folder,
    )


def _other(folder: Path, trained: str, served: str) -> EvalgateError:
    return EvalgateError(
        f"the adapter was trained on {trained}, but {served} is to carry it",
        code="adapter-other-base",
        fix="give the adapter's own base in suite.yaml (`model.id`, `model.revision`), or train it anew on this one; "
        "if it is the same model under another name, correct the adapter's adapter_config.json",
        where=str(folder / CONFIG),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise EvalgateError(
            f"{path.name} is not JSON: {error}",
            code="adapter-missing",
            fix="give a folder that PEFT's `save_pretrained` wrote, with weights in safetensors",
            where=str(path),
        ) from None
    return found if isinstance(found, dict) else {}


def _name(base: str) -> str:
    """The last part of a hub id or path, whoever keeps the copy."""
    return base.rstrip("/").rpartition("/")[2].lower()
