"""The results as a compact JSON file beside the page: one row a line, columns named once."""

from __future__ import annotations

import json
from pathlib import Path

from calibration.rows import Row


def save(path: Path, about: dict[str, object], rows: list[Row]) -> None:
    """Write what the run was and its rows."""
    lines = ",\n".join(json.dumps(list(row), separators=(",", ":")) for row in rows)
    head = json.dumps(about)
    columns = json.dumps(list(Row._fields))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"about": {head},\n"columns": {columns},\n"rows": [\n{lines}\n]}}\n', encoding="utf-8")


def load(path: Path) -> tuple[dict[str, object], list[Row]]:
    """Read what `save` has written."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return data["about"], [Row(*row) for row in data["rows"]]
