"""Shapes with random weights on a CUDA device, trained for some steps by evalgate's trainer or by TRL's defaults."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Collection
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

from evalgate.core.data import Recipe
from evalgate.training.data import Encoded, in_batches, to_dataset
from evalgate.training.fast import Fast, fast
from evalgate.training.recipe import lora_arguments, quantization_arguments, sft_arguments

SHAPES: dict[str, dict[str, Any]] = {
    "tiny": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
             "num_key_value_heads": 2, "vocab_size": 32000, "tie_word_embeddings": False},
    "1b": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
           "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128256, "tie_word_embeddings": True},
    "7b": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
           "num_key_value_heads": 32, "vocab_size": 32000, "tie_word_embeddings": False},
}  # fmt: skip


def config_of(shape: str) -> Any:
    """A Llama of a shape."""
    from transformers import AutoConfig

    return AutoConfig.for_model("llama", **SHAPES[shape], max_position_embeddings=8192)


def random_model(config: Any, four_bit: bool) -> Any:
    """A bf16 model of the shape on the GPU, its layers' matrices packed to NF4 in place if asked for."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa")
    model.config.use_cache = False
    if four_bit:
        _quantise(model)
    torch.cuda.empty_cache()
    return model


def _quantise(model: Any) -> None:
    """As transformers does on loading: all but the head, by the arguments of a recipe."""
    import bitsandbytes as bnb
    import torch

    how = quantization_arguments(Recipe(name="any", prompts={}), "bfloat16")
    assert how is not None
    for name, module in list(model.model.named_modules()):
        if type(module) is torch.nn.Linear:
            kind = {"compress_statistics": how["bnb_4bit_use_double_quant"], "quant_type": how["bnb_4bit_quant_type"]}
            with torch.device("meta"):
                packed = bnb.nn.Linear4bit(
                    module.in_features, module.out_features, bias=False, compute_dtype=torch.bfloat16, **kind
                )
            packed.weight = bnb.nn.Params4bit(module.weight.data, requires_grad=False, module=packed, **kind).to("cuda")
            parent, _, child = name.rpartition(".")
            setattr(model.model.get_submodule(parent), child, packed)
    model.is_loaded_in_4bit = True


def tokenizer() -> Any:
    """A tokenizer of a few words with the ends that TRL asks for."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {word: i for i, word in enumerate(["<pad>", "<s>", "</s>"])}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="<pad>")),
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
    )


def trained(
    config: Any,
    recipe: Recipe,
    encoded: Encoded,
    *,
    stock: bool = False,
    waits: Collection[int] = (),
    profiler: Any = None,
) -> tuple[list[float], Fast | None]:
    """Seconds of each step; by TRL's own trainer and defaults if `stock`, else as evalgate trains on a GPU.

    Python runs ahead of the device: only after the steps in `waits` does it wait, so that sums between them are right.
    """
    import torch
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from evalgate.training.sft import steady, trainer_class

    ends: list[float] = []

    class Timer(TrainerCallback):  # type: ignore[misc]
        """Notes when each step has begun or ended."""

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if not ends:
                torch.cuda.synchronize()
                ends.append(time.perf_counter())

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step in waits:
                torch.cuda.synchronize()
            ends.append(time.perf_counter())
            if profiler is not None:
                profiler.step()

    way = None if stock else fast(recipe, config.to_dict(), encoded, "cuda")
    with tempfile.TemporaryDirectory() as folder:
        if stock:
            arguments = {
                "output_dir": folder, "max_length": recipe.max_length, "bf16": True, "report_to": "none",
                "per_device_train_batch_size": recipe.batch_size, "disable_tqdm": True,
                "dataset_kwargs": {"skip_prepare_dataset": True},
            }  # fmt: skip
        else:
            arguments = sft_arguments(recipe, device="cuda", output_dir=folder, has_dev=False)
            arguments |= way.arguments() if way else {}
        if "activation_checkpointing" not in {field.name for field in dataclasses.fields(SFTConfig)}:
            arguments["gradient_checkpointing"] = arguments.pop("activation_checkpointing", True)
        padded = {"train_dataset": to_dataset(encoded if stock else in_batches(encoded, recipe.batch_size, 0))}
        trainer = (SFTTrainer if stock else trainer_class())(
            model=random_model(config, recipe.method == "qlora"),
            args=SFTConfig(**arguments | {"save_strategy": "no", "num_train_epochs": 1, "logging_steps": 1000}),
            processing_class=tokenizer(),
            peft_config=LoraConfig(**lora_arguments(recipe)),
            callbacks=[Timer()],
            **(way.data(encoded, None) if way else padded),
        )
        if not stock:
            steady(trainer.model)
        if way:
            way.prepare(trainer.model)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        with profiler or nullcontext():
            trainer.train()
    return [b - a for a, b in pairwise(ends)], way
