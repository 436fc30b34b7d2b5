"""The one door to peak memory: of the CUDA device where torch uses one, else of this process."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path
from typing import Any

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peak() -> None:
    """Start measuring peak memory."""
    if cuda := _cuda():
        cuda.reset_peak_memory_stats()
        return
    with contextlib.suppress(OSError):
        RESET.write_text("5")


def peak_bytes() -> int:
    """Peak memory since `reset_peak`; where a system has no /proc, since the process began."""
    if cuda := _cuda():
        return int(cuda.max_memory_allocated())
    with contextlib.suppress(OSError):
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _cuda() -> Any:
    """torch's CUDA door if this process has loaded torch and sees a device: whoever has not used none of its memory."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_available() else None
