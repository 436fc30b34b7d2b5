"""Whether whole models find room beside the shared base: known before anything is loaded, from the files' headers."""

from __future__ import annotations

import os
from contextlib import suppress
from math import ceil, prod
from pathlib import Path

from evalgate.backends.vllm import NAME as VLLM
from evalgate.core.artefacts import WEIGHTS, stored_dtype, tensors_in
from evalgate.core.data import ModelSpec, Recipe, Suite
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.record import Record

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# Of the free memory: keys, values and logits need the rest.
SHARE = 0.9
# Bytes of a 4-bit weight with its scales, for the matrices of layers; embeddings and head stay as they are.
NF4_BYTES = 0.52
MEMORY = Path("/proc/meminfo")


class Room(Record, frozen=True, kw_only=True):
    """Bytes of the base's weights, of all whole models that are open beside it at once, and what is free for both."""

    base_bytes: int
    whole_bytes: int
    n_whole: int
    free_bytes: int

    @property
    def n_bytes(self) -> int:
        """Of all weights together."""
        return self.base_bytes + self.whole_bytes

    @property
    def device_bytes(self) -> int:
        """What a device must have free for them."""
        return ceil(self.n_bytes / SHARE)


def whole_names(recipes: tuple[Recipe, ...]) -> list[str]:
    """Of the candidates that are whole models those that are timed: of several seeds the first."""
    return [*dict.fromkeys(recipe.written for recipe in recipes if recipe.whole)]


def refuse_beside(model: ModelSpec, recipes: tuple[Recipe, ...]) -> None:
    """Raise `cannot-measure` for a whole model beside a vLLM engine, which fills the device with one."""
    whole = next((recipe.name for recipe in recipes if recipe.whole), "")
    if whole and model.backend == VLLM:
        raise UsageError(
            f"'{whole}' is a whole model, and a vLLM engine fills the device with its own one",
            code="cannot-measure",
            fix="use `backend: hf`, or take `method: full`, `model` or `merge` out of the recipe",
            where="suite.yaml: model.backend",
        )


def room_beside(suite: Suite, model: ModelSpec, folder: Path, recipes: tuple[Recipe, ...]) -> Room | None:
    """What a run's models take at once; None where all candidates are adapters. Raises `no-room-beside`."""
    if not whole_names(recipes):
        return None
    device, free = free_bytes()
    room = room_of(suite, model, _counts(folder), recipes, device=device, free=free)
    if room is not None and (refusal := refusal_of(room, device, str(folder))):
        raise refusal
    return room


def room_of(
    suite: Suite, model: ModelSpec, weights: tuple[int, int], recipes: tuple[Recipe, ...], *, device: str, free: int
) -> Room | None:
    """What a run's models take at once on a device with `free` bytes, which need not be here.

    One whole model is open beside the base at a time, but while calls are timed in turn all of them are. `weights` of
    the base are those in its layers' matrices, and all others. None where all candidates are adapters.
    """
    names = whole_names(recipes)
    if not names:
        return None
    auto = "bfloat16" if device == "cuda" else "float32"
    dtype, (matrices, other) = auto if model.dtype == "auto" else model.dtype, weights
    n = len(names) if suite.spec.latency is not None else 1
    each = max(_whole_bytes(r, dtype, matrices + other) for r in recipes if r.whole and r.written in names)
    base = int(matrices * (NF4_BYTES if model.quantization == "nf4" else BYTES[dtype])) + other * BYTES[dtype]
    return Room(base_bytes=base, whole_bytes=n * each, n_whole=n, free_bytes=free)


def refusal_of(room: Room, device: str, where: str) -> EvalgateError | None:
    """`no-room-beside` if models are larger than the room that there is."""
    if room.n_bytes <= SHARE * room.free_bytes:
        return None
    place = "the device" if device == "cuda" else "memory"
    timed = ", or take `latency:` out of suite.yaml, for which all are open at once" if room.n_whole > 1 else ""
    return EvalgateError(
        f"{_models(room.n_whole)} and the base have {room.n_bytes / 1e9:.1f} GB of weights together, and of {place} "
        f"{room.free_bytes / 1e9:.1f} GB are free, a tenth of it for all else",
        code="no-room-beside",
        fix=f"gate fewer whole models in one run (`--candidates`){timed}; adapters share the base's weights",
        where=where,
    )


def _whole_bytes(recipe: Recipe, dtype: str, n_weights: int) -> int:
    """Of one whole model: one made elsewhere is as large as its files say, the others have the base's weights."""
    if recipe.model:
        return BYTES.get(stored_dtype(Path(recipe.model)), 4) * sum(_counts(Path(recipe.model)))
    return BYTES["bfloat16" if recipe.merge == "bf16" else dtype] * n_weights


def room_line(room: Room) -> str:
    """What is held at once, for people."""
    free = f"{room.free_bytes / 1e9:.1f} GB are free" if room.free_bytes else (
        f"a device must have {room.device_bytes / 1e9:.1f} GB free for them"
    )  # fmt: skip
    return (
        f"{_models(room.n_whole)} beside the base at once: {room.whole_bytes / 1e9:.2f} GB of weights beside "
        f"{room.base_bytes / 1e9:.2f} GB; {free}"
    )


def _models(n: int) -> str:
    return "one whole model" if n == 1 else f"{n} whole models"


def _counts(folder: Path) -> tuple[int, int]:
    """Weights in the layers' matrices, and all others, by the headers of the safetensors files."""
    matrices = other = 0
    for path in folder.glob(WEIGHTS):
        for name, tensor in tensors_in(path).items():
            n = prod(tensor["shape"])
            inner = len(tensor["shape"]) == 2 and "embed" not in name and "lm_head" not in name
            matrices, other = matrices + n * inner, other + n * (not inner)
    return matrices, other


def free_bytes() -> tuple[str, int]:
    """The device that models are opened on and its free bytes."""
    import torch

    if torch.cuda.is_available():
        return "cuda", int(torch.cuda.mem_get_info()[0])
    with suppress(OSError):
        for line in MEMORY.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return "cpu", int(line.split()[1]) * 1024
    return "cpu", os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2  # systems without /proc
