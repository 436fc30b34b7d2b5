"""A recording, whatever wrote it, as one side of a comparison."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from evalgate.backends.file_rows import csv_rows, fault, json_lines, parquet_rows
from evalgate.comparing.logs import inspect_model, inspect_zip, model_in, read_inspect, read_promptfoo
from evalgate.comparing.runs import read_run
from evalgate.comparing.sides import Asked, Item, Side
from evalgate.comparing.tables import own_scores, read_lm_eval, read_table
from evalgate.core.errors import EvalgateError
from evalgate.core.record import digest_bytes

TABLES = {".jsonl": json_lines, ".csv": csv_rows, ".parquet": parquet_rows}
KINDS = "the folder of a run, or a file of: .jsonl, .csv, .parquet, .json (promptfoo, Inspect, a list), .eval"


def read_side(asked: Asked, which: Literal["a", "b"]) -> Side:
    """One side with its items.

    Raises `not-a-recording`, `bad-recording`, `duplicate-id`, `choose-system`, `choose-task`, and what reading a run
    raises.
    """
    path, wanted = (asked.a, asked.system_a) if which == "a" else (asked.b, asked.system_b)
    if path.is_dir():
        if not (path / "run.json").exists():
            raise _no_recording(path, "is a folder, but not of a run")
        return read_run(path, asked, wanted, which)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _no_recording(path, f"cannot be read: {error.strerror}") from None
    name, items = _items(path, data, asked, wanted, which)
    if not items:
        fault("the file has no items", str(path), "give a recording with at least one scored item")
    return Side(name=name or path.stem, path=path, digest=digest_bytes(data), items=tuple(items))


def _no_recording(path: Path, why: str) -> EvalgateError:
    return EvalgateError(f"{path} {why}", code="not-a-recording", fix=f"give {KINDS}", where=str(path))


def _items(path: Path, data: bytes, asked: Asked, wanted: str | None, side: str) -> tuple[str, list[Item]]:
    """The name of what answered, where the file tells it, and its items."""
    kind = path.suffix.lower()
    if kind == ".eval":
        return inspect_model(path, data), read_inspect(path, inspect_zip(path, data), asked)
    if kind == ".json":
        return _json(path, data, asked, wanted, side)
    if kind not in TABLES:
        raise _no_recording(path, "is of no known kind")
    rows = TABLES[kind](path, data)
    first = next(rows, None)
    if first is None:
        return "", []
    every = chain([first], rows)
    if kind == ".jsonl" and "doc_id" in first[1] and {"filtered_resps", "resps"} & first[1].keys():
        # lm-eval names the folder after the model, the file after task and time.
        return path.resolve().parent.name, read_lm_eval(path, every, asked)
    if {"example_id", "metric", "parts"} <= first[1].keys():
        return "", read_table(path, own_scores(every), asked)
    return "", read_table(path, every, asked)


def _json(path: Path, data: bytes, asked: Asked, wanted: str | None, side: str) -> tuple[str, list[Item]]:
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        fault(f"this is not JSON: {error}"[:300], str(path), "write the file again")
    results = value.get("results") if isinstance(value, dict) else None
    results = results.get("results") if isinstance(results, dict) else results
    if isinstance(results, list):
        return read_promptfoo(path, results, asked, wanted, side)
    if isinstance(value, dict) and isinstance(value.get("samples"), list) and "eval" in value:
        samples = ((f"samples[{i}]", s) for i, s in enumerate(value["samples"]))
        return model_in(value), read_inspect(path, samples, asked)
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        return "", read_table(path, enumerate(value, 1), asked)
    raise _no_recording(path, "is JSON of no known kind")
