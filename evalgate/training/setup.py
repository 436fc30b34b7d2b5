"""From a recipe and its encoded rows to what memory and time depend on: the largest micro-batch, and all the work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Any

from evalgate.core.data import Recipe
from evalgate.core.record import Record
from evalgate.training.data import Encoded, in_batches
from evalgate.training.fast import budget_of, missing
from evalgate.training.launch import shared_out
from evalgate.training.memory import Setup
from evalgate.training.plan import Plan, against, plan, rows_of
from evalgate.training.recipe import lora_arguments, sft_arguments
from evalgate.training.shape import Shape, adapted_names


class Work(Record, frozen=True, kw_only=True):
    """A whole training on CUDA devices: optimizer steps, tokens with padding and with loss, all epochs counted.

    `n_per_step` micro-batches make a step on each device; `mean_length` is that of padded rows.
    """

    n_steps: int
    n_per_step: int
    n_tokens: int
    n_supervised: int
    mean_length: float


def planned(
    recipe: Recipe, shape: Shape, encoded: Encoded | None, n_rows: int, config: Mapping[str, Any]
) -> tuple[Setup, Work, Plan | None, str]:
    """The largest micro-batch of a training, its work, its plan, or why it has none (`plan.against`).

    Without encoded rows each is taken as long as allowed. Kernels are taken to be installed where the card is.
    """
    if why := against(recipe, config) or missing():
        return *_by_trl(recipe, shape, encoded, n_rows), None, why
    rows = rows_of(encoded, n_rows, recipe.max_length)
    found = plan(recipe, shape, rows, budget_of(recipe))
    n_tokens, n_supervised = sum(n for n, _ in rows), sum(n for _, n in rows)
    work = Work(
        n_steps=ceil(len(rows) / recipe.batch_size * recipe.epochs),
        n_per_step=found.n_packs,
        n_tokens=round(n_tokens * recipe.epochs),
        n_supervised=round(n_supervised * recipe.epochs),
        mean_length=n_tokens / max(1, len(rows)),
    )
    return found.setup, work, found, ""


def _by_trl(recipe: Recipe, shape: Shape, encoded: Encoded | None, n_rows: int) -> tuple[Setup, Work]:
    """The same for TRL's own way.

    Overrides of batch size, checkpointing, optimizer and packing count; other ones are taken to change nothing.
    """
    arguments = shared_out(sft_arguments(recipe, device="cuda", output_dir="", has_dev=False), recipe)
    micro = int(arguments["per_device_train_batch_size"])
    n_per_step = int(arguments["gradient_accumulation_steps"])
    step = micro * n_per_step * (recipe.num_gpus or 1)
    packed = bool(arguments.get("packing"))
    batches = list(_micro_batches(recipe, encoded, n_rows, micro, packed=packed))
    rows, length, supervised = max(batches, key=lambda batch: (batch[0] * batch[1], batch[2]), default=(1, 1, 1))
    padded = sum(batch[0] * batch[1] for batch in batches)
    lora = lora_arguments(recipe)
    setup = Setup(
        method="lora" if recipe.method == "dora" else recipe.method,
        n_rows=rows,
        length=length,
        n_supervised=supervised,
        rank=int(lora["r"]),
        dropout=float(lora["lora_dropout"]),
        checkpointing=bool(arguments["activation_checkpointing"] or arguments["gradient_checkpointing"]),
        optimizer=str(arguments["optim"]),
        # Without padding attention needs no mask, and heads that share keys share them in memory, too.
        padded=not packed and (encoded is None or padded > encoded.n_tokens),
        tiled_logits=tiles_logits(),
        n_processes=1 if recipe.accelerate_config else recipe.num_gpus or 1,
        adapted=adapted_names(shape, lora["target_modules"]),
    )
    n = sum(batch[0] for batch in batches)
    return setup, Work(
        n_steps=ceil(n / step * recipe.epochs),
        n_per_step=n_per_step,
        n_tokens=round(padded * recipe.epochs),
        n_supervised=round(sum(batch[2] for batch in batches) * recipe.epochs),
        mean_length=padded / max(1, n),
    )


def tiles_logits() -> bool:
    """Whether the TRL that is installed computes its loss in tiles; older ones hold all logits in fp32.

    Where there is no TRL, a new one is assumed.
    """
    found = find_spec("trl")
    return found is None or not found.origin or (Path(found.origin).parent / "kernels/chunked_logprob.py").is_file()


def _micro_batches(
    recipe: Recipe, encoded: Encoded | None, n_rows: int, micro: int, *, packed: bool
) -> Iterator[tuple[int, int, int]]:
    """Rows, padded length and tokens with loss of each micro-batch of an epoch, in the trainer's own order."""
    if encoded is None or packed:
        n_tokens = n_rows * recipe.max_length if encoded is None else encoded.n_tokens
        share = 1.0 if encoded is None else encoded.n_supervised / max(1, encoded.n_tokens)
        left = n_rows if encoded is None else ceil(n_tokens / recipe.max_length)
        while left > 0:
            n = min(micro, left)
            yield n, recipe.max_length, max(1, round(share * n * recipe.max_length))
            left -= n
        return
    rows = in_batches(encoded, recipe.batch_size, recipe.seed)
    for i in range(0, len(rows.ids), micro):
        chosen = rows.ids[i : i + micro]
        with_loss = sum(map(len, chosen)) - sum(rows.prompt_lengths[i : i + micro])
        yield len(chosen), max(map(len, chosen)), max(1, with_loss)
