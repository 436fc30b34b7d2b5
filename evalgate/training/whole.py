"""A whole model's files, as it is served: weights in one precision, the base's own tokenizer and configuration."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from evalgate.core.adapter_files import CONFIG as ADAPTER_CONFIG
from evalgate.core.adapter_files import adapter_digest
from evalgate.core.artefacts import CONFIG, MODEL, WEIGHTS, is_whole, model_config, model_digest
from evalgate.core.data import Recipe
from evalgate.core.errors import EvalgateError
from evalgate.core.record import Record
from evalgate.files import write_atomic
from evalgate.training import hardware
from evalgate.training.loading import load_base
from evalgate.training.recipe import Device

# What makes texts of ids and ids of texts, and when an answer ends: the base's own files, byte for byte.
BESIDE = (
    "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.model", "*.jinja",
    "generation_config.json",
)  # fmt: skip
# Keys of a base's configuration that are not true of weights that were unpacked and stored anew.
OF_OTHER_WEIGHTS = ("torch_dtype", "quantization_config", "_name_or_path")


class Beginning(Record, frozen=True, kw_only=True):
    """Where the training of a whole model begins: the folder of the model that it starts from, and that of the base.

    `dtype` is the precision that the suite serves models in.
    """

    start: str
    base: str
    dtype: str = "auto"

    @property
    def served(self) -> str:
        """The precision that the result is stored and served in."""
        return served_dtype(hardware.device(), self.dtype)

    def load_base(self, recipe: Recipe) -> Any:
        """The base as training would begin from it."""
        return load_base(self.base, None, recipe, hardware.device())


def served_dtype(where: Device, dtype: str = "auto") -> str:
    """The precision that a whole model is stored and served in: what the suite says, else the device's own."""
    return hardware.weight_dtype(where) if dtype == "auto" else dtype


def save_model(model: Any, base: Path, folder: Path, dtype: str) -> str:
    """Write a model that was made from the one in `base`, in safetensors, and return its digest.

    The model itself is cast to `dtype`. Raises `merge-into-4-bit` for weights that are packed.
    """
    import torch

    refuse_packed(model, folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.to(getattr(torch, dtype))
    model.save_pretrained(str(folder), safe_serialization=True)
    (folder / "generation_config.json").unlink(missing_ok=True)
    for path in sorted({path for pattern in BESIDE for path in base.glob(pattern) if path.is_file()}):
        shutil.copyfile(path, folder / path.name)
    config = {k: v for k, v in model_config(base).items() if k not in OF_OTHER_WEIGHTS} | {"dtype": dtype}
    write_atomic(folder / CONFIG, json.dumps(config, indent=2, sort_keys=True).encode() + b"\n")
    return model_digest(folder)


def refuse_packed(model: Any, folder: Path) -> None:
    """Raise `merge-into-4-bit` for a model with quantised weights: what a merge adds is rounded away in them."""
    packed = [name for name, p in model.named_parameters() if not p.is_floating_point()]
    if packed:
        raise EvalgateError(
            f"{len(packed)} weights are quantised (first: {packed[0]}): merged into them, an adapter is rounded away",
            code="merge-into-4-bit",
            fix="write `merge: dequantized` or `merge: bf16` in the recipe, which unpack or reload the base",
            where=str(folder),
        )


def differs(model: Any, start: Path) -> bool | None:
    """Whether a weight, in the precision that it has now, is another than that of the model in `start`.

    Weights that the files have under other names are not looked at; None if all have.
    """
    import torch
    from safetensors import safe_open

    live, n = model.state_dict(), 0
    for path in sorted(start.glob(WEIGHTS)):
        with safe_open(str(path), framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (a handle, not a mapping)
                if (value := live.get(name)) is not None:
                    n += 1
                    if not torch.equal(file.get_tensor(name).to(value.dtype), value.detach().cpu()):
                        return True
    return False if n else None


def check_model_moved(model: Any, start: Path) -> None:
    """Raise `adapter-dead` if every weight, in the precision it is stored in, is that of the model in `start`."""
    if differs(model, start) is False:
        raise EvalgateError(
            f"the model learned nothing: all its weights in {str(model.dtype).removeprefix('torch.')} are those that "
            "training started from",
            code="adapter-dead",
            fix="check the recipe: `learning_rate` above 0, `epochs` and `max_rows` large enough for several steps",
            where=str(start),
        )


def start_digest(folder: Path) -> str:
    """The identity of what a training goes on from: an adapter's folder, or a whole model's."""
    return adapter_digest(folder) if (folder / ADAPTER_CONFIG).is_file() else model_digest(whole_folder(folder))


def whole_folder(folder: Path) -> Path:
    """Where a whole model's files lie: below the folder of the candidate that it is, or in one that someone names."""
    return folder if is_whole(folder) else folder / MODEL
