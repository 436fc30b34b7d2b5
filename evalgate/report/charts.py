"""Positions for the page's inline SVG, in percent of the drawing's width. Draws nothing and estimates nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from evalgate.core.serving import LatencyPair
from evalgate.report.words import NOTHING, Scale, show, tick

View = dict[str, Any]
MAX_DOTS = 160
QUANTILES = (0.5, 0.95)


class Axis:
    """A linear axis over what it must show, with a little air at both ends."""

    def __init__(self, values: Sequence[float], *, air: float = 0.06) -> None:
        finite = [v for v in values if math.isfinite(v)] or [0.0, 1.0]
        low, high = min(finite), max(finite)
        pad = (high - low) * air if high > low else abs(high) * 0.1 or 0.05
        self.low, self.high = low - pad, high + pad

    def at(self, value: float) -> float:
        """Where a value lies, in percent from the left, kept inside the drawing."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    def ticks(self, scale: Scale) -> list[View]:
        """Two to five round values with their places; the unit stands in the caption where it is a percent."""
        rough = (self.high - self.low) / 4.5
        power = 10 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [{"x": self.at(i * step), "text": tick(i * step, scale)} for i in range(first, last + 1)]


def forest(lines: Sequence[tuple[float, str]], estimates: Sequence[View], scale: Scale) -> View:
    """One gate's comparisons as rows over a shared axis; each estimate is a dict with `value`, `low` and `high`."""
    values = [e[k] for e in estimates for k in ("value", "low", "high")] + [value for value, _ in lines]
    axis = Axis(values)
    return {
        "lines": [
            {"x": axis.at(v), "text": name if name == NOTHING else f"{name} {show(v, scale)}", "main": i == 0}
            for i, (v, name) in enumerate(lines)
        ],
        "ticks": axis.ticks(scale),
        "rows": [
            {**e, "x": axis.at(e["value"]), "x1": axis.at(e["low"]), "x2": axis.at(e["high"])}
            for e in estimates
            if math.isfinite(e["value"])
        ],
    }


def latency(candidate: str, pairs: Sequence[LatencyPair]) -> View | None:
    """Both sides of a candidate's latency pairs as dots with median and 95th percentile; cached calls left out."""
    live = [p for p in pairs if not p.cached]
    if not live:
        return None
    baselines = ", ".join(sorted({p.baseline for p in live}))
    sides = [
        (baselines, [p.baseline_s for p in live], sum(p.baseline_tokens for p in live)),
        (candidate, [p.candidate_s for p in live], sum(p.candidate_tokens for p in live)),
    ]
    top = max(float(np.quantile(times, 0.99)) for _, times, _ in sides)
    axis = Axis([0.0, top * 1.05], air=0.01)
    return {
        "candidate": candidate,
        "n": len(live),
        "n_cached": len(pairs) - len(live),
        "ticks": axis.ticks("seconds"),
        "sides": [_side(name, times, tokens, axis) for name, times, tokens in sides],
    }


def _side(name: str, times: list[float], tokens: int, axis: Axis) -> View:
    ordered = np.sort(np.asarray(times, dtype=np.float64))
    kept = ordered[np.linspace(0, len(ordered) - 1, min(len(ordered), MAX_DOTS)).astype(int)]
    total = float(ordered.sum())
    marks = [(f"p{q * 100:.0f}", float(np.quantile(ordered, q))) for q in QUANTILES]
    return {
        "name": name,
        # A fixed zigzag keeps dots apart and the page the same for the same run.
        "dots": [{"x": axis.at(float(t)), "y": 5 + (i * 7) % 15} for i, t in enumerate(kept) if t <= axis.high],
        "n_off": int((ordered > axis.high).sum()),
        "marks": [{"name": label, "x": axis.at(t), "text": show(t, "seconds")} for label, t in marks],
        "speed": show(tokens / total, "tokens_per_second") if tokens and total > 0 else "",
    }
