"""The drift on general text as rows of the report."""

from __future__ import annotations

from typing import Any

from evalgate.stats.ratio import ratio_interval
from evalgate.store import RunData


def drift_view(data: RunData) -> list[dict[str, Any]]:
    """One row a candidate: cross-entropies and KL(base || candidate) in nats a token, 95 % intervals by document."""
    found = []
    for name, rows in data.drift.items():
        sizes = [row.n_tokens for row in rows]
        n, tokens = len(rows), sum(sizes)
        columns = [
            [row.base_nats for row in rows],
            [row.nats for row in rows],
            [row.nats - row.base_nats for row in rows],
            [row.kl_nats for row in rows],
        ]
        cells = [_cell(column, sizes, signed=k == 2, least=0.0 if k != 2 else None) for k, column in enumerate(columns)]
        found.append({"system": name, "cells": cells, "n": f"{n:,} documents, {tokens:,} tokens"})
    return found


def _cell(totals: list[float], sizes: list[int], *, signed: bool, least: float | None) -> dict[str, str]:
    interval = ratio_interval(totals, sizes)
    if interval is None:
        return {"value": "–", "interval": ""}
    value, low, high = interval
    low = low if least is None else max(least, low)
    form = "+.3f" if signed else ".3f"
    return {"value": _text(value, form), "interval": f"{_text(low, form)} to {_text(high, form)}"}


def _text(value: float, form: str) -> str:
    return format(value, form).replace("-", "−")
