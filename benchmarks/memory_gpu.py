"""How far predicted peak memory is from the measured one: configurations trained for a few steps on a CUDA device.

Run: `python benchmarks/memory_gpu.py [NAME ...]` (`--help` lists the configurations; without any, all). Each is trained
by evalgate's own trainer class and arguments, in a process of its own, on random weights of a shape, so that nothing is
downloaded; every row of a configuration has the same length unless it says `mixed`. Prints a line of JSON for each as
soon as it is known, and at the end a table: `peak` is `torch.cuda.max_memory_allocated` over all steps, loading left
out. A configuration that fails says so and the others go on. Figures: docs/log.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from evalgate.core.data import Recipe
from evalgate.training.cost import flops
from evalgate.training.data import Encoded, in_batches, to_dataset
from evalgate.training.memory import predict
from evalgate.training.recipe import lora_arguments, quantization_arguments, sft_arguments
from evalgate.training.setup import planned
from evalgate.training.shape import shape_of

N_STEPS = 4
SHAPES: dict[str, dict[str, Any]] = {
    "1b": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
           "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128256, "tie_word_embeddings": True},
    "7b": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
           "num_key_value_heads": 32, "vocab_size": 32000, "tie_word_embeddings": False},
}  # fmt: skip
# name: shape, method, rows of a micro-batch, tokens of a row, rank, dropout, checkpointing, rows of unlike length
CONFIGURATIONS: dict[str, tuple[str, str, int, int, int, float, bool, bool]] = {
    "7b-4bit-defaults": ("7b", "qlora", 4, 512, 16, 0.05, True, False),
    "7b-4bit-mixed": ("7b", "qlora", 8, 768, 16, 0.05, True, True),
    "7b-4bit-long": ("7b", "qlora", 2, 4096, 16, 0.05, True, False),
    "7b-4bit-rank64": ("7b", "qlora", 4, 1024, 64, 0.0, True, False),
    "7b-4bit-kept": ("7b", "qlora", 4, 1024, 16, 0.05, False, False),
    "7b-bf16": ("7b", "lora", 4, 1024, 16, 0.05, True, False),
    "7b-bf16-kept": ("7b", "lora", 4, 512, 16, 0.0, False, False),
    "1b-4bit": ("1b", "qlora", 8, 1024, 16, 0.05, True, False),
    "1b-4bit-kept-mixed": ("1b", "qlora", 8, 512, 16, 0.05, False, True),
    "1b-bf16": ("1b", "lora", 16, 512, 32, 0.05, True, False),
    "1b-bf16-kept": ("1b", "lora", 8, 1024, 8, 0.0, False, False),
}


def main() -> None:
    """Measure the named configurations, each in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CONFIGURATIONS))
    parser.add_argument("--one", action="store_true", help="measure one here and print its line")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(CONFIGURATIONS):
        parser.error(f"there is no configuration {', '.join(sorted(unknown))}")
    if arguments.one:
        print(json.dumps(measure(arguments.names[0])))
        return
    found = [in_a_process(name) for name in arguments.names or CONFIGURATIONS]
    known = [row for row in found if "measured_gb" in row]
    print(f"\n{'configuration':<20} {'predicted':>10} {'measured':>10} {'off':>7} {'TFLOP/s':>8}")
    for row in known:
        print(f"{row['name']:<20} {row['predicted_gb']:>7.2f} GB {row['measured_gb']:>7.2f} GB {row['off']:>+7.1%} "
              f"{row['tflops']:>8.0f}")  # fmt: skip
    within = sum(abs(row["off"]) <= 0.1 for row in known)
    print(f"{within} of {len(found)} within 10 %")


def in_a_process(name: str) -> dict[str, Any]:
    """One configuration's line; a process that ends badly gives the end of what it said."""
    ended = subprocess.run([sys.executable, __file__, "--one", name], capture_output=True, text=True, check=False)
    lines = ended.stdout.strip().splitlines()
    row = json.loads(lines[-1]) if ended.returncode == 0 and lines else {"name": name, "failed": ended.stderr[-800:]}
    print(json.dumps(row), flush=True)
    return dict(row)


def rows_of(micro: int, length: int, mixed: bool) -> Encoded:
    """Rows for all steps, the last third of each with loss; mixed ones are half to full length, the longest first."""
    n = micro * N_STEPS
    sizes = [length - (i % micro) * length // (2 * micro) if mixed else length for i in range(n)]
    ids = [[3 + (7 * i + 13 * j) % 31000 for j in range(size)] for i, size in enumerate(sizes)]
    return Encoded(ids=ids, prompt_lengths=[2 * size // 3 for size in sizes], n_dropped=0)


def measure(name: str) -> dict[str, Any]:
    """Train one configuration for a few steps; bytes in GB (10^9), and the rate of the later steps."""
    import torch
    from transformers import AutoConfig

    shape_name, method, micro, length, rank, dropout, checkpointing, mixed = CONFIGURATIONS[name]
    config = AutoConfig.for_model("llama", **SHAPES[shape_name], max_position_embeddings=8192)
    recipe = Recipe(
        name=name, prompts={}, method=method, rank=rank, dropout=dropout, batch_size=micro, max_length=length,
        overrides={"per_device_train_batch_size": micro, "gradient_accumulation_steps": 1,
                   "activation_checkpointing": checkpointing, "logging_steps": 1},
    )  # fmt: skip
    encoded, shape = rows_of(micro, length, mixed), shape_of(config.to_dict())
    setup, work = planned(recipe, shape, encoded, len(encoded.ids))
    memory = predict(shape, setup)
    seconds = train(config, recipe, encoded)
    peak = torch.cuda.max_memory_allocated()
    total = flops(shape, setup, n_tokens=work.n_tokens, n_supervised=work.n_supervised, length=work.mean_length)
    return {
        "name": name,
        "predicted_gb": round(memory.peak_bytes / 1e9, 3),
        "measured_gb": round(peak / 1e9, 3),
        "off": round(memory.peak_bytes / peak - 1, 4),
        "reserved_gb": round(torch.cuda.max_memory_reserved() / 1e9, 3),
        "paged_gb": round(memory.paged_bytes / 1e9, 3),
        "card_gb": round(memory.card_bytes / 1e9, 3),
        "tflops": round(total / N_STEPS / seconds / 1e12, 1),
        "terms_gb": {term.name: round(term.n_bytes / 1e9, 3) for term in memory.terms},
    }


def train(config: Any, recipe: Recipe, encoded: Encoded) -> float:
    """All steps with evalgate's arguments and trainer; gives the median seconds of a step, the first left out."""
    import dataclasses
    import time
    from itertools import pairwise
    from statistics import median

    import torch
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig

    from evalgate.training.sft import steady, trainer_class

    ends: list[float] = []

    class Timer(TrainerCallback):  # type: ignore[misc]
        """Notes when each step has ended."""

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            torch.cuda.synchronize()
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        arguments = sft_arguments(recipe, device="cuda", output_dir=folder, has_dev=False) | {"save_strategy": "no"}
        if "activation_checkpointing" not in {field.name for field in dataclasses.fields(SFTConfig)}:
            arguments["gradient_checkpointing"] = arguments.pop("activation_checkpointing")
        trainer = trainer_class()(
            model=random_model(config, recipe),
            args=SFTConfig(**arguments),
            train_dataset=to_dataset(in_batches(encoded, recipe.batch_size, recipe.seed)),
            processing_class=tokenizer(),
            peft_config=LoraConfig(**lora_arguments(recipe)),
            callbacks=[Timer()],
        )
        steady(trainer.model)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        trainer.train()
    return median(b - a for a, b in pairwise(ends))


def random_model(config: Any, recipe: Recipe) -> Any:
    """A bf16 model of the shape on the GPU, written to a folder and read again, as 4-bit layers are made on reading."""
    import torch
    from transformers import AutoModelForCausalLM

    from evalgate.training.loading import load_base

    with tempfile.TemporaryDirectory() as folder:
        with torch.device("cuda"):
            model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        model.save_pretrained(folder)
        del model
        torch.cuda.empty_cache()
        assert (quantization_arguments(recipe, "bfloat16") is None) == (recipe.method == "lora")
        return load_base(folder, None, recipe, "cuda")


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


if __name__ == "__main__":
    main()
