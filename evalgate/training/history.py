"""The Trainer's log as a curve that is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalgate.core.training import CurvePoint

SAME_NAMES = ("learning_rate", "dev_score", "drift")  # in the Trainer's log and in a curve's point


def curve(history: Sequence[dict[str, Any]]) -> tuple[CurvePoint, ...]:
    """The Trainer's log as one point a step, training and dev losses together."""
    points: dict[int, dict[str, Any]] = {}
    for entry in history:
        point = points.setdefault(int(entry["step"]), {})
        names = {"loss": "loss", "eval_loss": "dev_loss"} | {k: k for k in SAME_NAMES}
        point |= {mine: float(entry[theirs]) for theirs, mine in names.items() if theirs in entry}
    return tuple(CurvePoint(step=step, **point) for step, point in sorted(points.items()) if point)
