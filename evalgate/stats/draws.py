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
Counts = NDArray[np.float32]
# Cells of one chunk, and the most that are kept for the next system.
CHUNK_CELLS, KEPT_CELLS = 2_000_000, 32_000_000
# So many at once stay in a core's cache while they are counted: a third less time than for ten times as many.
DRAWN_CELLS = 200_000
# From here on, 32-bit floats leave out whole numbers.
EXACT = 1 << 24


def resampled(totals: Array, b: int, seed: int, *path: str | int) -> Iterator[Array]:
    """Chunks `[chunk, k]` of the sums of `totals[u, k]` over the units that each of `b` resamples draws."""
    n_units = len(totals)
    if b * n_units > KEPT_CELLS:
        yield from (drawn.astype(np.float64) @ totals for drawn in _chunks(n_units, b, seed, path, CHUNK_CELLS))
        return
    kept, step = _kept(n_units, b, seed, path), max(1, CHUNK_CELLS // n_units)
    # Sums of whole numbers below 2**24 are the same in half the bytes: no partial sum is rounded.
    exact = bool(np.all(totals == np.floor(totals))) and n_units * float(np.abs(totals).max()) < EXACT
    for i in range(0, b, step):
        if exact:
            yield (kept[i : i + step] @ totals.astype(np.float32)).astype(np.float64)
        else:
            yield kept[i : i + step].astype(np.float64) @ totals


# One: the systems of a metric follow each other.
@lru_cache(maxsize=1)
def _kept(n_units: int, b: int, seed: int, path: tuple[str | int, ...]) -> Counts:
    kept, start = np.empty((b, n_units), dtype=np.float32), 0
    for drawn in _chunks(n_units, b, seed, path, DRAWN_CELLS):
        kept[start : start + len(drawn)] = drawn
        start += len(drawn)
    return kept


def _chunks(n_units: int, b: int, seed: int, path: tuple[str | int, ...], cells: int) -> Iterator[NDArray[np.int64]]:
    generator = rng(seed, *path)
    step = max(1, cells // n_units)
    for start in range(0, b, step):
        size = min(step, b - start)
        chosen = generator.integers(0, n_units, size=(size, n_units)) + n_units * np.arange(size)[:, None]
        yield np.bincount(chosen.ravel(), minlength=size * n_units).reshape(size, n_units)
