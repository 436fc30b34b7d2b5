"""The one door for randomness and for time."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime

import numpy as np


def derived_seed(seed: int, *path: str | int) -> int:
    """A 32-bit seed for one named purpose, independent of the order in which purposes are asked for."""
    text = "/".join([str(seed), *map(str, path)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def rng(seed: int, *path: str | int) -> np.random.Generator:
    """A NumPy generator for one named purpose, e.g. `rng(7, "latency", "order")`."""
    return np.random.default_rng(derived_seed(seed, *path))


def now() -> str:
    """The time in UTC, ISO 8601, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def clock() -> float:
    """Seconds of a steady clock, for durations only."""
    return time.perf_counter()
