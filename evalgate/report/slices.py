"""Slices as the report shows them: one table a task, with what many looks mean."""

from __future__ import annotations

import re
from typing import Any

from evalgate.core.content import text_of
from evalgate.core.data import Example, SliceBy
from evalgate.report import words
from evalgate.store import RunData

View = dict[str, Any]
BY = {"tag": "tag", "label": "label", "length": "length of the input", "cluster": "cluster"}


def slices_view(data: RunData) -> View:
    """Parts x systems for each task and metric, and the warning that belongs to them."""
    found = data.decision.slices if data.decision else ()
    asked = [*data.run.baselines, *data.run.candidates, *data.run.systems]
    systems = [s for s in dict.fromkeys(asked) if any(row.system == s for row in found)]
    tables = []
    for task, metric in dict.fromkeys((row.task, row.metric) for row in found):
        own = [row for row in found if (row.task, row.metric) == (task, metric)]
        cells = {(row.by, row.slice, row.system): row.estimate for row in own}
        scale = words.metric_scale(task, metric)
        rows = []
        for by, name in sorted(dict.fromkeys((row.by, row.slice) for row in own), key=_place):
            each = [cells.get((by, name, system)) for system in systems]
            shown = [
                {
                    "value": words.show(e.value, scale) if e else "n/a",
                    "interval": words.interval(e, scale) if e else "",
                    "tip": words.counted(e) if e else "not measured",
                    "unscored": e.n_unscored if e else 0,
                }
                for e in each
            ]
            rows.append({"kind": by, "by": BY[by], "slice": name, "n": max(e.n for e in each if e), "cells": shown})
        tables.append({"task": task, "metric": metric, "rows": rows})
    return {"systems": systems, "tables": tables, "note": many_looks(len(found))}


def _place(part: tuple[SliceBy, str]) -> tuple[int, int]:
    """Kinds stand together, and lengths from short to long; others stay in their order."""
    by, name = part
    return [*BY].index(by), _numbers(name)[0] if by == "length" else 0


def many_looks(n: int) -> str:
    """What so many intervals at 95 % mean."""
    missed = n / 20
    chance = f"about {missed:.0f} of them miss" if missed >= 1.5 else "one of them may well miss"
    return (
        f"Many slices are many looks: of these {n:,} intervals at 95% {chance} the truth by chance alone, and the best "
        "and the worst slice are the likeliest to. Slices do not gate: what one of them suggests needs a held-out set "
        "of its own."
    )


def named_parts(data: RunData, task: str) -> list[tuple[SliceBy, str]]:
    """The lengths and clusters that a task's tables have; tags and labels stand in each example itself."""
    found = data.decision.slices if data.decision else ()
    rows = ((row.by, row.slice) for row in found if row.task == task and row.by in ("length", "cluster"))
    return [*dict.fromkeys(rows)]


def places_in(parts: list[tuple[SliceBy, str]], example: Example) -> list[int]:
    """The positions in `parts` of those that an example is in."""
    n = len(text_of(example).split()) if any(by == "length" for by, _ in parts) else 0
    return [
        at for at, (by, name) in enumerate(parts) if (_holds(name, n) if by == "length" else name == example.cluster)
    ]


def _holds(name: str, n: int) -> bool:
    """Whether a length's name (`words: up to 40`, `words: 41 to 80`, `words: over 80`) means `n` words."""
    first, *second = _numbers(name)
    if second:
        return first <= n <= second[0]
    return n > first if "over" in name else n <= first


def _numbers(name: str) -> list[int]:
    return [int(number.replace(",", "")) for number in re.findall(r"[\d,]+", name)]
