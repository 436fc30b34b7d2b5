"""Which score is compared, and whether the two sides can be paired at all."""

from __future__ import annotations

import math
from collections.abc import Iterable

from msgspec.structs import replace

from evalgate.comparing.sides import HASH, Asked, Item, Side
from evalgate.core.errors import UsageError
from evalgate.core.results import Failure, Finding, Score

ROUNDING = 1e-9
NO_ROW = Failure(code="item-missing", message="the recording has no such item")
NO_SCORE = Failure(code="item-unscored", message="the recording has no score for this item")


def choose_metric(a: Side, b: Side, asked: Asked) -> str:
    """The score that is compared: the asked one, else the first that all scored items of both sides have within range.

    Raises `no-shared-score`, `metric-differs`.
    """
    if asked.metric is not None:
        for side in (a, b):
            known = dict.fromkeys(name for item in side.items for name in item.values)
            if not any(item.values.get(asked.metric) is not None for item in side.items):
                raise _no_score(f"{side.path} has no number '{asked.metric}'", list(known), side)
        metric = asked.metric
    else:
        shared = [name for name in a.names if name in b.names]
        metric = next((name for name in shared if _within(a, name, asked) and _within(b, name, asked)), "")
        if not metric:
            what = f"{a.path} and {b.path} share no score from {_range(asked)} that all their items have"
            raise _no_score(what, shared, b)
    was, now = a.signatures.get(metric), b.signatures.get(metric)
    if was and now and was != now:
        raise UsageError(
            f"'{metric}' is counted otherwise in B: '{was}' in A, '{now}' in B",
            code="metric-differs",
            fix="score both with one version: `evalgate run` again with the folder of the older one scores it anew",
            where=str(b.path),
        )
    return metric


def _no_score(what: str, known: list[str], side: Side) -> UsageError:
    there = f"name one of: {', '.join(known)}" if known else "give recordings with a number for each item"
    return UsageError(
        what, code="no-shared-score", fix=f"{there} (`--metric NAME`; `--range WORST,BEST`)", where=str(side.path)
    )


def _range(asked: Asked) -> str:
    low, high = sorted(asked.scale or (0.0, 1.0))
    return f"{low:g} to {high:g}"


def _within(side: Side, name: str, asked: Asked) -> bool:
    low, high = sorted(asked.scale or (0.0, 1.0))
    found = [value for item in side.items if (value := item.values.get(name)) is not None]
    return all(low - ROUNDING <= value <= high + ROUNDING for value in found)


def refuse_unpaired(a: Side, b: Side) -> None:
    """Raise `no-shared-items` where no id stands on both sides, `items-differ` where one id asks two things."""
    first, second = ({item.id: item for item in side.items} for side in (a, b))
    shared = [i for i in first if i in second]
    if not shared:
        example = f"'{next(iter(first))}' there, '{next(iter(second))}' here"
        raise UsageError(
            f"{b.path} has none of the {len(first):,} items of {a.path} (ids such as {example})",
            code="no-shared-items",
            fix=f"name the column of the ids with `--id COLUMN`, or pair by what items ask with `--id {HASH}`",
            where=str(b.path),
        )
    other = [i for i in shared if first[i].content and second[i].content and first[i].content != second[i].content]
    if other:
        n = f"{len(other):,} of {len(shared):,}"
        raise UsageError(
            f"{n} items with one id ask different things in A and B (first: '{other[0]}')",
            code="items-differ",
            fix=f"compare recordings of the same data, or pair by what items ask with `--id {HASH}`",
            where=second[other[0]].where,
        )


def scores_of(side: Side, metric: str, ids: Iterable[str], task: str, asked: Asked) -> list[Score]:
    """The side's scores as fractions with 1 as the best, one row for each item and repeat; an item without is unscored.

    Raises `scores-out-of-range`.
    """
    rows: list[Score] = []
    by_id: dict[str, list[Item]] = {}
    for item in side.items:
        by_id.setdefault(item.id, []).append(item)
    for i in ids:
        blank = Score(example_id=i, system=side.name, task=task, metric=metric, status="unscored", failure=NO_ROW)
        if i not in by_id:
            rows.append(blank)
        for repeat, item in enumerate(by_id.get(i, ())):
            value = item.values.get(metric)
            row = replace(blank, repeat=repeat, cluster=item.cluster, failure=NO_SCORE)
            if value is not None:
                turned = _fraction(value, metric, side, item, asked)
                row = replace(row, status="scored", parts=(turned,), failure=None)
            rows.append(row)
    return rows


def _fraction(value: float, metric: str, side: Side, item: Item, asked: Asked) -> float:
    worst, best = asked.scale or (0.0, 1.0)
    if asked.lower_is_better or metric in side.lower:
        worst, best = best, worst
    found = (value - worst) / (best - worst)
    if not -ROUNDING <= found <= 1 + ROUNDING:
        raise UsageError(
            f"the score '{metric}' must lie between {_range(asked).replace(' to ', ' and ')}, found {value:g}",
            code="scores-out-of-range",
            fix="say what its worst and its best value are, e.g. `--range 1,5`, or choose another with `--metric`",
            where=item.where,
        )
    return min(1.0, max(0.0, found))


def check_scale(scale: tuple[float, float] | None) -> None:
    """Raise `bad-setting` for a range without two different numbers."""
    if scale is not None and (scale[0] == scale[1] or not all(map(math.isfinite, scale))):
        raise UsageError(
            f"the range {scale[0]:g},{scale[1]:g} has no worst and best value",
            code="bad-setting",
            fix="give two different numbers: `--range 1,5`",
        )


def missing_items(side: Side, other: Side, rows: list[Score]) -> list[Finding]:
    """What the side lacks: items that the other one has, and items that it has no score for."""
    n = len({row.example_id for row in rows})
    told = {NO_ROW.code: f"lacks {{n}} of {n:,} items that {other.name} has",
            NO_SCORE.code: f"has no score for {{n}} of {n:,} items"}  # fmt: skip
    found = []
    for code, what in told.items():
        lost = list(dict.fromkeys(row.example_id for row in rows if row.failure and row.failure.code == code))
        if lost:
            text = f"{side.name} {what.format(n=f'{len(lost):,}')} (first: '{lost[0]}')"
            fix = "record the same items on both sides; they count as the worst case for the candidate"
            found.append(Finding(code=code, what=text, where=str(side.path), fix=fix, system=side.name, hard=False))
    return found
