"""What a training runs on: device, compute dtype, memory, library versions."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path

from evalgate.training.recipe import Device, Dtype

PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate", "datasets")


def device() -> Device:
    """The first CUDA device if there is one, else the CPU."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def take_own_device() -> None:
    """Make the CUDA device of this process, one of several, its current one, before it uses any memory on the first."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))


def free_bytes() -> int:
    """What this process's CUDA device has left for it, what torch holds unused included; 0 without a device.

    A machine without a driver is told by its device files: torch takes seconds to import.
    """
    if not any(Path(name).exists() for name in ("/dev/nvidiactl", "/dev/dxg")):
        return 0
    import torch

    if not torch.cuda.is_available():
        return 0
    unused: int = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    return int(torch.cuda.mem_get_info()[0]) + unused


def grow_blocks() -> None:
    """Let torch's allocator grow its blocks, which wastes little where lengths vary; what a user set stays.

    With fixed blocks 12.9 GB were held for a peak of 10.6 (docs/log.md, 2026-11-23).
    """
    import torch

    if not {"PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"} & set(os.environ):
        # Private to torch; where it is gone memory is held as before.
        getattr(torch.cuda.memory, "_set_allocator_settings", lambda _: None)("expandable_segments:True")


def weight_dtype(where: Device) -> Dtype:
    """The dtype of weights that are not quantised: bf16 on CUDA, fp32 on CPUs, as the model is served there."""
    return "bfloat16" if where == "cuda" else "float32"


def compute_dtype(where: Device) -> Dtype:
    """The dtype that 4-bit layers multiply in: bf16 wherever the hardware has it.

    On a CPU with AVX512_BF16 this saves 20 % of a step; without it bf16 is emulated (docs/log.md, 2026-11-22).
    """
    import torch

    # The probe is private to torch; where it is gone fp32 is always right.
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    native = where == "cuda" or (probe is not None and bool(probe()))
    return "bfloat16" if native else "float32"


def versions() -> dict[str, str]:
    """Installed versions of what a training depends on."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}
