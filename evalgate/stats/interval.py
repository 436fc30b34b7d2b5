"""Plain intervals for the score table: one system, one metric, no comparison.

Shapes: `n` examples, `k` parts (a metric's sufficient statistics), `b` resamples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import count
from operator import lt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from evalgate.core.protocols import Metric
from evalgate.core.results import Estimate, Score
from evalgate.core.score_rows import ScoreColumn, columns_of
from evalgate.core.seeds import rng
from evalgate.stats.draws import CHUNK_CELLS, resampled
from evalgate.stats.paired import Codes, cluster_test, mean_test, t_test
from evalgate.stats.proportion import wilson
from evalgate.stats.seeds import SeedTest

Array = NDArray[np.float64]
Combine = Callable[[Array], Array]
Summands = Callable[[Array], tuple[Array, Combine]]

N_RESAMPLES = 1_999
# A table of summands that is larger costs more than the resamples' rows.
SUMMAND_CELLS = 8_000_000


def factorize(labels: Sequence[str]) -> Codes:
    """Codes[n] from 0, in the order in which labels first occur."""
    known = dict(zip(dict.fromkeys(labels), count()))
    return np.fromiter(map(known.__getitem__, labels), dtype=np.int64, count=len(labels))


def estimate_scores(rows: Sequence[Score], metric: Metric, *, level: float = 0.95, seed: int = 0) -> Estimate | None:
    """As `estimate_column`, for rows of one metric."""
    columns = [*columns_of(rows).values()]
    return estimate_column(columns[0], metric, level=level, seed=seed) if columns else None


def estimate_column(column: ScoreColumn, metric: Metric, *, level: float = 0.95, seed: int = 0) -> Estimate | None:
    """The metric's value over one system's scores with a two-sided interval; None if nothing was scored.

    Repeats of an example are averaged first (or resampled together); scores with clusters are resampled by cluster.
    Unscored ones are left out and counted in `n_unscored`.
    """
    if not column.scored.any():
        return None
    # The same order whatever the one in which they came.
    order = _order(column.ids, tuple(column.repeats.items()))
    scored = order[column.scored[order]]
    parts = column.parts[scored]
    examples = units = _codes(column.ids, scored)
    if column.clusters:
        names = [(column.clusters.get(place), column.ids[place]) for place in scored.tolist()]
        units = factorize([f"e:{example}" if cluster is None else f"c:{cluster}" for cluster, example in names])
    n = int(examples.max()) + 1
    n_units = int(units.max()) + 1
    if metric.is_mean:
        counts = np.bincount(examples)
        means = np.bincount(examples, weights=parts[:, 0]) / counts
        codes = units[np.unique(examples, return_index=True)[1]] if n_units < n else None
        value, low, high, method = mean_interval(means, codes, level, fraction=metric.spec.unit == "fraction")
    else:
        value, low, high = bootstrap_interval(
            parts, metric.combine, units, level=level, seed=seed,
            of_sums=getattr(metric, "of_sums", None), summands=getattr(metric, "summands", None),
        )  # fmt: skip
        method = f"percentile bootstrap, {N_RESAMPLES} resamples" + (" of clusters" if n_units < n else "")
    if math.isnan(value):
        return None
    return Estimate(
        value=value, low=low, high=high, level=level, n=n, method=method,
        n_clusters=n_units if n_units < n else None, n_unscored=len(column.ids) - len(scored),
    )  # fmt: skip


# A few: all metrics and systems of a task have the same ids in the same order.
@lru_cache(maxsize=8)
def _order(ids: tuple[str, ...], repeats: tuple[tuple[int, int], ...]) -> Codes:
    """The places of scores in the order of ids, then repeats (those that are not 0, by place)."""
    nth = dict(repeats)
    return np.array(sorted(range(len(ids)), key=lambda i: (ids[i], nth.get(i, 0))), dtype=np.int64)


def _codes(ids: tuple[str, ...], scored: Codes) -> Codes:
    """The numbers of the examples of `scored`, which are sorted by id."""
    found = [ids[place] for place in scored.tolist()]
    return np.arange(len(found)) if all(map(lt, found, found[1:])) else factorize(found)


def estimate_recipe(seeds: Sequence[Sequence[Score]], *, level: float = 0.95) -> Estimate | None:
    """The mean fraction of a recipe over its seeds' rows (two seeds or more), with an interval for seeds like these.

    Over the examples that every seed has scored; the others are counted in `n_unscored`. The method names the spread.
    """
    values: list[dict[str, list[float]]] = [{} for _ in seeds]
    clusters: dict[str, str] = {}
    for found, rows in zip(values, seeds, strict=True):
        for row in rows:
            clusters[row.example_id] = f"e:{row.example_id}" if row.cluster is None else f"c:{row.cluster}"
            if row.status == "scored" and row.parts:
                found.setdefault(row.example_id, []).append(row.parts[0])
    ids = sorted(i for i in clusters if all(i in found for found in values))
    if len(ids) < 2:
        return None
    table = np.array([[sum(found[i]) / len(found[i]) for i in ids] for found in values])
    codes = factorize([clusters[i] for i in ids])
    n_units = int(codes.max()) + 1
    means = table.mean(axis=1)
    test = SeedTest(mean_test(table.mean(axis=0), codes if n_units < len(ids) else None), t_test(means))
    low, high = (bound((1 - level) / 2) for bound in (test.low, test.high))
    spread = f"mean of {len(seeds)} seeds from {100 * means.min():.1f}% to {100 * means.max():.1f}%, Cochran-Cox t"
    return Estimate(
        value=test.value, low=max(0.0, low), high=high, level=level, n=len(ids), method=spread,
        n_clusters=n_units if n_units < len(ids) else None, n_unscored=len(clusters) - len(ids),
    )  # fmt: skip


def mean_interval(
    values: Array, codes: Codes | None, level: float, *, fraction: bool
) -> tuple[float, float, float, str]:
    """Mean of `values[n]`, its bounds and the method: Wilson for 0/1 fractions, t otherwise, CR1 with clusters.

    A single value (or cluster) has the widest interval there is: 0 to 1 for fractions, infinite otherwise.
    """
    alpha = (1 - level) / 2
    value = float(np.sort(values).mean())
    floor, ceiling = (0.0, 1.0) if fraction else (-math.inf, math.inf)
    binary = fraction and bool(np.all((values == 0) | (values == 1)))
    score = wilson(float(values.sum()), values.size, level) if binary else (floor, ceiling)
    if binary and codes is None:
        return value, *score, "Wilson"
    if values.size < 2 or (codes is not None and codes.max() == 0):
        return value, floor, ceiling, "too few to tell"
    test = t_test(values) if codes is None else cluster_test(values, codes)
    half = test.se * float(-stdtrit(test.df, alpha))
    low, high = max(floor, value - half), min(ceiling, value + half)
    if binary:
        low, high = min(low, score[0]), max(high, score[1])
    return value, low, high, "t" if codes is None else "CR1 cluster-robust t"


def bootstrap_interval(
    parts: Array,
    combine: Combine,
    units: Codes,
    *,
    level: float,
    seed: int,
    b: int = N_RESAMPLES,
    of_sums: Combine | None = None,
    summands: Summands | None = None,
) -> tuple[float, float, float]:
    """The combined value of `parts[n, k]` and a percentile interval from `b` resamples of whole units (`units[n]`).

    A metric that is a function of its parts' sums may give it as `of_sums`: its resamples cost a hundredth. One that is
    a function of other sums gives by `summands` what is summed and the function; both draw the same examples.
    """
    value, (n, k) = float(combine(parts)), parts.shape
    other = summands(parts) if summands is not None else None
    if of_sums is not None:
        totals = _unit_totals(parts, units)
        chunks = resampled(totals, b, seed, "bootstrap-sums", len(totals), k)
        found = [np.atleast_1d(of_sums(sums)) for sums in chunks]
    elif other is not None and other[0].size <= SUMMAND_CELLS:
        chunks = resampled(_unit_totals(other[0], units), b, seed, "bootstrap", n, k)
        found = [np.atleast_1d(other[1](sums)) for sums in chunks]
    else:
        found = [np.atleast_1d(combine(chunk)) for chunk in _resamples(parts, units, b, seed)]
    draws = np.concatenate(found)
    draws = draws[~np.isnan(draws)]
    if math.isnan(value) or not draws.size:
        return value, math.nan, math.nan
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return value, float(low), float(high)


def _resamples(parts: Array, units: Codes, b: int, seed: int) -> Iterator[Array]:
    """Chunks `parts[chunk, n, k]` of resampled rows; one resample at a time where units differ in size."""
    n, k = parts.shape
    sizes = np.bincount(units)
    members = np.split(np.argsort(units, kind="stable"), np.cumsum(sizes)[:-1])
    generator = rng(seed, "bootstrap", n, k)
    if sizes.min() == sizes.max():
        table = np.stack(members)
        step = max(1, CHUNK_CELLS // (n * k))
        for start in range(0, b, step):
            size = min(step, b - start)
            chosen = generator.integers(0, sizes.size, size=(size, sizes.size))
            yield parts[table[chosen].reshape(size, n)]
        return
    for _ in range(b):
        chosen = generator.integers(0, sizes.size, size=sizes.size)
        yield parts[np.concatenate([members[i] for i in chosen])]


def _unit_totals(rows: Array, units: Codes) -> Array:
    """`rows[n, k]` summed over each unit, `[u, k]`."""
    n_units = int(units.max()) + 1
    if np.array_equal(units, np.arange(len(rows))):
        return rows
    totals = np.zeros((n_units, rows.shape[1]))
    np.add.at(totals, units, rows)
    return totals
