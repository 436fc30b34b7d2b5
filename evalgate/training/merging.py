"""An adapter merged into its base by a stated policy, never into 4-bit weights, and held to the adapter itself."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import replace

from evalgate.core.artefacts import Parity, is_whole, model_digest
from evalgate.core.data import Recipe
from evalgate.core.errors import EvalgateError
from evalgate.core.record import Record
from evalgate.core.results import AdapterCard
from evalgate.files import read_record, write_record
from evalgate.training import hardware
from evalgate.training.data import TrainRow, ordered, rows_of_tokens
from evalgate.training.loading import load_base, load_tokenizer
from evalgate.training.parity import N_PROMPTS, N_TOKENS, compared, parity_of, reference
from evalgate.training.quiet import quiet
from evalgate.training.recipe import Device
from evalgate.training.whole import save_model, served_dtype

NF4 = "nf4"
Role = Literal["trained", "served", "both"]
MERGED_FIX = "delete it and run again: the adapter is merged anew"


class Served(Record, frozen=True, kw_only=True):
    """How the suite serves its base: what the adapter beside it is compared in, and the merged model stored in."""

    dtype: str = "auto"
    quantization: str = "none"


def merged(
    recipe: Recipe,
    card: AdapterCard,
    rows: Sequence[TrainRow],
    *,
    policy: Literal["dequantized", "bf16"],
    adapter: Path,
    folder: Path,
    record: Path,
    served: Served,
) -> AdapterCard:
    """Merge the adapter of `card` into its base, write the model, and hold what was written to the adapter.

    Args:
        recipe: How the adapter was trained: it says whether its base had 4 bits.
        card: The adapter's.
        rows: Dev rows, whose prompts both are asked.
        policy: `dequantized`: into the base as training held it, 4-bit weights unpacked; `bf16`: into the base in bf16.
        adapter: The adapter's folder.
        folder: Where the merged model goes.
        record: Where its card goes, last; one of the same merge is returned as it is.
        served: How the suite serves the base.

    Raises: `merge-into-4-bit`, `merge-unmeasured` where no dev prompt fits.
    """
    where = hardware.device()
    dtype = "bfloat16" if policy == "bf16" else served_dtype(where, served.dtype)
    if (known := _known(record, folder, card, policy, dtype)) is not None:
        return known
    base = Path(card.base_model)
    with quiet():
        answered = [
            (beside, role, reference(model, _prompts(model, card, recipe, rows), _ends(model)))
            for beside, role in _bases(recipe, where, served)
            for model in _beside(recipe, card, adapter, beside, where)
        ]
        digest = ""
        for model in _merged(recipe, card, adapter, policy, where):
            digest = save_model(model, base, folder, dtype)
        parity: list[Parity] = []
        for model in _saved(folder, where):
            parity = [parity_of(compared(model, known), beside, role) for beside, role, known in answered]
    made = replace(
        card,
        adapter_digest=digest,
        merged_from=card.adapter_digest,
        kind="model",
        dtype=dtype,
        merge=policy,
        parity=tuple(parity),
    )
    write_record(record, made)
    return made


def _known(record: Path, folder: Path, card: AdapterCard, policy: str, dtype: str) -> AdapterCard | None:
    """The card of this very merge if it was made before and its files are still those."""
    if not record.exists():
        return None
    try:
        known = read_record(record, AdapterCard, fix=MERGED_FIX)
    except EvalgateError:
        return None  # written by another version
    same = (known.merged_from, known.merge, known.dtype) == (card.adapter_digest, policy, dtype)
    return known if same and is_whole(folder) and model_digest(folder) == known.adapter_digest else None


def _bases(recipe: Recipe, where: Device, served: Served) -> list[tuple[str, Role]]:
    """The precisions of the bases that the adapter lies beside: in training, and as it is served.

    How an adapter from elsewhere was trained is unknown.
    """
    trained = NF4 if recipe.method == "qlora" else hardware.weight_dtype(where)
    run = NF4 if served.quantization == NF4 else served_dtype(where, served.dtype)
    if recipe.taken:
        return [(run, "served")]
    return [(run, "both")] if run == trained else [(trained, "trained"), (run, "served")]


def _base(recipe: Recipe, card: AdapterCard, beside: str, where: Device) -> Any:
    import torch

    method: Literal["qlora", "lora"] = "qlora" if beside == NF4 else "lora"
    model = load_base(card.base_model, card.base_revision, replace(recipe, method=method), where)
    if beside != NF4:
        return model.to(getattr(torch, beside))
    for module in model.modules():  # training may multiply in bf16 on a CPU, where models are served in float32
        if hasattr(module, "compute_dtype"):
            module.compute_dtype = getattr(torch, hardware.weight_dtype(where))
    return model


def _beside(recipe: Recipe, card: AdapterCard, adapter: Path, beside: str, where: Device) -> Iterator[Any]:
    """One model, freed before anything else is loaded."""
    from peft import PeftModel

    model = PeftModel.from_pretrained(_base(recipe, card, beside, where), str(adapter)).eval()
    yield model
    del model
    _free()


def _merged(recipe: Recipe, card: AdapterCard, adapter: Path, policy: str, where: Device) -> Iterator[Any]:
    """The base with the adapter merged in float32, which rounds once, when the model is stored."""
    import torch
    from peft import PeftModel

    if policy == "bf16":
        base = _base(recipe, card, "bfloat16", where)
    else:
        base = _base(recipe, card, NF4 if recipe.method == "qlora" else hardware.weight_dtype(where), where)
        if recipe.method == "qlora":
            base = base.dequantize(dtype=torch.float32)
    model = PeftModel.from_pretrained(base.to(torch.float32), str(adapter)).merge_and_unload(safe_merge=True)
    yield model
    del base, model
    _free()


def _saved(folder: Path, where: Device) -> Iterator[Any]:
    """The artefact itself, read back."""
    from transformers import AutoModelForCausalLM

    extra = {"device_map": {"": 0}} if where == "cuda" else {}
    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype="auto", use_safetensors=True, **extra).eval()
    yield model
    del model
    _free()


def _prompts(model: Any, card: AdapterCard, recipe: Recipe, rows: Sequence[TrainRow]) -> list[list[int]]:
    """The token ids of the first dev prompts of the recipe's order that leave room for an answer."""
    tokenizer = load_tokenizer(card.base_model, card.base_revision)
    prompts, _ = rows_of_tokens(ordered(rows, recipe.seed), tokenizer) if rows else ([], [])
    limit = int(getattr(model.config, "max_position_embeddings", 2048)) - N_TOKENS
    found = [prompt for prompt in prompts if len(prompt) <= limit][:N_PROMPTS]
    if not found:
        raise EvalgateError(
            f"'{recipe.name}' cannot be merged: there is no dev prompt to compare the merged model with its adapter on",
            code="merge-unmeasured",
            fix="give a task a dev split, or take `merge` out of the recipe",
            where=recipe.path,
        )
    return found


def _ends(model: Any) -> frozenset[int]:
    ends = model.generation_config.eos_token_id if model.generation_config else model.config.eos_token_id
    return frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends])


def _free() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
