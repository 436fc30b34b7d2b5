"""How often each unit is drawn in bootstrap resamples: the same draws for all systems that have as many units.

Shapes: `b` resamples, `u` units (examples, or clusters of them), `k` sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from evalgate.core.seeds import rng

Array = NDArray[np.float64]
Counts = NDArray[np.uint8]
# Cells of one chunk, and the most that are kept for the next system.
CHUNK_CELLS, KEPT_CELLS = 2_000_000, 32_000_000


def resampled(totals: Array, b: int, seed: int, *path: str | int) -> Iterator[Array]:
    """Chunks `[chunk, k]` of the sums of `totals[u, k]` over the units that each of `b` resamples draws."""
    n_units = len(totals)
    kept = _kept(n_units, b, seed, path) if b * n_units <= KEPT_CELLS else None
    step = max(1, CHUNK_CELLS // n_units)
    chunks = _chunks(n_units, b, seed, path) if kept is None else (kept[i : i + step] for i in range(0, b, step))
    for drawn in chunks:
        yield drawn.astype(np.float64) @ totals


# Two, because metrics of one task alternate between parts of two sizes at most while their systems follow each other.
@lru_cache(maxsize=2)
def _kept(n_units: int, b: int, seed: int, path: tuple[str | int, ...]) -> Counts | None:
    """All draws in bytes; None where a count does not fit one."""
    kept, start = np.empty((b, n_units), dtype=np.uint8), 0
    for drawn in _chunks(n_units, b, seed, path):
        if drawn.max() > np.iinfo(np.uint8).max:
            return None
        kept[start : start + len(drawn)] = drawn
        start += len(drawn)
    return kept


def _chunks(n_units: int, b: int, seed: int, path: tuple[str | int, ...]) -> Iterator[NDArray[np.int64]]:
    generator = rng(seed, *path)
    step = max(1, CHUNK_CELLS // n_units)
    for start in range(0, b, step):
        size = min(step, b - start)
        chosen = generator.integers(0, n_units, size=(size, n_units)) + n_units * np.arange(size)[:, None]
        yield np.bincount(chosen.ravel(), minlength=size * n_units).reshape(size, n_units)
