"""Scores of parts of a task: by tag, label, length of the input or cluster. Many parts are many looks: none gates."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from evalgate.core.content import text_of
from evalgate.core.data import Example, SliceBy, SliceSpec, TaskSpec
from evalgate.core.protocols import Metric
from evalgate.core.results import Score, SliceScore
from evalgate.core.score_rows import columns_of
from evalgate.stats.interval import estimate_column
from evalgate.store import RunData

# Of each kind, the largest ones: a table of a thousand clusters tells nobody anything.
MAX_SLICES = 50


def slice_table(data: RunData, metrics: Mapping[str, Metric]) -> tuple[SliceScore, ...]:
    """Every system's number on each part of each task, by what the suite declares, else by tag and label.

    `metrics` maps `task.metric` to its metric.
    """
    rows: list[SliceScore] = []
    for task in data.run.suite.tasks:
        cut = task.slices or SliceSpec()
        chosen = [metrics[f"{task.name}.{name}"] for name in cut.metrics or _compared(task, metrics)]
        parts = slices_of(data.examples.get(task.name, ()), cut.by, min_n=cut.min_n)
        for system in data.run.systems:
            scores = data.scores[system].get(task.name, ())
            for metric in chosen:
                rows += score_slices(scores, metric, parts, seed=data.run.seed)
    return tuple(rows)


def slices_of(
    examples: Sequence[Example], by: Collection[SliceBy] = ("tag", "label"), *, min_n: int = 1
) -> dict[tuple[SliceBy, str], frozenset[str]]:
    """(kind, name) -> ids of the examples in that part; the largest 50 parts of a kind with at least `min_n` examples.

    A part that is the whole set is left out. Lengths are three parts of about equal size by words of the input; an
    example with several tags is in several parts.
    """
    found: dict[tuple[SliceBy, str], frozenset[str]] = {}
    for kind in by:
        parts: dict[str, set[str]] = {}
        for example, names in zip(examples, _names(kind, examples), strict=True):
            for name in names:
                parts.setdefault(name, set()).add(example.id)
        kept = [name for name, ids in parts.items() if min_n <= len(ids) < len(examples)]
        largest = sorted(kept, key=lambda name: -len(parts[name]))[:MAX_SLICES]
        found |= {(kind, name): frozenset(parts[name]) for name in parts if name in set(largest)}
    return found


def score_slices(
    scores: Sequence[Score],
    metric: Metric,
    parts: Mapping[tuple[SliceBy, str], Collection[str]],
    *,
    level: float = 0.95,
    seed: int = 0,
) -> list[SliceScore]:
    """One system's number and interval on each part; a part in which nothing was scored is left out.

    Intervals are those of the score table, each at its own `level`: of twenty at 95 %, one misses by chance.
    """
    column = columns_of(scores).get(metric.spec.name)
    if column is None or not parts:
        return []
    places: dict[str, list[int]] = {}
    for place, example_id in enumerate(column.ids):
        places.setdefault(example_id, []).append(place)
    first, rows = next(iter(scores)), []
    for (by, name), ids in parts.items():
        own = sorted(place for i in ids for place in places.get(i, ()))
        estimate = estimate_column(column.at(own), metric, level=level, seed=seed) if own else None
        if estimate is not None:
            rows.append(
                SliceScore(
                    task=first.task, by=by, slice=name, system=first.system, metric=metric.spec.name, estimate=estimate
                )
            )
    return rows


def _compared(task: TaskSpec, metrics: Mapping[str, Metric]) -> list[str]:
    """The first metric that is a mean over examples, else the first: macro-F1 of one label alone says nothing."""
    means = [use.name for use in task.metrics if metrics[f"{task.name}.{use.name}"].is_mean]
    return [means[0] if means else task.primary]


def _names(kind: SliceBy, examples: Sequence[Example]) -> list[Sequence[str]]:
    """The parts that each example is in."""
    if kind == "tag":
        return [tuple(dict.fromkeys(example.tags)) for example in examples]
    if kind == "label":
        return [() if example.label is None else (example.label,) for example in examples]
    if kind == "cluster":
        return [() if example.cluster is None else (example.cluster,) for example in examples]
    lengths = np.array([len(text_of(example).split()) for example in examples])
    return [(name,) for name in _buckets(lengths)] if lengths.size else []


def _buckets(lengths: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[str]:
    """`words: up to 40`, `words: 41 to 80` or `words: over 80`; fewer names where many lengths are equal."""
    low, high = (int(border) for border in np.quantile(lengths, [1 / 3, 2 / 3], method="inverted_cdf"))
    names = (f"words: up to {low:,}", f"words: {low + 1:,} to {high:,}", f"words: over {high:,}")
    return [names[0] if n <= low else names[1] if n <= high else names[2] for n in lengths]
