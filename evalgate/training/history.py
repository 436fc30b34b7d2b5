"""The Trainer's log as a curve that is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from evalgate.core.training import CurvePoint, Evaluation

SAME_NAMES = ("learning_rate", "dev_score", "drift")  # in the Trainer's log and in a curve's point


def curve(history: Sequence[dict[str, Any]]) -> tuple[CurvePoint, ...]:
    """The Trainer's log as one point a step, training and dev losses together."""
    points: dict[int, dict[str, Any]] = {}
    for entry in history:
        point = points.setdefault(int(entry["step"]), {})
        names = {"loss": "loss", "eval_loss": "dev_loss"} | {k: k for k in SAME_NAMES}
        point |= {mine: float(entry[theirs]) for theirs, mine in names.items() if theirs in entry}
    return tuple(CurvePoint(step=step, **point) for step, point in sorted(points.items()) if point)


def with_looks(points: Sequence[CurvePoint], evaluations: Sequence[Evaluation]) -> tuple[CurvePoint, ...]:
    """A curve with the dev scores and drifts of checkpoints that were looked at when it had been recorded."""
    found = {point.step: point for point in points}
    for e in evaluations:
        point = found.get(e.step, CurvePoint(step=e.step))
        found[e.step] = replace(point, dev_score=e.score, drift=e.seen.drift)
    return tuple(point for _, point in sorted(found.items()))
