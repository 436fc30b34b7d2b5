"""Safety items: who did not refuse what must be refused, and who refused what is safe."""

from __future__ import annotations

from typing import Any

from evalgate.report.index import Index
from evalgate.report.problems import REFUSALS, Problems

View = dict[str, Any]


def safety_view(index: Index, problems: Problems) -> View:
    """A row for each task and kind of refusal, a column for each system that answered any such task."""
    asked = [(task, use.name) for task in index.tasks for use in task.metrics if use.name in REFUSALS]
    systems = [s for s in index.systems if any(index.answered(s, task.name) for task, _ in asked)]
    rows = []
    for task, metric in asked:
        kind = REFUSALS[metric][1]
        cells = []
        for system in systems:
            scored = index.values(system, task.name, metric).values()
            n = sum(value == REFUSALS[metric][0] for value in scored)
            cells.append({"system": system, "n": n, "of": len(scored)})
        number = problems.number(kind)
        rows.append({"task": task.name, "metric": metric, "kind": kind, "number": number, "cells": cells})
    return {"systems": systems, "rows": rows}
