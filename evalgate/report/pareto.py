"""Quality against time and money: every measured system of a task, and which of them another one beats in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalgate.core.results import SystemScore
from evalgate.core.serving import Amount, ServingNumber
from evalgate.report.charts import Axis
from evalgate.report.words import Scale, interval, metric_scale, show
from evalgate.store import RunData

View = dict[str, Any]
# What is paid for quality: the metric of serving, its heading, its unit; less is better.
COSTS: dict[str, tuple[str, Scale]] = {
    "latency_p50_s": ("median of single calls", "seconds"),
    "usd_per_1000": ("dollars per 1,000 requests", "usd"),
}
Place = tuple[float, ...]
# Lines of text must lie so far apart, in percent of the field's height.
LABEL_GAP = 8.0


def pareto_view(data: RunData) -> list[View]:
    """One entry for each task of which two systems have a score and a time or a price."""
    if data.decision is None:
        return []
    found = []
    for task in data.run.suite.tasks:
        scores = {
            s.system: s
            for s in data.decision.scores
            if task.metrics and (s.task, s.metric) == (task.name, task.primary) and s.estimate
        }
        numbers = [row for row in data.decision.serving if row.task == task.name and row.system in scores]
        if view := _task(task.name, task.primary, scores, numbers, {*data.run.candidates}):
            found.append(view)
    return found


def _task(
    task: str,
    metric: str,
    scores: Mapping[str, SystemScore],
    numbers: Sequence[ServingNumber],
    candidates: set[str],
) -> View | None:
    paid = {name: {row.system: row.amount for row in numbers if row.metric == name} for name in COSTS}
    paid = {name: amounts for name, amounts in paid.items() if len(amounts) > 1}
    better = next((s.better for s in scores.values()), "neither")
    if not paid or better == "neither":
        return None
    measured = [s for s in scores if any(s in amounts for amounts in paid.values())]
    sign = 1.0 if better == "higher" else -1.0
    places = {
        s: (sign * _value(scores[s]), *(-amounts[s].value for amounts in paid.values()))
        for s in measured
        if all(s in amounts for amounts in paid.values())
    }
    beaten = {s: [o for o in places if beats(places[o], places[s])] for s in places}
    scale = metric_scale(task, metric)
    return {
        "task": task,
        "metric": metric,
        "better": better,
        "columns": [COSTS[name][0] for name in paid],
        "rows": [_row(s, scores[s], paid, beaten.get(s), scale, s in candidates) for s in measured],
        "untimed": [s for s in scores if s not in measured],
        "plots": [_plot(name, amounts, scores, beaten, scale, candidates) for name, amounts in paid.items()],
    }


def beats(one: Place, other: Place) -> bool:
    """Whether a place is nowhere worse and somewhere better; more is better in each direction."""
    return all(a >= b for a, b in zip(one, other, strict=True)) and one != other


def _value(score: SystemScore) -> float:
    assert score.estimate is not None
    return score.estimate.value


def _row(
    system: str,
    score: SystemScore,
    paid: Mapping[str, Mapping[str, Amount]],
    beaten: list[str] | None,
    scale: Scale,
    is_candidate: bool,
) -> View:
    assert score.estimate is not None
    cells = []
    for name, amounts in paid.items():
        amount = amounts.get(system)
        cells.append({"value": show(amount.value if amount else None, COSTS[name][1]), "interval": _span(amount, name)})
    say = "not measured in all" if beaten is None else f"beaten by {', '.join(beaten)}" if beaten else "unbeaten"
    return {
        "system": system,
        "role": "candidate" if is_candidate else "baseline",
        "quality": show(score.estimate.value, scale),
        "interval": interval(score.estimate, scale),
        "cells": cells,
        "say": say,
        "front": beaten == [],
    }


def _span(amount: Amount | None, name: str) -> str:
    if amount is None or amount.low is None or amount.high is None:
        return ""
    return f"{show(amount.low, COSTS[name][1])} to {show(amount.high, COSTS[name][1])}"


def _plot(
    name: str,
    amounts: Mapping[str, Amount],
    scores: Mapping[str, SystemScore],
    beaten: Mapping[str, list[str]],
    scale: Scale,
    candidates: set[str],
) -> View:
    """Places of points with their intervals, in percent of the field; quality upwards, what is paid to the right."""
    shown = {s: (amount, scores[s].estimate) for s, amount in amounts.items()}
    x = Axis([0.0, *(v for a, _ in shown.values() for v in (a.value, a.low, a.high) if v is not None)])
    y = Axis([v for _, e in shown.values() if e for v in (e.value, e.low, e.high)])
    points = []
    for system, (amount, estimate) in shown.items():
        assert estimate is not None
        low, high = (amount.value if v is None else v for v in (amount.low, amount.high))
        points.append(
            {
                "system": system,
                "x": x.at(amount.value),
                "y": _up(y, estimate.value),
                "x1": x.at(low),
                "x2": x.at(high),
                "y1": _up(y, estimate.low),
                "y2": _up(y, estimate.high),
                "kind": "candidate" if system in candidates else "baseline",
                "front": beaten.get(system) == [],
                "text": f"{system}: {show(estimate.value, scale)}, {show(amount.value, COSTS[name][1])}",
            }
        )
    return {
        "title": COSTS[name][0],
        "points": _labelled(points),
        "x_ticks": x.ticks(COSTS[name][1]),
        "y_ticks": [{**tick, "y": round(100 - tick["x"], 2)} for tick in y.ticks(scale)],
    }


def _labelled(points: list[View]) -> list[View]:
    """The points with places for their names, beside them and apart from each other."""
    last = -LABEL_GAP
    for point in sorted(points, key=lambda p: p["y"]):
        last = point["label_y"] = max(last + LABEL_GAP, point["y"])
        crowded = any(0 < o["x"] - point["x"] < 25 and abs(o["y"] - point["y"]) < 15 for o in points)
        point["side"] = "l" if point["x"] > 60 or (crowded and point["x"] > 20) else "r"
    return points


def _up(axis: Axis, value: float) -> float:
    return round(100 - axis.at(value), 2)
