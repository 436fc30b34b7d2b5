"""What a training runs on: device, compute dtype, memory, library versions."""

from __future__ import annotations

import contextlib
import importlib.metadata
import resource
from pathlib import Path

from evalgate.training.recipe import Device, Dtype

PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate", "datasets")
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def device() -> Device:
    """The first CUDA device if there is one, else the CPU."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


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


def reset_peak(where: Device) -> None:
    """Start measuring peak memory."""
    if where == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()
    else:
        with contextlib.suppress(OSError):
            RESET.write_text("5")


def peak_bytes(where: Device) -> int:
    """Peak memory since `reset_peak`: of the device on CUDA, of this whole process on CPUs."""
    if where == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    with contextlib.suppress(OSError):
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # systems without /proc: the process's lifetime
