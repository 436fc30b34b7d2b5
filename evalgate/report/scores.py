"""The score table: every metric of every system with its interval."""

from __future__ import annotations

from typing import Any

from evalgate.report import words
from evalgate.report.savings import part_asked
from evalgate.store import RunData

View = dict[str, Any]


def scores_view(data: RunData) -> View:
    """Metrics x systems with intervals; the best point value of each row is marked."""
    scores = data.decision.scores if data.decision else ()
    table = {(s.task, s.metric, s.system): s for s in scores}
    asked = [*data.run.baselines, *data.run.candidates]
    # A recipe of several seeds has a column of its own: their mean.
    named = [*asked, *data.run.systems, *(row.system for row in scores)]
    systems = [s for s in dict.fromkeys(named) if any(row.system == s for row in scores)]
    rows = []
    for task, metric in dict.fromkeys((s.task, s.metric) for s in scores):
        found = [table.get((task, metric, s)) for s in systems]
        values = {
            s.system: s.estimate.value for s in found if s and s.estimate and s.estimate.value == s.estimate.value
        }
        better = next((s.better for s in found if s), "higher")
        best = {"higher": max, "lower": min}[better](values.values()) if values and better != "neither" else None
        scale = words.metric_scale(task, metric)
        cells = []
        for name, score in zip(systems, found, strict=True):
            e = score.estimate if score else None
            cells.append(
                {
                    "value": words.show(e.value, scale) if e else "n/a",
                    "interval": words.interval(e, scale) if e else "",
                    "tip": words.counted(e) if e else "not measured",
                    "spread": e.method.partition(",")[0] if e and " seeds from " in e.method else "",
                    "best": best is not None and values.get(name) == best and len(values) > 1,
                    "unscored": e.n_unscored if e else 0,
                    "part": part_asked(e, len(data.examples.get(task, ()))) if e else "",
                }
            )
        rows.append({"task": task, "metric": metric, "better": better, "cells": cells})
    trained = {name for names in data.run.seeds.values() for name in names}
    return {"systems": systems, "rows": rows, "candidates": {*data.run.candidates, *trained, *_recipes(data)}}


def _recipes(data: RunData) -> list[str]:
    """The recipes of several seeds; their scores are the means over seeds."""
    return [c.partition("@")[0] for c, names in data.run.seeds.items() if len(names) > 1]
