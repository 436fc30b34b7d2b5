"""What answering takes, as rows for the page: times, tokens a second, memory, dollars, break-even."""

from __future__ import annotations

from typing import Any

from evalgate.core.serving import Amount
from evalgate.report.words import Scale, show
from evalgate.store import RunData

View = dict[str, Any]
# Column by metric: its heading and its unit.
COLUMNS: dict[str, tuple[str, Scale]] = {
    "latency_p50_s": ("p50", "seconds"),
    "latency_p95_s": ("p95", "seconds"),
    "latency_p99_s": ("p99", "seconds"),
    "ttft_p50_s": ("first token p50", "seconds"),
    "ttft_p95_s": ("first token p95", "seconds"),
    "ttft_p99_s": ("first token p99", "seconds"),
    "tokens_per_second": ("one at a time", "tokens_per_second"),
    "batch_tokens_per_second": ("in batches", "tokens_per_second"),
    "peak_memory_bytes": ("peak memory", "bytes"),
    "usd_per_1000": ("1,000 requests", "usd"),
}


def serving_view(data: RunData) -> View:
    """A row for each task and system that was measured, a column for each number that any of them has."""
    numbers = data.decision.serving if data.decision else ()
    table = {(row.task, row.system, row.metric): row.amount for row in numbers}
    columns = [name for name in COLUMNS if any(row.metric == name for row in numbers)]
    rows = [
        {
            "task": task,
            "system": system,
            "cells": [_cell(table.get((task, system, name)), COLUMNS[name][1]) for name in columns],
        }
        for task, system in dict.fromkeys((row.task, row.system) for row in numbers)
    ]
    return {"columns": [COLUMNS[name][0] for name in columns], "rows": rows, "break_even": _break_even(data)}


def _cell(amount: Amount | None, scale: Scale) -> View:
    if amount is None:
        return {"value": "", "interval": "", "tip": "not measured"}
    bounds = [] if amount.low is None else [show(amount.low, scale), show(amount.high, scale)]
    level = f"{100 * amount.level:.4g}% interval, " if bounds else ""
    return {
        "value": show(amount.value, scale),
        "interval": " to ".join(bounds),
        "tip": f"n = {amount.n:,}; {level}{amount.method}",
    }


def _break_even(data: RunData) -> list[View]:
    found = data.decision.break_even if data.decision else ()
    return [
        {
            "task": row.task,
            "candidate": row.candidate,
            "baseline": row.baseline,
            "training": show(row.training_usd, "usd"),
            "saved": _cell(row.saved, "usd"),
            "reason": row.reason,
        }
        for row in found
    ]
