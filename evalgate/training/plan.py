"""How a training is cut to the memory that it may use: micro-batches of a step, and layers computed again. Pure.

The rows of an optimizer step are those of the recipe, whatever the plan: it only says in how many packs they go through
the model (`packing`), and how many layers forget their activations (`kernels`). So a plan changes speed and memory, and
results by rounding and by the dropout that is drawn. Of several GPUs each has its share of a step's rows, and the plan
is that of one card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalgate.core.data import Recipe
from evalgate.core.record import Record
from evalgate.training.data import Encoded
from evalgate.training.kernels import FAMILIES
from evalgate.training.memory import Setup, predict
from evalgate.training.packing import packs
from evalgate.training.recipe import lora_arguments
from evalgate.training.shape import Shape, adapted_names

# With one of these a user cuts batches himself, or asks for another way through the layers.
OWN_WAY = frozenset(
    {
        "packing",
        "padding_free",
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
        "auto_find_batch_size",
        "activation_checkpointing",
        "gradient_checkpointing",
        "use_liger_kernel",
        "group_by_length",
        "train_sampling_strategy",
        "torch_compile",
        "neftune_noise_alpha",
        "use_dora",
        "lora_bias",
        "bias",
        "init_lora_weights",
        "fp16",
        "bf16",
        "loss_type",
    }
)
LOGITS = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier", "output_multiplier")
# What an H200 does with these kernels (docs/log.md, 2026-11-23): products a second, bytes of 4-bit weights unpacked a
# second, and the seconds that Python takes for a layer, forward and backward. Only their ratios choose.
RATE, UNPACKED_BYTES, PYTHON_S = 5.0e14, 3.0e12, 0.008
DEFAULT_BUDGET = 24 * 10**9  # where there is neither a card nor a stated budget


class Plan(Record, frozen=True, kw_only=True):
    """`n_packs` micro-batches a step, the first `n_checkpointed` layers computed again; the largest needs `card_bytes`.

    All is of one card, also where several share a step. `seconds` of a step are an estimate that orders plans, no
    prediction.
    """

    n_packs: int
    n_checkpointed: int
    setup: Setup
    card_bytes: int
    budget_bytes: int
    seconds: float


def against(recipe: Recipe, config: Mapping[str, Any]) -> str:
    """Why a training cannot be planned and goes by TRL's own path; empty if it can be."""
    text = config.get("text_config", config)
    if recipe.method not in ("qlora", "lora"):
        return f"method {recipe.method}"
    if recipe.accelerate_config:
        return "its accelerate_config may share out a model's layers"
    if own := sorted(OWN_WAY & set(recipe.overrides)):
        return f"the recipe overrides {own[0]}"
    if (family := text.get("model_type")) not in FAMILIES:
        return f"no kernels for models of type {family}"
    if text.get("hidden_act", "silu") != "silu" or text.get("attention_dropout"):
        return "the model's activation, or dropout in its attention"
    if any(text.get(name) is not None for name in LOGITS):
        return "the model scales its logits"
    window = text.get("sliding_window") if text.get("use_sliding_window", True) else None
    return "rows longer than the model's sliding window" if window and window < recipe.max_length else ""


def plan(recipe: Recipe, shape: Shape, rows: Sequence[tuple[int, int]], budget_bytes: int) -> Plan:
    """The fastest plan whose largest pack fits; where none does, the one that needs least.

    Args:
        recipe: Its `batch_size` rows make a step, shared out to its `num_gpus`.
        shape: Of the base.
        rows: Tokens of each row, and those of them with loss, in training order.
        budget_bytes: What each card may give, all included.
    """
    share = -(-recipe.batch_size // (recipe.num_gpus or 1))
    found = [p for n in _counts(share) for p in _plans(recipe, shape, rows, n, budget_bytes)]
    fitting = [p for p in found if p.card_bytes <= budget_bytes]
    if fitting:
        return min(fitting, key=lambda p: (p.seconds, p.card_bytes))
    return min(found, key=lambda p: (p.card_bytes, p.seconds))


def rows_of(encoded: Encoded | None, n_rows: int, max_length: int) -> list[tuple[int, int]]:
    """Tokens of each row, all and with loss; rows that are not rendered are taken as long as allowed."""
    if encoded is None:
        return [(max_length, max_length)] * n_rows
    return [(len(ids), max(0, len(ids) - n)) for ids, n in zip(encoded.ids, encoded.prompt_lengths, strict=True)]


def _counts(n_rows: int) -> list[int]:
    """Powers of two, and one row at a time."""
    return [*(1 << k for k in range(n_rows.bit_length()) if 1 << k < n_rows), n_rows]


def _plans(recipe: Recipe, shape: Shape, rows: Sequence[tuple[int, int]], n_packs: int, budget: int) -> list[Plan]:
    """For so many packs: as few layers computed again as fit, or all."""
    groups = packs([n for n, _ in rows], recipe.batch_size, n_packs, recipe.num_gpus or 1) or [[]]
    sizes = [(sum(rows[i][0] for i in group), sum(rows[i][1] for i in group)) for group in groups]
    tokens, supervised = max((n for n, _ in sizes), default=1), max((n for _, n in sizes), default=1)
    mean = sum(n for n, _ in sizes) / len(sizes)

    def at(n_checkpointed: int) -> Plan:
        setup = _setup(recipe, shape, max(1, tokens), max(1, supervised), n_checkpointed)
        card = predict(shape, setup).card_bytes
        seconds = n_packs * _seconds(shape, setup, mean, n_checkpointed / shape.layers)
        return Plan(n_packs=n_packs, n_checkpointed=n_checkpointed, setup=setup, card_bytes=card, budget_bytes=budget,
                    seconds=seconds)  # fmt: skip

    choices = [at(n) for n in range(shape.layers + 1)]
    return [next((p for p in choices if p.card_bytes <= budget), choices[-1])]


def _seconds(shape: Shape, setup: Setup, tokens: float, again: float) -> float:
    """Of one micro-batch: products and unpacking on the card, or Python, whichever takes longer."""
    products = tokens * shape.n_linear * (4 + 2 * again) / RATE
    unpacking = (2 + again) * 2.5 * shape.n_linear / UNPACKED_BYTES if setup.method == "qlora" else 0.0
    return max(products + unpacking, PYTHON_S * shape.layers * (1 + again / 3))


def _setup(recipe: Recipe, shape: Shape, tokens: int, supervised: int, n_checkpointed: int) -> Setup:
    lora = lora_arguments(recipe)
    return Setup(
        method="qlora" if recipe.method == "qlora" else "lora",
        n_rows=1,
        length=tokens,
        n_supervised=supervised,
        rank=int(lora["r"]),
        dropout=float(lora["lora_dropout"]),
        checkpointing=n_checkpointed > 0,
        kept_layers=shape.layers - n_checkpointed if n_checkpointed else 0,
        optimizer=str(recipe.overrides.get("optim", OPTIMIZER)),
        padded=False,
        fused=True,
        n_processes=recipe.num_gpus or 1,
        adapted=adapted_names(shape, lora["target_modules"]),
    )


# Two fp32 moments of an adapter are little, and one fused kernel updates them all.
OPTIMIZER = "adamw_torch_fused"
