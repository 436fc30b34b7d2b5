"""A training's curves as positions on small plots that share their steps, with the checkpoints as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from evalgate.core.training import AdapterCard, Choice, CurvePoint, Evaluation
from evalgate.report.charts import Axis
from evalgate.report.words import Scale
from evalgate.store import RunData

View = dict[str, Any]
MAX_POINTS = 200
# The plots of one training: name of the figure, unit of its axis, and its lines by field of a point.
PLOTS: tuple[tuple[str, Scale, tuple[tuple[str, str], ...]], ...] = (
    ("loss in nats a token", "plain", (("loss", "training loss"), ("dev_loss", "dev loss"))),
    ("score on dev, generated", "fraction", (("dev_score", "dev score"),)),
    ("drift on general text in nats a token", "plain", (("drift", "drift"),)),
)


def curves_view(data: RunData) -> list[View]:
    """One block a training that logged anything, in the order of the run's systems."""
    return [{"name": name, **view} for name, card in data.cards.items() if (view := training_view(card))]


def training_view(card: AdapterCard) -> View | None:
    """Plots of what was logged, marks at the checkpoints that were kept, and a row for each evaluation."""
    steps = [float(point.step) for point in card.curves]
    if not steps:
        return None
    x = Axis(steps, air=0.0)
    limit = card.choices[-1].max_drift if card.choices else None
    plots = [plot for title, scale, lines in PLOTS if (plot := _plot(card.curves, title, scale, lines, x, limit))]
    if not plots:
        return None
    return {
        "plots": plots,
        "marks": [_mark(choice, x) for choice in card.choices],
        "x_ticks": x.ticks("plain"),
        "notes": [note for choice in card.choices for note in _notes(choice)],
        "metrics": _metrics(card.choices),
        "rows": [_row(e, choice) for choice in card.choices for e in choice.evaluations],
    }


def _plot(
    points: Sequence[CurvePoint],
    title: str,
    scale: Scale,
    lines: Sequence[tuple[str, str]],
    x: Axis,
    limit: float | None,
) -> View | None:
    series = [(field, label, found) for field, label in lines if (found := _points(points, field))]
    if not series:
        return None
    values = [value for _, _, found in series for _, value in found]
    held = limit if limit is not None and series[0][0] == "drift" else None
    y = Axis(values if held is None else [*values, 0.0, held])
    return {
        "title": title,
        "lines": [
            {
                "name": label,
                "id": field,
                "points": " ".join(f"{x.at(step)},{100 - y.at(value):.2f}" for step, value in found),
                "dots": [{"x": x.at(step), "y": round(100 - y.at(value), 2)} for step, value in found]
                if len(found) <= 20
                else [],
                "last": _percent(found[-1][1])
                if scale == "fraction"
                else _number(found[-1][1], signed=field == "drift"),
            }
            for field, label, found in series
        ],
        "limit": None if held is None else {"y": round(100 - y.at(held), 2), "text": f"limit {held:g}"},
        "y_ticks": [{**mark, "y": round(100 - mark["x"], 2)} for mark in y.ticks(scale)],
    }


def _points(rows: Sequence[CurvePoint], name: str) -> list[tuple[int, float]]:
    found = [(row.step, value) for row in rows if (value := getattr(row, name)) is not None and math.isfinite(value)]
    kept = np.linspace(0, len(found) - 1, min(len(found), MAX_POINTS)).astype(int)
    return [found[i] for i in kept]


def _mark(choice: Choice, x: Axis) -> View:
    over = choice.overfitting
    return {
        "x": x.at(float(choice.step)),
        "text": f"kept: step {choice.step}",
        "over": None if over is None else {"x": x.at(float(over.since)), "text": f"overfits from step {over.since} on"},
    }


def _notes(choice: Choice) -> list[View]:
    early = f" Training was stopped early after step {choice.stopped}." if choice.stopped else ""
    found = [{"warn": False, "text": f"Step {choice.step} of {choice.planned} is kept: {choice.reason}.{early}"}]
    if choice.overfitting:
        what = choice.overfitting.what
        text = f"Overfitting from step {choice.overfitting.since} on: {what}, while the training loss went on falling."
        found.append({"warn": True, "text": text})
    return found


def _metrics(choices: Sequence[Choice]) -> str:
    if not choices or not choices[-1].metrics:
        return ""
    last = choices[-1]
    asked = ", ".join(f"{task} by {metric} ({last.n_items[task]})" for task, metric in last.metrics.items())
    return f"Dev items, asked greedily at every checkpoint: {asked}; the score is the mean over tasks."


def _row(e: Evaluation, choice: Choice) -> View:
    tasks = {task: sum(values) / len(values) for task, values in e.seen.scores.items() if values}
    return {
        "step": f"{e.step:,}",
        "kept": e.step == choice.step,
        "loss": _number(e.loss),
        "dev_loss": _number(e.dev_loss),
        "score": "–" if e.score is None else _percent(e.score),
        "tasks": ", ".join(f"{task} {_percent(value)}" for task, value in tasks.items()),
        "behind": "–" if e.score is None else f"{100 * e.behind:.1f} ± {100 * e.se:.1f}".replace("-", "−"),
        "drift": _number(e.seen.drift, signed=True),
        "over_limit": not e.within,
    }


def _number(value: float | None, *, signed: bool = False) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return format(value, "+.3f" if signed else ".3f").replace("-", "−")


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"
