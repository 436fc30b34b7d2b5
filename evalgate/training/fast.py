"""The fast way through a training on a CUDA device, if there is one: its plan, its arguments, its data, its layers."""

from __future__ import annotations

from functools import partial
from typing import Any

from evalgate.core.data import Recipe
from evalgate.core.errors import UsageError
from evalgate.core.record import Record
from evalgate.training import hardware
from evalgate.training.collective import least
from evalgate.training.data import Encoded
from evalgate.training.kernels import installed, prepare
from evalgate.training.packing import collate, packed_dataset, packs
from evalgate.training.plan import DEFAULT_BUDGET, OPTIMIZER, Plan, against, plan, rows_of
from evalgate.training.recipe import MICRO_BATCH, Device
from evalgate.training.shape import shape_of


class Fast(Record, frozen=True, kw_only=True):
    """A training that goes the fast way."""

    recipe: Recipe
    plan: Plan

    def arguments(self) -> dict[str, Any]:
        """What differs from a recipe's arguments of SFTConfig; one item of the data is one micro-batch.

        Of several processes each has so many in a step: accelerate deals them out in turn.
        """
        return {
            "per_device_train_batch_size": 1,
            "gradient_accumulation_steps": self.plan.n_packs,
            "per_device_eval_batch_size": MICRO_BATCH,
            "activation_checkpointing": False,  # the layers themselves know
            "remove_unused_columns": False,
            **({} if "optim" in self.recipe.overrides else {"optim": OPTIMIZER}),
        }

    def data(self, encoded: Encoded, dev: Encoded | None) -> dict[str, Any]:
        """The trainer's data: packs in the rows' own order, and dev rows as they are."""
        lengths, per_step = [len(ids) for ids in encoded.ids], self.recipe.batch_size
        groups = packs(lengths, per_step, self.plan.n_packs, self.recipe.num_gpus or 1)
        alone = [[i] for i in range(len(dev.ids))] if dev else []
        return {
            "train_dataset": packed_dataset(encoded, groups),
            "eval_dataset": packed_dataset(dev, alone) if dev else None,
            "data_collator": collate,
        }

    def prepare(self, model: Any) -> None:
        """Set the layers of the PEFT model."""
        prepare(model, n_checkpointed=self.plan.n_checkpointed)


def fast(recipe: Recipe, config: dict[str, Any], encoded: Encoded, where: Device) -> Fast | None:
    """The fast way of a training; None on CPUs, without the kernels' packages, and where `against` names a reason.

    Processes that train together must all ask: they plan for the card that has least to give.
    """
    if where != "cuda" or not installed() or against(recipe, config):
        return None
    try:
        shape = shape_of(config)
    except UsageError:  # `unknown-architecture`: it can be trained, but not planned
        return None
    rows = rows_of(encoded, len(encoded.ids), recipe.max_length)
    hardware.grow_blocks()
    return Fast(recipe=recipe, plan=plan(recipe, shape, rows, least(partial(budget_of, recipe))))


def missing() -> str:
    """What keeps a card that is here from the fast way; empty without one, because then it says nothing of others."""
    return "liger-kernel and triton are not installed" if hardware.free_bytes() and not installed() else ""


def budget_of(recipe: Recipe) -> int:
    """Bytes that a training may take of a card: stated, free now, or those of a common card where there is none."""
    if recipe.memory_gb:
        return round(recipe.memory_gb * 10**9)
    return hardware.free_bytes() or DEFAULT_BUDGET
