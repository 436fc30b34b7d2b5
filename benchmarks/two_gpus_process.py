"""One process of a training of `benchmarks/two_gpus.py`: evalgate's own, which also notes rows, times and memory.

Run by it alone: `python -m benchmarks.two_gpus_process SPEC.json`, by itself or as a worker of `accelerate launch`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from msgspec.structs import replace

from evalgate.core.record import from_json
from evalgate.training import fast, hardware, launch, trainer, worker
from evalgate.training.quiet import quiet
from evalgate.training.selection import Selection
from evalgate.training.trainer import CHECKPOINTS
from evalgate.training.work import Job

N_WARM = 4  # steps before time is taken; the last one is left out, too, because it ends in files
# In the environment. On CPUs: go the fast way all the same; and: twice as many packs as were planned.
PRETEND, HALVED = "TWO_GPUS_PRETEND", "TWO_GPUS_HALVED"


class Silent:
    """A progress that shows nothing."""

    def stage(self, name: str, total: int, done: int = 0) -> Any:
        """Nothing."""
        return nullcontext(lambda *_: None)

    def note(self, text: str) -> None:
        """A line, to see that rows were left out."""
        print(text, file=sys.stderr)


def observed(kind: type[Any], file: Path, plans: list[dict[str, Any]]) -> type[Any]:
    """A trainer's class that writes the rows of its micro-batches, when timed steps began, and what its card held.

    Rows are noted where they are collated, on the CPU: to read them on the card would make Python wait for it.
    """
    import torch

    on_cuda = torch.cuda.is_available() and not launch.on_cpu()

    class Observed(kind):  # type: ignore[misc]
        """See the function."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.micro: list[tuple[list[int], int]] = []
            self.began: dict[int, float] = {}
            collate = self.data_collator

            def noting(items: list[dict[str, Any]]) -> Any:
                self.micro.append(rows_with_loss(items))
                return collate(items)

            self.data_collator = noting

        def get_batch_samples(self, *arguments: Any, **options: Any) -> Any:
            """One step's micro-batches of this process; a timed stretch begins and ends when the card is done."""
            step = self.state.global_step
            if step in (min(N_WARM, self.state.max_steps - 2), self.state.max_steps - 1):
                if on_cuda:
                    torch.cuda.synchronize()
                self.began[step] = time.monotonic()
            return super().get_batch_samples(*arguments, **options)

        def train(self, *arguments: Any, **options: Any) -> Any:
            """The whole training, and then what was noted."""
            result = super().train(*arguments, **options)
            found = {"micro": self.micro, "per_step": self.args.gradient_accumulation_steps, "began": self.began,
                     "plan": plans[-1] if plans else None}  # fmt: skip
            if on_cuda:
                free, total = torch.cuda.mem_get_info()
                found |= {"peak_gb": torch.cuda.max_memory_allocated() / 1e9,
                          "reserved_gb": torch.cuda.max_memory_reserved() / 1e9,
                          "card_gb": (total - free) / 1e9}  # fmt: skip
            file.write_text(json.dumps(found))
            return result

    return Observed


def rows_with_loss(items: list[dict[str, Any]]) -> tuple[list[int], int]:
    """The documents of a micro-batch that carry loss, each as a number, and all their tokens."""
    rows, n_tokens = [], 0
    for item in items:
        start = 0
        for n in item.get("seq_lengths") or [len(item["input_ids"])]:
            if any(label != -100 for label in item["labels"][start : start + n]):
                rows.append(hash(tuple(item["input_ids"][start : start + n])))
                n_tokens += n
            start += n
    return rows, n_tokens


def main(spec: Path) -> None:
    """Train, observed."""
    folder, rank = spec.parent.parent, os.environ.get("RANK", "0")
    made, way, plans = trainer.trainer_class, fast.fast, list[dict[str, Any]]()
    trainer.trainer_class = lambda: observed(made(), folder.with_name(f"{folder.name}.rank{rank}"), plans)
    pretend = launch.on_cpu() and bool(os.environ.get(PRETEND))
    if pretend:
        fast.installed, hardware.grow_blocks = (lambda: True), (lambda: None)

    def noted(recipe: Any, config: Any, encoded: Any, where: Any) -> Any:
        found = way(recipe, config, encoded, "cuda" if pretend else where)
        if found and os.environ.get(HALVED):
            found = replace(found, plan=replace(found.plan, n_packs=2 * found.plan.n_packs))
        if found:
            plan = found.plan
            plans.append({"packs": plan.n_packs, "checkpointed": plan.n_checkpointed, "largest": plan.setup.length,
                          "needs_gb": plan.card_bytes / 1e9})  # fmt: skip
        return found

    trainer.fast = noted
    if "RANK" in os.environ:
        worker.main(spec)
        return
    job = from_json(spec.read_bytes(), Job)
    with quiet(), ExitStack() as stack:
        trainer.fit(job, Selection(job.recipe, job.path / CHECKPOINTS, None), Silent(), stack)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
