"""How lm-eval reads the questions of a subject: from beside this file, in memory, no cache, no network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def load(subject: str, **_: Any) -> dict[str, Any]:
    """Return the rows of a subject as the split `test`; lm-eval also passes the metadata, unused here."""
    import datasets

    path = Path(__file__).resolve().parent / f"{subject}.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {"test": datasets.Dataset.from_list(rows)}
