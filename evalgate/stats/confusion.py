"""Numbers of a confusion table, for one table and for many resamples at once.

Shapes: `n` examples, `c` classes; `...` any leading axes. A pair is (true class, predicted class) as indices from 0;
-1 is an answer without a class.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Counts(NamedTuple):
    """By class `[..., c]`: right answers, examples of it, answers of it; and examples in all, `[...]`."""

    hits: Array
    true: Array
    predicted: Array
    n: Array


def counts(pairs: Array) -> Counts:
    """Count `pairs[..., n, 2]`; classes are those up to the highest index."""
    lead, n = pairs.shape[:-2], pairs.shape[-2]
    flat = pairs.reshape(-1, n, 2).astype(np.int64)
    size, c = len(flat), int(flat.max(initial=0)) + 1
    true, predicted = flat[..., 0], flat[..., 1]
    # One bin more in front of each table takes the answers without a class.
    bins = np.arange(size)[:, None] * (c + 1) + 1

    def tally(cells: NDArray[np.int64]) -> Array:
        table = np.bincount(cells.ravel(), minlength=size * (c + 1)).reshape(size, c + 1)[:, 1:]
        return table.astype(np.float64).reshape(*lead, c)

    hits = tally(np.where(true == predicted, bins + true, bins - 1))
    return Counts(hits, tally(bins + true), tally(bins + predicted), np.full(lead, float(n)))


def summands(pairs: Array) -> Array:
    """What `pairs[n, 2]` add to a table, `[n, 3 * c + 1]`: by class hits, examples and answers; and one example."""
    true, predicted = pairs.astype(np.int64).T
    classes = np.arange(int(pairs.max(initial=0)) + 1)
    is_true, is_predicted = true[:, None] == classes, predicted[:, None] == classes
    cells = [is_true & is_predicted, is_true, is_predicted, np.ones((len(pairs), 1), dtype=bool)]
    return np.concatenate(cells, axis=1).astype(np.float64)


def of_sums(sums: Array) -> Counts:
    """The table of `summands` that are summed, `[..., 3 * c + 1]`."""
    c = sums.shape[-1] // 3
    return Counts(sums[..., :c], sums[..., c : 2 * c], sums[..., 2 * c : 3 * c], sums[..., -1])


def precision(table: Counts) -> Array:
    """Of the answers of each class the share that is right, `[..., c]`; 0 where there are none."""
    return table.hits / np.maximum(table.predicted, 1)


def recall(table: Counts) -> Array:
    """Of the examples of each class the share that is found, `[..., c]`; 0 where there are none."""
    return table.hits / np.maximum(table.true, 1)


def f1(table: Counts) -> Array:
    """The harmonic mean of precision and recall of each class, `[..., c]`; 0 where both are."""
    return 2 * table.hits / np.maximum(table.true + table.predicted, 1)


def over_true(values: Array, table: Counts, weights: Array | None = None) -> Array:
    """The mean of `values[..., c]` over the classes that have examples, `[...]`; NaN where no class has any."""
    weight = (table.true > 0).astype(np.float64) if weights is None else weights
    total = weight.sum(axis=-1)
    mean: Array = np.divide((values * weight).sum(axis=-1), total, out=np.full(total.shape, np.nan), where=total > 0)
    return mean


def micro_f1(table: Counts) -> Array:
    """F1 of all classes pooled, `[...]`: below the accuracy's value nowhere, above it where answers have no class."""
    total = table.n + table.predicted.sum(axis=-1)
    pooled: Array = np.divide(2 * table.hits.sum(axis=-1), total, out=np.full(total.shape, np.nan), where=total > 0)
    return pooled


def mcc(table: Counts) -> Array:
    """Matthews' correlation for several classes (Gorodkin 2004), `[...]`; 0 where one side has one class only.

    Answers without a class are a class of their own, which no example has.
    """
    n, right = table.n, table.hits.sum(axis=-1)
    none = n - table.predicted.sum(axis=-1)
    cross = right * n - (table.true * table.predicted).sum(axis=-1)
    spread_true = n**2 - (table.true**2).sum(axis=-1)
    spread_predicted = n**2 - (table.predicted**2).sum(axis=-1) - none**2
    scale = np.sqrt(spread_true * spread_predicted)
    found: Array = np.divide(cross, scale, out=np.zeros(scale.shape), where=scale > 0)
    return np.where(n > 0, found, np.nan)
