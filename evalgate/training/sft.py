"""TRL's SFTTrainer with three changes: a CPU loss on the answer's tokens only, steady adapter dtype, no model cards."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from evalgate.core.protocols import Progress
from evalgate.core.showing import count
from evalgate.core.showing import stage as shown
from evalgate.core.showing import state as standing
from evalgate.training.adapter import diverged
from evalgate.training.collective import average_gradients
from evalgate.training.data import IGNORED
from evalgate.training.failures import risen
from evalgate.training.kernels import packed_loss
from evalgate.training.recipe import as_named

# Models that scale or cap their logits keep TRL's own loss, which knows how.
LOGIT_SETTINGS = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier", "output_multiplier")


def sft_config(arguments: dict[str, Any]) -> Any:
    """The SFTConfig of a process, which has one GPU at most."""
    from dataclasses import fields

    from trl import SFTConfig

    config = SFTConfig(**as_named(arguments, {field.name for field in fields(SFTConfig)}))
    config._n_gpu = min(config.n_gpu, 1)  # TRL refuses the DataParallel that it would get otherwise
    return config


def steady(model: Any) -> None:
    """Keep adapter weights in fp32, where small updates are not rounded away and a resumed run is the same run.

    TRL casts them to bf16 and resuming casts them back; autocast still computes in bf16 on CUDA.
    """
    import torch

    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)


def completion_loss(base: Any, inputs: dict[str, Any], n_items: Any) -> Any:
    """Mean negative log-likelihood over supervised tokens, with logits for those tokens only.

    Equal to TRL's, which on CPUs projects every position to the vocabulary: 7 times the time of a step. Rows are
    padded on the right, where causal attention never looks, so the mask is left out.
    """
    from torch.nn.functional import cross_entropy

    labels = inputs["labels"][:, 1:]
    body = {k: v for k, v in inputs.items() if k not in {"labels", "attention_mask"}}
    hidden = base.base_model(**body, use_cache=False).last_hidden_state[:, :-1]
    mask = labels != IGNORED
    logits = base.get_output_embeddings()(hidden[mask]).float()
    total = cross_entropy(logits, labels[mask], reduction="sum")
    return total / (mask.sum().clamp(min=1) if n_items is None else n_items)


def _scales_logits(base: Any) -> bool:
    return any(getattr(base.config, name, None) is not None for name in LOGIT_SETTINGS)


def _base_of(model: Any) -> Any:
    """The model without its adapter, or itself where there is none."""
    return model.get_base_model() if hasattr(model, "peft_config") else model


def own_files(trainer: type[Any]) -> type[Any]:
    """A TRL trainer that writes no model card and no copy of its reference, and resumes in fp32."""

    class OwnFiles(trainer):  # type: ignore[misc]
        """See the function."""

        def create_model_card(self, *_: Any, **__: Any) -> None:
            """Nothing: the adapter's card is card.json."""

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            folder = output_dir or self.args.output_dir
            if not hasattr(self.model, "peft_config"):  # a whole model that is trained
                super()._save(folder, state_dict)
                return
            # "auto", the default of `save_embedding_layers`, asks the hub.
            whole = {} if state_dict is None else {"state_dict": state_dict}  # sharded weights, gathered
            self.model.save_pretrained(
                folder, safe_serialization=True, save_embedding_layers=False, selected_adapters=["default"], **whole
            )

        def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            steady(self.model)

    return OwnFiles


def trainer_class() -> type[Any]:
    """The trainer's class; a function, because importing TRL takes seconds."""
    from trl import SFTTrainer

    class CompletionTrainer(own_files(SFTTrainer)):  # type: ignore[misc]
        """See the module."""

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            base = _base_of(self.accelerator.unwrap_model(model))
            if "predicts" in inputs and not return_outputs:
                # Of all processes' tokens and, as the Trainer has it, times their number, because their mean is taken.
                n = 1 if num_items_in_batch is None else self.accelerator.num_processes
                return packed_loss(base, inputs, num_items_in_batch) * n
            # Several processes add their gradients up in the forward of a wrapper, which the short way would pass by.
            several = self.accelerator.num_processes > 1
            if return_outputs or several or _scales_logits(base) or inputs["input_ids"].device.type != "cpu":
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            return completion_loss(base, inputs, num_items_in_batch)

        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            """Forward and backward; packs go around the wrapper that would add processes' gradients up."""
            packed = "predicts" in inputs
            loss = super().training_step(model, inputs, num_items_in_batch)
            if packed and self.accelerator.sync_gradients:
                average_gradients(self.model.parameters())
            return loss

        def prediction_step(self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: Any = None) -> Any:
            """The dev loss, by the same short way on CPUs."""
            import torch

            base = _base_of(self.accelerator.unwrap_model(model))
            if "predicts" in inputs:
                with torch.no_grad():
                    return packed_loss(base, self._prepare_inputs(inputs), None), None, None
            if inputs["input_ids"].device.type != "cpu" or _scales_logits(base):
                return super().prediction_step(model, inputs, prediction_loss_only, ignore_keys)
            with torch.no_grad():
                return completion_loss(base, inputs, None), None, None

    return CompletionTrainer


def watcher(progress: Progress, stage: str, stack: ExitStack, where: Path, n_tokens: int = 0) -> Any:
    """A callback that moves the progress display and stops at a loss that is not a number, or that rose for good.

    An epoch has `n_tokens`, which are counted by its share.
    """
    from math import isfinite

    from transformers import TrainerCallback

    class Watcher(TrainerCallback):  # type: ignore[misc]
        """See the function."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.n_seen = round(n_tokens * (state.epoch or 0))
            self.tick = stack.enter_context(shown(progress, stage, state.max_steps, state.global_step, unit="steps"))

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            n_seen = round(n_tokens * (state.epoch or 0))
            count(self.tick, tokens=n_seen - self.n_seen)
            self.n_seen = n_seen
            self.tick()

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            for key in ("loss", "eval_loss"):
                value = (logs or {}).get(key)
                if value is not None and not isfinite(value):
                    raise diverged(f"{key} is {value} at step {state.global_step}", str(where))
            if why := risen([entry["loss"] for entry in state.log_history if "loss" in entry]):
                raise diverged(f"{why}, at step {state.global_step}", str(where))
            if "loss" in (logs or {}):
                standing(self.tick, f"loss {logs['loss']:.3g}")

    return Watcher()
