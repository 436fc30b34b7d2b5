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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.training_model import config_of, trained
from evalgate.core.data import Recipe
from evalgate.training.cost import flops
from evalgate.training.data import Encoded
from evalgate.training.memory import predict
from evalgate.training.setup import planned
from evalgate.training.shape import shape_of

N_STEPS, TIMEOUT_S = 4, 150
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
# The recipe's own plan: shape, method, rows of a step, tokens of the longest row, rank, dropout, gigabytes
PLANNED: dict[str, tuple[str, str, int, int, int, float, float]] = {
    "7b-4bit-12gb": ("7b", "qlora", 16, 512, 16, 0.05, 12),
    "7b-4bit-24gb": ("7b", "qlora", 16, 512, 16, 0.05, 24),
    "7b-4bit-all": ("7b", "qlora", 16, 512, 16, 0.05, 130),
    "7b-4bit-8gb-long": ("7b", "qlora", 4, 4096, 64, 0.0, 8),
    "7b-bf16-24gb": ("7b", "lora", 16, 768, 16, 0.0, 24),
    "1b-4bit-6gb": ("1b", "qlora", 32, 768, 64, 0.05, 6),
    "1b-bf16-16gb": ("1b", "lora", 32, 1024, 8, 0.05, 16),
}
NAMES = (*CONFIGURATIONS, *PLANNED)


def main() -> None:
    """Measure the named configurations, each in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--jobs", type=int, default=1, help="processes at once on one card: right bytes, wrong rates")
    parser.add_argument("--one", action="store_true", help="measure one here and print its line")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(NAMES):
        parser.error(f"there is no configuration {', '.join(sorted(unknown))}")
    if arguments.one:
        print(json.dumps(measure(arguments.names[0])))
        return
    with ThreadPoolExecutor(arguments.jobs) as pool:
        found = list(pool.map(in_a_process, arguments.names or NAMES))
    known = [row for row in found if "measured_gb" in row]
    print(f"\n{'configuration':<20} {'predicted':>10} {'measured':>10} {'off':>7} {'TFLOP/s':>8}")
    for row in known:
        print(f"{row['name']:<20} {row['predicted_gb']:>7.2f} GB {row['measured_gb']:>7.2f} GB {row['off']:>+7.1%} "
              f"{row['tflops']:>8.0f}")  # fmt: skip
    within = sum(abs(row["off"]) <= 0.1 for row in known)
    print(f"{within} of {len(found)} within 10 %")


def in_a_process(name: str) -> dict[str, Any]:
    """One configuration's line; a process that ends badly gives the end of what it said."""
    command = [sys.executable, __file__, "--one", name]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        lines = ended.stdout.strip().splitlines()
        row = (
            json.loads(lines[-1]) if ended.returncode == 0 and lines else {"name": name, "failed": ended.stderr[-800:]}
        )
    except subprocess.TimeoutExpired:
        row = {"name": name, "failed": f"more than {TIMEOUT_S} s"}
    print(json.dumps(row), flush=True)
    return dict(row)


def rows_of(micro: int, length: int, mixed: bool) -> Encoded:
    """Rows for all steps, the last third of each with loss; mixed ones are half to full length, the longest first."""
    n = micro * N_STEPS
    sizes = [length - (i % micro) * length // (2 * micro) if mixed else length for i in range(n)]
    ids = [[3 + (7 * i + 13 * j) % 31000 for j in range(size)] for i, size in enumerate(sizes)]
    return Encoded(ids=ids, prompt_lengths=[2 * size // 3 for size in sizes], n_dropped=0)


def cut_recipe(name: str) -> tuple[str, Recipe, Encoded]:
    """A micro-batch that is cut by hand, which TRL's own way computes."""
    shape, method, micro, length, rank, dropout, checkpointing, mixed = CONFIGURATIONS[name]
    recipe = Recipe(
        name=name, prompts={}, method=method, rank=rank, dropout=dropout, batch_size=micro, max_length=length,
        overrides={"per_device_train_batch_size": micro, "gradient_accumulation_steps": 1,
                   "activation_checkpointing": checkpointing},
    )  # fmt: skip
    return shape, recipe, rows_of(micro, length, mixed)


def planned_recipe(name: str) -> tuple[str, Recipe, Encoded]:
    """A recipe that is left to its plan."""
    shape, method, per_step, length, rank, dropout, memory_gb = PLANNED[name]
    recipe = Recipe(
        name=name, prompts={}, method=method, rank=rank, dropout=dropout, batch_size=per_step, max_length=length,
        memory_gb=memory_gb,
    )  # fmt: skip
    return shape, recipe, rows_of(per_step, length, mixed=True)


def measure(name: str) -> dict[str, Any]:
    """Train one configuration for a few steps; bytes in GB (10^9), and the rate of the later steps."""
    import torch

    shape_name, recipe, encoded = planned_recipe(name) if name in PLANNED else cut_recipe(name)
    config = config_of(shape_name)
    shape = shape_of(config.to_dict())
    setup, work = planned(recipe, shape, encoded, len(encoded.ids), config.to_dict())[:2]
    memory = predict(shape, setup)
    times, way = trained(config, recipe, encoded, waits=range(N_STEPS + 1))
    assert (way is not None) == (name in PLANNED)
    seconds = median(times[1:])
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


if __name__ == "__main__":
    main()
