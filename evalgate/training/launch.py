"""Several GPUs: one training in as many processes, started by `accelerate launch`, watched and ended from here.

Steps are those of one process: the same rows in each, the same number of them, the loss a mean over the supervised
tokens of all processes. What follows of shares and fillers is of TRL's own way; `packing` deals out planned trainings.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from msgspec.structs import replace

from evalgate.core.data import Recipe
from evalgate.core.errors import UsageError
from evalgate.core.protocols import Progress
from evalgate.core.record import Record, to_json_line
from evalgate.files import write_atomic
from evalgate.training.data import Encoded
from evalgate.training.following import LOG, Following, failure_of

WORKER = "evalgate.training.worker"
FOLDER, SPEC, EVENTS, CONFIG = "launch", "spec.json", "events.jsonl", "accelerate.yaml"
# accelerate's own switch; with it processes run on CPUs and talk through gloo.
USE_CPU = "ACCELERATE_USE_CPU"
POLL_S, END_S = 0.05, 20.0


def processes(recipe: Recipe) -> int:
    """How many processes train a recipe's first stage."""
    return recipe.num_gpus or 1


def on_cpu() -> bool:
    """Whether processes were asked to run on CPUs."""
    return os.environ.get(USE_CPU, "").lower() in ("1", "true", "yes")


def shared_out(arguments: Mapping[str, Any], recipe: Recipe) -> dict[str, Any]:
    """Arguments of SFTConfig for each process, so that an optimizer step still sees the whole batch.

    The micro-batch stays the largest that divides each process's share. Raises `batch-not-shared`.
    """
    n = processes(recipe)
    if n == 1:
        return dict(arguments)
    micro, steps = int(arguments["per_device_train_batch_size"]), int(arguments["gradient_accumulation_steps"])
    share, rest = divmod(micro * steps, n)
    if rest:
        near = f"{share * n} or {share * n + n}" if share else f"{n}"
        raise UsageError(
            f"recipe '{recipe.name}' has batches of {micro * steps} rows, which {n} GPUs cannot share evenly",
            code="batch-not-shared",
            fix=f"set `batch_size` to a multiple of {n}, such as {near}, or change `num_gpus`",
            where=recipe.path,
        )
    micro = next(k for k in range(min(micro, share), 0, -1) if share % k == 0)
    return dict(arguments) | {
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": share // micro,
        "average_tokens_across_devices": True,
        "ddp_find_unused_parameters": False,
        **({"ddp_backend": "gloo"} if arguments["use_cpu"] else {}),
        # bitsandbytes' optimizers know no sharded tensors.
        **({"optim": "adamw_torch"} if _is_fsdp(recipe) and "optim" not in recipe.overrides else {}),
    }


def _is_fsdp(recipe: Recipe) -> bool:
    found = yaml.safe_load(Path(recipe.accelerate_config).read_text()) if recipe.accelerate_config else {}
    return isinstance(found, dict) and found.get("distributed_type") == "FSDP"


def evenly(encoded: Encoded, arguments: Mapping[str, Any], n: int) -> Encoded:
    """The rows, and at their end as many without loss as make every process's micro-batches whole.

    Else accelerate would fill them up with rows from the beginning, which would then be learned twice.
    """
    each = int(arguments["per_device_train_batch_size"]) * n
    missing = -len(encoded.ids) % each
    if n == 1 or not missing or arguments.get("packing"):
        return encoded
    filler = encoded.ids[-1]
    return replace(
        encoded,
        ids=[*encoded.ids, *[filler] * missing],
        prompt_lengths=[*encoded.prompt_lengths, *[len(filler)] * missing],
    )


def refuse_unlaunchable(recipes: Sequence[Recipe]) -> None:
    """Raise `batch-not-shared`, `accelerate-config` or `too-few-gpus` before anything runs."""
    from evalgate.training.recipe import sft_arguments

    for recipe in recipes:
        n = processes(recipe)
        if n == 1:
            continue
        if recipe.accelerate_config:
            _refuse_config(recipe, Path(recipe.accelerate_config))
        shared_out(sft_arguments(recipe, device="cuda", output_dir="", has_dev=False), recipe)
        if not on_cpu() and (found := _n_devices()) < n:
            raise UsageError(
                f"recipe '{recipe.name}' wants {n} GPUs, but torch sees {found}",
                code="too-few-gpus",
                fix=f"lower `num_gpus`, or check CUDA_VISIBLE_DEVICES; {USE_CPU}=true trains in {n} processes on CPUs",
                where=recipe.path,
            )


def _n_devices() -> int:
    import torch

    return int(torch.cuda.device_count())


def _refuse_config(recipe: Recipe, file: Path) -> None:
    try:
        found = yaml.safe_load(file.read_text())
        why = "" if isinstance(found, dict) else "it is no mapping of keys"
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        found, why = {}, " ".join(str(error).split())
    if not why and int(found.get("num_machines") or 1) > 1:
        why = "it is for several machines"
    if why:
        raise UsageError(
            f"recipe '{recipe.name}' names an accelerate configuration that cannot be used: {why}",
            code="accelerate-config",
            fix="give a file as `accelerate config --config_file FILE` writes it, for one machine",
            where=str(file),
        )


def launched(job: Record, recipe: Recipe, folder: Path, progress: Progress, *, module: str = WORKER) -> None:
    """Train a job in several processes; what they write lies in the job's folder, as one process would leave it.

    Raises what a process raised, or `training-process-failed`; its log then stays in `launch/`.
    """
    place = folder / FOLDER
    shutil.rmtree(place, ignore_errors=True)
    write_atomic(place / SPEC, to_json_line(job))
    with _running(command(recipe, place, module), place) as process, Following(place / EVENTS, progress) as news:
        while process.poll() is None:
            news.read()
            time.sleep(POLL_S)
        news.read()
    if process.returncode:
        raise failure_of(place, recipe.name, process.returncode)
    shutil.rmtree(place)


def command(recipe: Recipe, place: Path, module: str = WORKER) -> list[str]:
    """The command line. A user's own default configuration of accelerate is never read: it would count unseen."""
    config = Path(recipe.accelerate_config) if recipe.accelerate_config else place / CONFIG
    if not recipe.accelerate_config:
        plain = {"compute_environment": "LOCAL_MACHINE", "distributed_type": "MULTI_GPU", "mixed_precision": "no"}
        write_atomic(config, yaml.safe_dump(plain | {"num_machines": 1, "machine_rank": 0}).encode())
    return [
        sys.executable, "-m", "evalgate.training.agent",
        "--config_file", str(config), "--num_processes", str(processes(recipe)), "--num_machines", "1",
        "--main_process_port", "0", "--module", module, str(place / SPEC),
    ]  # fmt: skip


@contextmanager
def _running(arguments: list[str], place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process group of its own, so that all of it can be ended; it never outlives the block."""
    root = str(Path(__file__).parents[2])  # where this very evalgate lies
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    with (place / LOG).open("wb") as log:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": paths},
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process group: politely first, so that torch's agent ends its workers, then for certain."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, sent)
            process.wait(END_S)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def placement() -> dict[str, int] | None:
    """Where this process loads a model on CUDA: on its own device, or nowhere yet if it is to be sharded."""
    if sharded():
        return None
    return {"": int(os.environ.get("LOCAL_RANK", "0"))}


def sharded() -> bool:
    """Whether accelerate will shard the model's weights: FSDP, or DeepSpeed's third stage."""
    fsdp = os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
    return fsdp or os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE") == "3"


class Gathered:
    """A sharded model as what saving and checking it asks for: its trained weights, whole."""

    def __init__(self, model: Any, state: Mapping[str, Any]) -> None:
        self._model, self._state = model, state

    def named_parameters(self) -> Iterator[tuple[str, Any]]:
        """The trained weights."""
        for name, parameter in self._model.named_parameters():
            if parameter.requires_grad:
                yield name, self._state[name].detach().requires_grad_()

    def save_pretrained(self, folder: str, **options: Any) -> None:
        """As PEFT's own."""
        self._model.save_pretrained(folder, state_dict=self._state, **options)


def gathered(trainer: Any) -> Any:
    """The trained model, its weights whole where they were sharded; every process must ask."""
    if not sharded():
        return trainer.model
    return Gathered(trainer.model, trainer.accelerator.get_state_dict(trainer.model_wrapped))
