"""Training that goes on from an adapter: its exact weights, whatever the libraries round, and whether they moved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evalgate.core.adapter_files import CONFIG, WEIGHTS
from evalgate.core.data import Recipe
from evalgate.core.errors import EvalgateError, UsageError

# PEFT's name for the adapter of a model that has one, and TRL's for the frozen copy that DPO compares with.
TRAINED, REFERENCE = "default", "ref"


def continued(base: Any, folder: Path, recipe: Recipe) -> Any:
    """The base with the adapter of a folder, ready to be trained on. Raises `bad-start`."""
    from peft import PeftModel

    config = json.loads((folder / CONFIG).read_text())
    if bool(config.get("use_dora")) != (recipe.method == "dora" or bool(recipe.overrides.get("use_dora"))):
        is_dora = bool(config.get("use_dora"))
        raise UsageError(
            f"recipe '{recipe.name}' is of `method: {recipe.method}`, but goes on from an adapter "
            f"{'with' if is_dora else 'without'} DoRA's magnitudes",
            code="bad-start",
            fix="write `method: dora`" if is_dora else "write `method: lora` or `method: qlora`",
            where=recipe.path or str(folder),
        )
    return PeftModel.from_pretrained(base, str(folder), is_trainable=True)


def restore(model: Any, folder: Path) -> None:
    """Give the trained adapter, and DPO's frozen copy of it, the file's own values again.

    TRL casts adapters on 4-bit bases to bf16 when a trainer is made. A fresh adapter loses little by it; one that was
    trained loses what the last steps of fp32 had learned, and DPO would start away from its reference.
    """
    import torch
    from safetensors.torch import load_file

    saved, found = load_file(folder / WEIGHTS), 0
    parameters = dict(model.named_parameters())
    for adapter in (TRAINED, REFERENCE):
        for name, parameter in parameters.items():
            if f".{adapter}" in name and (value := saved.get(_saved_name(name, adapter))) is not None:
                parameter.data = value.to(device=parameter.device, dtype=torch.float32).clone()
                found += adapter == TRAINED
    if found != len(saved):
        raise EvalgateError(
            f"{len(saved) - found} of the {len(saved)} weights of the adapter to go on from have no place in the base",
            code="bad-start",
            fix="go on from a LoRA adapter of this base: `evalgate validate` names the base in suite.yaml",
            where=str(folder),
        )


def check_moved(model: Any, folder: Path) -> None:
    """Raise `adapter-dead` if training left every weight as it was in the folder that it started from."""
    import torch
    from safetensors.torch import load_file

    saved = load_file(folder / WEIGHTS)
    for name, parameter in model.named_parameters():
        value = saved.get(_saved_name(name, TRAINED)) if parameter.requires_grad else None
        if value is not None and not torch.equal(parameter.detach().cpu().float(), value.float()):
            return
    raise EvalgateError(
        "the adapter learned nothing: all its weights are those that training started from",
        code="adapter-dead",
        fix="check the recipe: `learning_rate` above 0, `epochs` and `max_rows` large enough for several steps",
        where=str(folder),
    )


def _saved_name(name: str, adapter: str) -> str:
    """A live parameter's name as PEFT writes it: without the adapter's own name, DoRA's magnitudes without `weight`."""
    if name.endswith(f"lora_magnitude_vector.{adapter}.weight"):
        return name.removesuffix(f".{adapter}.weight")
    return name.replace(f".{adapter}", "", 1) if name.endswith(f".{adapter}") else name.replace(f".{adapter}.", ".", 1)
