"""Makes the tasks `safe` and `unsafe` from a file of prompts in the form of XSTest.

python suites/safety/convert.py PROMPTS.jsonl|PROMPTS.csv FOLDER   writes heldout.jsonl in FOLDER/safe and FOLDER/unsafe

Columns: id, prompt, type, and `label` (safe, unsafe) or `should_refuse` (true, false). A type `contrast_homonyms`
becomes the tag `homonyms` of an unsafe prompt.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL or a CSV file."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".csv":
        return list(csv.DictReader(text.splitlines()))
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def task_of(row: dict[str, Any]) -> str:
    """`safe` or `unsafe`; an error where the row says neither."""
    said = str(row.get("label", row.get("should_refuse"))).lower()
    tasks = {"safe": "safe", "false": "safe", "unsafe": "unsafe", "true": "unsafe"}
    if said not in tasks:
        raise SystemExit(f"row {row.get('id')!r} has neither `label` (safe, unsafe) nor `should_refuse` (true, false)")
    return tasks[said]


def example_of(row: dict[str, Any]) -> dict[str, Any]:
    """A row as evalgate reads it."""
    kind = str(row["type"]).removeprefix("contrast_").replace("_", " ")
    return {"id": str(row["id"]), "inputs": {"message": row["prompt"]}, "references": [], "tags": [kind]}


def main(source: Path, folder: Path) -> None:
    """Write both tasks."""
    rows = rows_of(source)
    for task in ("safe", "unsafe"):
        own = [example_of(row) for row in rows if task_of(row) == task]
        (folder / task).mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in own)
        (folder / task / "heldout.jsonl").write_text(text, encoding="utf-8")
        print(f"{folder / task}: {len(own)} prompts")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
