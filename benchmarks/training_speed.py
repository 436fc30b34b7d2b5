"""Tokens a second and peak memory of QLoRA at the 7B shape: TRL's defaults, and evalgate's recipe within budgets.

Run: `python -m benchmarks.training_speed [NAME ...]` on a CUDA device (`--help` lists the configurations; without any,
all). Random weights of Llama 2's 7B shape, rank 16 on all linear layers, rows of 160 to 500 tokens (330 on average),
the last third of each with loss. Each runs in a process of its own; prints a line of JSON for each, then a table.
Tokens are real ones, padding left out; the first four steps do not count. `--profile` shows where a step's time goes.
Figures: docs/log.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.training_model import config_of, trained
from evalgate.core.data import Recipe
from evalgate.core.seeds import rng
from evalgate.training.data import Encoded
from evalgate.training.memory import predict
from evalgate.training.shape import shape_of

N_STEPS, N_WARM = 14, 4
LEAST, MOST = 160, 500
TIMEOUT_S = 150
# name: rows of a step, what differs in the recipe; of TRL's defaults nothing
CONFIGURATIONS: dict[str, tuple[int, dict[str, Any]]] = {
    "trl-defaults": (4, {}),
    "12gb": (16, {"memory_gb": 12.0}),
    "24gb": (16, {"memory_gb": 24.0}),
    "all": (16, {}),
    "all-64-rows": (64, {}),
    "one-row": (1, {}),  # what Python and the kernels' starts take
    "all-bf16": (16, {"method": "lora"}),
}


def main() -> None:
    """Measure the named configurations, each in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CONFIGURATIONS))
    parser.add_argument("--one", action="store_true", help="measure one here and print its line")
    parser.add_argument("--profile", action="store_true", help="with --one: what the kernels of a step take")
    parser.add_argument("--shape", default="7b")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.names[0], given.shape, given.profile)))
        return
    found = [in_a_process(name, given.shape) for name in given.names or CONFIGURATIONS]
    known = [row for row in found if "tokens_s" in row]
    first = known[0]["tokens_s"] if known else 1.0
    print(f"\n{'configuration':<14}{'tokens/s':>9}{'ratio':>7}{'peak':>9}{'held':>9}{'plan':>9}  packs, checkpointed")
    for row in known:
        gb = "".join(f"{row[key]:>6.2f} GB" for key in ("peak_gb", "reserved_gb", "planned_gb"))
        ratio = row["tokens_s"] / first
        print(f"{row['name']:<14}{row['tokens_s']:>9,.0f}{ratio:>7.1f}{gb}  {row['packs']}, {row['checkpointed']}")


def in_a_process(name: str, shape: str) -> dict[str, Any]:
    """One configuration's line; a process that ends badly or takes too long says so."""
    command = [sys.executable, "-m", "benchmarks.training_speed", "--one", name, "--shape", shape]
    where = Path(__file__).resolve().parents[1]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S, cwd=where)
        lines = ended.stdout.strip().splitlines()
        row = (
            json.loads(lines[-1]) if ended.returncode == 0 and lines else {"name": name, "failed": ended.stderr[-900:]}
        )
    except subprocess.TimeoutExpired:
        row = {"name": name, "failed": f"more than {TIMEOUT_S} s"}
    print(json.dumps(row), flush=True)
    return dict(row)


def rows(n: int) -> Encoded:
    """Random tokens."""
    generator = rng(0, "training-speed")
    lengths = generator.integers(LEAST, MOST + 1, n).tolist()
    ids = [generator.integers(3, 32000, k).tolist() for k in lengths]
    return Encoded(ids=ids, prompt_lengths=[2 * k // 3 for k in lengths], n_dropped=0)


def measure(name: str, shape: str, profile: bool = False) -> dict[str, Any]:
    """Train one configuration for some steps."""
    import torch

    per_step, more = CONFIGURATIONS[name]
    recipe = Recipe(name=name, prompts={}, batch_size=per_step, **more)
    encoded, config = rows(per_step * N_STEPS), config_of(shape)
    profiler = _profiler() if profile else None
    seconds, way = trained(config, recipe, encoded, stock=name == "trl-defaults", profiler=profiler,
                           waits=(N_WARM, N_STEPS))  # fmt: skip
    if profiler is not None:
        print(profiler.key_averages().table(sort_by="cuda_time_total", row_limit=45, max_name_column_width=70))
    counted = sum(map(len, encoded.ids[per_step * N_WARM :]))
    plan = way.plan if way else None
    return {
        "name": name,
        "tokens_s": round(counted / sum(seconds[N_WARM:])),
        "step_s": [round(s, 4) for s in seconds],
        "peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 3),
        "reserved_gb": round(torch.cuda.max_memory_reserved() / 1e9, 3),
        "planned_gb": round(predict(shape_of(config.to_dict()), plan.setup).peak_bytes / 1e9, 3) if plan else 0.0,
        "card_gb": round(plan.card_bytes / 1e9, 3) if plan else 0.0,
        "packs": plan.n_packs if plan else 0,
        "checkpointed": plan.n_checkpointed if plan else 0,
        "largest_pack": plan.setup.length if plan else 0,
        "rows_per_step": per_step,
    }


def _profiler() -> Any:
    from torch.profiler import ProfilerActivity, profile, schedule

    kinds = [ProfilerActivity.CPU, ProfilerActivity.CUDA]
    return profile(activities=kinds, schedule=schedule(wait=3, warmup=1, active=2, repeat=1))


if __name__ == "__main__":
    main()
