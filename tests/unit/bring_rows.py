"""Rows of every shape that `evalgate init` knows, and the formats they are written in."""

import csv
import io
import json
from pathlib import Path
from typing import Any

ROW = dict[str, Any]
WORDS = ("parcel", "invoice", "refund", "login", "damage", "address", "voucher", "return")


def thing(i: int) -> str:
    """Three words that no two rows share: questions alike but for a number would count as copies of one another."""
    return " ".join(f"{a}{b}{i}" for a, b in (("bran", "del"), ("mo", "rith"), ("quen", "tas")))


def asked(i: int) -> str:
    """A question that no other row asks."""
    return f"Where is my {WORDS[i % len(WORDS)]} {thing(i)}, please?"


def answer(i: int) -> str:
    """Its answer."""
    return f"Your {WORDS[i % len(WORDS)]} {thing(i)} is on its way."


def row(shape: str, i: int) -> ROW:
    """One row of a shape."""
    user, assistant = {"role": "user", "content": asked(i)}, {"role": "assistant", "content": answer(i)}
    rows: dict[str, ROW] = {
        "alpaca": {"instruction": asked(i), "input": "" if i % 2 else f"order {i}", "output": answer(i)},
        "prompt_completion": {"prompt": asked(i), "completion": answer(i)},
        "messages": {"messages": [{"role": "system", "content": "Be brief."}, user, assistant]},
        "sharegpt": {"conversations": [{"from": "human", "value": asked(i)}, {"from": "gpt", "value": answer(i)}]},
        "preference": {"prompt": asked(i), "chosen": answer(i), "rejected": "No."},
        "classification": {"text": asked(i), "label": ("refund", "delivery", "account")[i % 3]},
        "json": {"text": asked(i), "target": {"thing": WORDS[i % 8], "number": i, "urgent": i % 2 == 0}},
        "text": {"question": asked(i), "answers": [answer(i), f"It comes, {i}."]},
    }
    return rows[shape]


def rows(shape: str, n: int = 120) -> list[ROW]:
    """Many rows of a shape."""
    return [row(shape, i) for i in range(n)]


def write(path: Path, data: list[ROW]) -> Path:
    """Write rows in the format of the path's ending; a path without one becomes a saved dataset."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(r) + "\n" for r in data), encoding="utf-8")
    elif path.suffix == ".json":
        path.write_text(json.dumps(data, indent=1), encoding="utf-8")
    elif path.suffix in (".csv", ".tsv"):
        path.write_text(separated(data, "," if path.suffix == ".csv" else "\t"), encoding="utf-8", newline="")
    elif path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(data), path)
    else:
        import datasets

        datasets.Dataset.from_list(data).save_to_disk(str(path))
    return path


def separated(data: list[ROW], delimiter: str) -> str:
    """Rows as CSV; lists and objects as JSON."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(data[0]), delimiter=delimiter)
    writer.writeheader()
    for r in data:
        writer.writerow({k: v if isinstance(v, str) else json.dumps(v) for k, v in r.items()})
    return out.getvalue()
