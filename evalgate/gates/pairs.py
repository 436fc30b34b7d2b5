"""Lines two systems' scores up, example by example.

Shapes: `n` examples. A missing score counts as the worst case for the candidate: 0 for it, 1 for the baseline.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from evalgate.core.errors import UsageError
from evalgate.stats.paired import Codes

Array = NDArray[np.float64]
Entry: TypeAlias = "float | Sequence[float | None] | None"
SeedScores: TypeAlias = "Mapping[Hashable, Mapping[str, Entry]]"
Scores: TypeAlias = "Mapping[str, Entry] | Sequence[Entry] | Array"
Clusters: TypeAlias = "Mapping[str, str | None] | Sequence[str | None]"

# Rounding that a mean of fractions may carry beyond 0 and 1.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Scores of both systems, `candidate[n]` and `baseline[n]`, and the clusters as codes or None."""

    candidate: Array
    baseline: Array
    codes: Codes | None
    n_unscored: int

    @property
    def binary(self) -> bool:
        """Whether every score is 0 or 1."""
        both = (self.candidate, self.baseline)
        return all(bool(np.all((side == 0) | (side == 1))) for side in both)


def align(candidate: Scores, baseline: Scores, clusters: Clusters | None = None) -> Pairs:
    """Pair two systems' scores: by example id (the union of ids) for mappings, by place for sequences.

    None and NaN are missing; a sequence as an entry holds repeats, which are averaged first.

    Raises:
        UsageError: `pairs-mixed`, `pairs-length`, `no-pairs`, `scores-out-of-range`, `scores-not-numbers`.
    """
    ids: list[str] | None = None
    if isinstance(candidate, Mapping) and isinstance(baseline, Mapping):
        same = candidate.keys() == baseline.keys()
        ids = list(candidate) if same else list(dict.fromkeys([*candidate, *baseline]))
        left: Sequence[Entry] | Array = [candidate.get(i) for i in ids]
        right: Sequence[Entry] | Array = [baseline.get(i) for i in ids]
    elif isinstance(candidate, Mapping) or isinstance(baseline, Mapping):
        raise UsageError(
            "one system's scores are a mapping and the other's a sequence, so they cannot be paired",
            code="pairs-mixed",
            fix="give both as mappings from example id to score",
        )
    else:
        left, right = candidate, baseline
    if len(left) != len(right):
        raise UsageError(
            f"the candidate has {len(left)} scores and the baseline {len(right)}",
            code="pairs-length",
            fix="give mappings from example id to score, or sequences over the same examples in one order",
        )
    if len(left) == 0:
        raise UsageError("there are no scores to compare", code="no-pairs", fix="give at least one scored example")
    first, missing_first = column(left, worst=0.0)
    second, missing_second = column(right, worst=1.0)
    return Pairs(
        candidate=first,
        baseline=second,
        codes=cluster_codes(clusters, ids, first.size),
        n_unscored=int(np.count_nonzero(missing_first | missing_second)),
    )


def seeds_of(candidate: Scores | SeedScores) -> SeedScores | None:
    """The scores of each training seed, if that is what was given: mappings as values."""
    if isinstance(candidate, Mapping) and candidate and all(isinstance(v, Mapping) for v in candidate.values()):
        return cast("SeedScores", candidate)
    return None


def align_seeds(seeds: SeedScores, baseline: Scores, clusters: Clusters | None = None) -> list[Pairs]:
    """Pair every seed's scores with the baseline's, over the same examples in the same order.

    An example that any seed or the baseline has counts for all. Raises as `align`.
    """
    ids = dict.fromkeys(i for scores in seeds.values() for i in scores)
    return [align({i: scores.get(i) for i in ids}, baseline, clusters) for scores in seeds.values()]


def column(entries: Sequence[Entry] | Array, *, worst: float) -> tuple[Array, NDArray[np.bool_]]:
    """One system's mean score for each example, and where something was missing and counted as `worst`."""
    try:
        values = np.array(entries, dtype=np.float64)
    except (TypeError, ValueError):
        return _ragged(entries, worst)
    missing = np.isnan(values)
    values[missing] = worst
    if values.ndim == 2 and values.shape[1]:
        values, missing = values.mean(axis=1), np.asarray(missing.any(axis=1))
    elif values.ndim != 1:
        return _ragged(entries, worst)
    return _in_range(values), missing


def _ragged(entries: Sequence[Entry] | Array, worst: float) -> tuple[Array, NDArray[np.bool_]]:
    """As `column`, for examples with unequal numbers of repeats."""
    values, missing = np.empty(len(entries)), np.zeros(len(entries), dtype=np.bool_)
    for place, entry in enumerate(entries):
        try:
            repeats = np.atleast_1d(np.array(entry, dtype=np.float64))
        except (TypeError, ValueError):
            raise UsageError(
                f"score number {place + 1} is not a number: {entry!r}",
                code="scores-not-numbers",
                fix="give numbers from 0 to 1, None for a missing score, or a list of them for repeats",
            ) from None
        lost = np.isnan(repeats)
        missing[place] = bool(lost.any()) or repeats.size == 0
        values[place] = np.where(lost, worst, repeats).mean() if repeats.size else worst
    return _in_range(values), missing


def _in_range(values: Array) -> Array:
    """The values clipped of rounding; anything else outside 0 to 1 has no known worst case and is refused."""
    low, high = float(values.min()), float(values.max())
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise UsageError(
            f"scores must lie between 0 and 1, found {low if low < 0 else high:g}",
            code="scores-out-of-range",
            fix="divide the scores by their largest possible value, and turn them round if lower is better",
        )
    return np.clip(values, 0.0, 1.0, out=values)


def cluster_codes(clusters: Clusters | None, ids: list[str] | None, n: int) -> Codes | None:
    """Codes[n] of the clusters; None where every example stands alone. An example without a cluster is its own."""
    if clusters is None:
        return None
    if isinstance(clusters, Mapping):
        if ids is None:
            raise UsageError(
                "clusters are given by example id, but the scores are sequences",
                code="pairs-mixed",
                fix="give scores as mappings from example id to score, or the clusters as a sequence in the same order",
            )
        labels = [clusters.get(i) for i in ids]
    else:
        labels = list(clusters)
    if len(labels) != n:
        raise UsageError(
            f"there are {len(labels)} clusters for {n} examples",
            code="pairs-length",
            fix="give one cluster for each example, None for an example that stands alone",
        )
    known: dict[object, int] = {}
    codes = np.fromiter(
        (known.setdefault(("", i) if label is None else label, len(known)) for i, label in enumerate(labels)),
        dtype=np.int64,
        count=n,
    )
    return codes if len(known) < n else None
