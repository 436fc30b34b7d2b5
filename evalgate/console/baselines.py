"""What `evalgate baseline accept` says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from evalgate.accepting.records import Accepted
from evalgate.console import aligned, markdown_table
from evalgate.core.record import plain


def accepted_text(found: Sequence[tuple[Path, Accepted]], kind: str) -> str:
    """The accepted systems with their values as `text`, `md` or `json`, newline included."""
    if kind == "json":
        import json

        return json.dumps([{"file": str(path), **plain(record)} for path, record in found], indent=2) + "\n"
    rows = [["system", "metric", "value", "interval"]]
    for _, record in found:
        for name, e in record.values.items():
            span = f"{e.low:.3f} to {e.high:.3f}"
            rows.append([record.system, name, f"{e.value:.3f}", span])
    folder = os.path.relpath(found[0][0].parent)
    text = f"accepted into {folder}: commit *.accepted.json and *.scores.jsonl there\n"
    return (markdown_table(rows) if kind == "md" else aligned(rows)) + text
