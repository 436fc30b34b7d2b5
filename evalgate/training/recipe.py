"""A recipe as the keyword arguments of TRL's SFTConfig, PEFT's LoraConfig and BitsAndBytesConfig. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import replace

from evalgate.core.adapter_files import CONFIG, WEIGHTS
from evalgate.core.artefacts import artefact_digest, is_whole, model_files
from evalgate.core.data import Recipe
from evalgate.core.errors import UsageError
from evalgate.core.record import digest_bytes, digest_of, plain

Device = Literal["cpu", "cuda"]
Dtype = Literal["float32", "bfloat16"]

MICRO_BATCH = 4  # rows, or pairs, at once
# A fraction below one is a share of all steps.
LOG_EVERY = 0.02
LORA_KEYS = frozenset({"target_modules", "use_rslora", "use_dora", "lora_bias", "init_lora_weights", "bias"})
# Names, places, who watches, and what memory there is: they change nothing of what a recipe does.
NOT_DONE = frozenset({"name", "description", "path", "of", "swept", "report_to", "memory_gb"})
# Overriding these would break identity, resuming or silence.
RESERVED = {
    "learning_rate": "learning_rate",
    "num_train_epochs": "epochs",
    "max_length": "max_length",
    "seed": "seed",
    "data_seed": "seed",
    "r": "rank",
    "lora_alpha": "alpha",
    "lora_dropout": "dropout",
    "output_dir": "",
    "report_to": "report_to",
    "completion_only_loss": "",
    "load_best_model_at_end": "checkpoints.keep",
    "eval_strategy": "",
    "eval_steps": "checkpoints.evaluations",
    "save_strategy": "",
    "save_steps": "checkpoints.evaluations",
    "use_cpu": "",
}


def recipe_digest(recipe: Recipe) -> str:
    """The identity of what a recipe does: all but its name, its description, its memory and where its files lie.

    Templates and replayed rows count by their content, so the same recipe is the same in every folder.
    """
    fields = {k: v for k, v in plain(recipe).items() if k not in NOT_DONE}
    for prompt in fields["prompts"].values():
        del prompt["template_path"]
    if recipe.taken:
        del fields["checkpoints"]  # nothing is trained
    if recipe.replay is not None:
        without = {"left_out": recipe.replay.left_out} if recipe.replay.left_out else {}
        fields["replay"] = {"share": recipe.replay.share, "rows": _rows(recipe.replay.path), **without}
    if recipe.dpo:
        fields["dpo"]["data"] = _rows(recipe.dpo.data)
    for name in ("adapter", "model", "start"):
        if folder := getattr(recipe, name):
            fields[name] = kept_digest(Path(folder))
    if recipe.accelerate_config:
        fields["accelerate_config"] = _rows(recipe.accelerate_config)
    if recipe.parent:
        fields["parent"] = recipe_digest(recipe.parent)
    return digest_of(fields)


def kept_digest(folder: Path) -> str:
    """The identity of an adapter or a whole model, read once as long as its files stay as they are."""
    files = model_files(folder) if is_whole(folder) else [folder / CONFIG, folder / WEIGHTS]
    states = ((path.name, path.stat()) for path in files)
    return _digest_of_files(folder, tuple((name, state.st_size, state.st_mtime_ns) for name, state in states))


@lru_cache(maxsize=64)
def _digest_of_files(folder: Path, _states: tuple[tuple[str, int, int], ...]) -> str:
    return artefact_digest(folder)


def _rows(path: str) -> str:
    """The digest of a file of rows. Git may check text out with other line ends; that is no change."""
    return digest_bytes(Path(path).read_bytes().replace(b"\r\n", b"\n"))


def quantization_arguments(recipe: Recipe, dtype: Dtype) -> dict[str, Any] | None:
    """Arguments of BitsAndBytesConfig (its own defaults are fp4 and fp32); None for all methods but QLoRA."""
    if recipe.method != "qlora":
        return None
    return {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True,
        "bnb_4bit_compute_dtype": dtype,
    }


def lora_arguments(recipe: Recipe) -> dict[str, Any]:
    """Arguments of LoraConfig."""
    chosen = {k: v for k, v in recipe.overrides.items() if k in LORA_KEYS}
    return {
        "r": recipe.rank,
        "lora_alpha": recipe.alpha,
        "lora_dropout": recipe.dropout,
        "target_modules": "all-linear",
        "bias": "none",
        "task_type": "CAUSAL_LM",
        **({"use_dora": True} if recipe.method == "dora" else {}),
    } | chosen


def sft_arguments(recipe: Recipe, *, device: Device, output_dir: str, has_dev: bool) -> dict[str, Any]:
    """Arguments of SFTConfig.

    Raises: `reserved-override` if an override names what the recipe itself or evalgate sets.
    """
    chosen = {k: v for k, v in recipe.overrides.items() if k not in LORA_KEYS}
    if "gradient_checkpointing" in chosen:  # the older name of the same
        chosen.setdefault("activation_checkpointing", chosen["gradient_checkpointing"])
    _refuse_reserved(recipe)
    micro = recipe.batch_size if device == "cpu" else _largest_divisor(recipe.batch_size, MICRO_BATCH)
    return {
        "output_dir": output_dir,
        "learning_rate": recipe.learning_rate,
        "num_train_epochs": recipe.epochs,
        "max_length": recipe.max_length,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": recipe.batch_size // micro,
        "per_device_eval_batch_size": recipe.batch_size if device == "cpu" else micro,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.03,
        "max_grad_norm": 0.3,
        "weight_decay": 0.0,
        "completion_only_loss": True,
        "train_sampling_strategy": "sequential",
        **_device_arguments(device),
        **({"optim": "adamw_torch_fused"} if recipe.method == "full" and device == "cuda" else {}),
        "eval_packing": False,
        # `selection` says at which steps: the Trainer would leave the last one out where shares do not come out even.
        "eval_strategy": "steps" if has_dev else "no",
        "eval_steps": 1.0 / recipe.checkpoints.evaluations,
        "save_strategy": "steps",
        "save_steps": 1.0 / recipe.checkpoints.evaluations,
        "save_total_limit": 2,
        "logging_steps": LOG_EVERY,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
        "dataloader_num_workers": 0,
        "dataset_kwargs": {"skip_prepare_dataset": not chosen.get("packing", False)},
        "report_to": "none",
        "disable_tqdm": True,
        "torch_compile": False,
    } | chosen


def dpo_arguments(recipe: Recipe, *, device: Device, output_dir: str) -> dict[str, Any]:
    """Arguments of DPOConfig for the second stage. `overrides` are of the first one alone."""
    assert recipe.dpo
    plain_recipe = replace(recipe, overrides={})
    arguments = sft_arguments(plain_recipe, device=device, output_dir=output_dir, has_dev=False)
    for name in ("completion_only_loss", "eval_packing", "dataset_kwargs"):
        del arguments[name]
    # Both answers of a pair, by model and reference, hold all logits: no device takes a whole batch of them at once.
    micro = _largest_divisor(recipe.batch_size, MICRO_BATCH)
    return arguments | {
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": recipe.batch_size // micro,
        "learning_rate": recipe.dpo.learning_rate,
        "num_train_epochs": recipe.dpo.epochs,
        "beta": recipe.dpo.beta,
        "loss_type": ["sigmoid"],
        "disable_dropout": True,
        # Computed beforehand, the reference would be the adapter as TRL has rounded it.
        "precompute_ref_log_probs": False,
    }


def _device_arguments(device: Device) -> dict[str, Any]:
    if device == "cuda":
        return {
            "use_cpu": False,
            "bf16": True,
            "optim": "paged_adamw_8bit",
            "activation_checkpointing": True,
            "gradient_checkpointing": None,  # TRL turns on this deprecated alias
            "dataloader_pin_memory": True,
        }
    return {
        "use_cpu": True,
        "bf16": False,  # autocast costs more on a CPU than it gains; 4-bit layers choose their own dtype
        "optim": "adamw_torch",
        "activation_checkpointing": False,
        "gradient_checkpointing": None,  # TRL turns on this deprecated alias
        "dataloader_pin_memory": False,
    }


def _largest_divisor(n: int, most: int) -> int:
    return next(k for k in range(min(n, most), 0, -1) if n % k == 0)


def _refuse_reserved(recipe: Recipe) -> None:
    if recipe.overrides.get("packing_strategy") == "wrapped":
        raise UsageError(
            f"recipe '{recipe.name}' overrides `packing_strategy` with `wrapped`, which cuts answers and lets rows see "
            "each other",
            code="bad-packing",
            fix="take `packing_strategy` out of `overrides`: TRL's own, bfd, keeps rows whole and apart",
            where=recipe.path,
        )
    for key in recipe.overrides:
        if key in RESERVED:
            mine = RESERVED[key]
            raise UsageError(
                f"recipe '{recipe.name}' overrides `{key}`, which " + ("has a key of its own" if mine else "is fixed"),
                code="reserved-override",
                fix=f"set `{mine}:` in the recipe instead" if mine else f"remove `{key}` from `overrides`",
                where=recipe.path,
            )


def as_named(arguments: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Arguments under the names that the installed trainer knows: transformers before 5.20 had another for one."""
    found = dict(arguments)
    if "activation_checkpointing" not in known and "activation_checkpointing" in found:
        found["gradient_checkpointing"] = found.pop("activation_checkpointing")
    return found
