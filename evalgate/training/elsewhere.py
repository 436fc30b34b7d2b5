"""What was trained elsewhere as a candidate: its files are copied as they are, and nothing is trained."""

from __future__ import annotations

import json
import shutil
from math import prod
from pathlib import Path

from evalgate.core.adapter_files import CONFIG, WEIGHTS
from evalgate.core.artefacts import CARD, MODEL, is_whole, model_files, stored_dtype, tensors_in
from evalgate.core.data import Recipe
from evalgate.core.errors import EvalgateError
from evalgate.core.results import AdapterCard
from evalgate.files import write_record
from evalgate.training.recipe import kept_digest, recipe_digest


def take_over(recipe: Recipe, *, model_path: str, revision: str | None, base_digest: str, folder: Path) -> AdapterCard:
    """Copy the adapter, or the whole model, that a recipe names, byte for byte, and write what is known of it.

    Rows, tokens, steps and seconds of its training are unknown, and 0 on its card. One that lies there is not copied
    again. Raises `not-lora`.
    """
    source, whole = Path(recipe.taken), bool(recipe.model)
    if not whole:
        refuse_other_kinds(source)
    place = folder / MODEL if whole else folder
    digest = kept_digest(source)
    if not (is_whole(place) and kept_digest(place) == digest):
        place.mkdir(parents=True, exist_ok=True)
        (folder / CARD).unlink(missing_ok=True)
        for path in model_files(place) if whole else ():
            path.unlink()
        for path in model_files(source) if whole else (source / CONFIG, source / WEIGHTS):
            shutil.copyfile(path, place / path.name)
    card = AdapterCard(
        name=recipe.name,
        base_model=model_path,
        base_revision=revision,
        base_digest=base_digest,
        adapter_digest=digest,
        train_digest="",
        recipe_digest=recipe_digest(recipe),
        seed=recipe.seed,
        n_rows=0,
        trained_tokens=0,
        n_steps=0,
        duration_s=0.0,
        peak_memory_bytes=0,
        parameters=sum(map(count_parameters, place.glob("*.safetensors"))),
        elsewhere=digest,
        kind="model" if whole else "adapter",
        dtype=stored_dtype(place) if whole else "",
    )
    write_record(folder / CARD, card)
    return card


def refuse_other_kinds(folder: Path) -> None:
    """Raise `not-lora` for an adapter of another kind than LoRA (DoRA and rsLoRA are kinds of it)."""
    kind = json.loads((folder / CONFIG).read_text()).get("peft_type")
    if kind != "LORA":
        raise EvalgateError(
            f"the adapter is of PEFT's kind {kind}, not LORA",
            code="not-lora",
            fix="give a LoRA adapter (DoRA and rsLoRA are kinds of it), or serve this one elsewhere and enter it as "
            "`kind: api` or `kind: recorded`",
            where=str(folder / CONFIG),
        )


def count_parameters(weights: Path) -> int:
    """The numbers in a safetensors file, counted from its header."""
    return sum(prod(tensor["shape"]) for tensor in tensors_in(weights).values())
