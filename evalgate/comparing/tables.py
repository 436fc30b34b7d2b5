"""Items of tables: CSV, JSONL, Parquet, a JSON list; and of lm-eval's samples, which are JSONL of one known form."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evalgate.backends.file_rows import fault
from evalgate.comparing.sides import HASH, Asked, Item
from evalgate.comparing.values import column, content_of, numbers
from evalgate.core.errors import EvalgateError

Rows = Iterable[tuple[int, dict[str, Any]]]
IDS = ("id", "example_id", "doc_id", "item_id", "test_id", "doc_hash", HASH)
INPUTS, OUTPUTS = ("input", "inputs", "question"), ("output", "response", "prediction", "answer")
REFERENCES, REPEATS = ("reference", "references", "target", "expected", "label"), ("repeat", "epoch")
ID_FIX = "name the column of the ids with `--id COLUMN`"


def read_table(path: Path, rows: Rows, asked: Asked) -> list[Item]:
    """The items of a table: each id once, or once for each value of a column `repeat` or `epoch`.

    Raises `bad-recording` for a row without id, `duplicate-id`.
    """
    found: list[Item] = []
    seen: dict[tuple[str, str], str] = {}
    for line, row in rows:
        where = f"{path}:{line}"
        content = content_of(_first(row, INPUTS))
        identity = _identity(row, asked, content, where)
        _refuse_twice(seen, (identity, str(_first(row, REPEATS))), where)
        leave = {asked.id, asked.cluster, *OUTPUTS, *REFERENCES} - {None, asked.metric}
        found.append(
            Item(
                id=identity, values=numbers(row, leave), where=where, content=content,  # type: ignore[arg-type]
                text=text_of(_first(row, INPUTS)), reference=text_of(_first(row, REFERENCES)),
                output=_output(_first(row, OUTPUTS)), cluster=_cluster(row, asked, where),
            )
        )  # fmt: skip
    return found


def own_scores(rows: Rows) -> Rows:
    """Lines of evalgate's own scores, one for each metric, as one row for each example and repeat."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    lines: dict[tuple[str, int], int] = {}
    for line, row in rows:
        key = str(row.get("example_id")), int(row.get("repeat") or 0)
        into = found.setdefault(key, {"example_id": key[0], "repeat": key[1], "cluster": row.get("cluster")})
        lines.setdefault(key, line)
        parts = row.get("parts") or [None]
        if len(parts) == 1:  # a metric of several parts has no value for one example
            into[str(row.get("metric"))] = parts[0]
    return ((lines[key], row) for key, row in found.items())


def read_lm_eval(path: Path, rows: Rows, asked: Asked) -> list[Item]:
    """The items of `samples_*.jsonl`, one line for each document and filter.

    Raises `bad-recording` where a file of several filters is given without one, `duplicate-id`.
    """
    found: list[Item] = []
    seen: dict[tuple[str, str], str] = {}
    filters: set[str] = set()
    for line, row in rows:
        where, name = f"{path}:{line}", str(row.get("filter", "none"))
        filters.add(name)
        if asked.filter is not None and name != asked.filter:
            continue
        if asked.filter is None and len(filters) > 1:
            fix = f"choose one: `--filter {min(filters)}`"
            fault(f"the file holds the scores of several filters: {', '.join(sorted(filters))}", where, fix)
        content = str(row.get("doc_hash") or content_of(row.get("doc")))
        identity = content if asked.id == HASH else _cell(row, asked.id or "doc_id", where)
        _refuse_twice(seen, (identity, ""), where)
        named = row.get("metrics")
        scores = {k: row[k] for k in named if k in row} if isinstance(named, list) else row
        answer = row.get("filtered_resps", row.get("resps"))
        while isinstance(answer, list) and len(answer) == 1:
            answer = answer[0]
        found.append(
            Item(
                id=identity, values=numbers(scores, {"doc", "arguments"}), where=where, content=content,
                text=text_of(row.get("doc")), reference=text_of(row.get("target")), output=_output(answer),
                cluster=_cluster(row, asked, where),
            )
        )  # fmt: skip
    if asked.filter is not None and filters and asked.filter not in filters:
        fix = "name one of them with `--filter`"
        fault(f"no line has the filter '{asked.filter}'; there are: {', '.join(sorted(filters))}", str(path), fix)
    return found


def text_of(value: object) -> str:
    """What stands in a cell as text for people; objects as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)


def _output(value: object) -> str | None:
    return None if value is None else text_of(value)


def _first(row: dict[str, Any], names: Iterable[str]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _identity(row: dict[str, Any], asked: Asked, content: str, where: str) -> str:
    if asked.id == HASH and HASH not in row:
        if not content:
            fault(f"the row does not say what was asked: it has no {' or '.join(INPUTS)}", where, ID_FIX)
        return content
    key = asked.id or next((name for name in IDS if name in row), None)
    if key is None:
        fault(f"the row has no id; it has: {', '.join(sorted(map(str, row)))}"[:300], where, ID_FIX)
    return _cell(row, key, where)


def _cell(row: dict[str, Any], key: str, where: str) -> str:
    try:
        value = column(row, key)
    except KeyError:
        fault(f"there is no '{key}'; the row has: {', '.join(sorted(map(str, row)))}"[:300], where, ID_FIX)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        fault(f"the id must be a text or a whole number, not {value!r}"[:200], where, ID_FIX)
    return str(value)


def _cluster(row: dict[str, Any], asked: Asked, where: str) -> str | None:
    """The item's cluster: the asked column, else one that is called so."""
    if asked.cluster is None:
        value = row.get("cluster")
    else:
        try:
            value = column(row, asked.cluster)
        except KeyError:
            has = ", ".join(sorted(map(str, row)))
            fix = "name another with `--cluster COLUMN`, or leave it out"
            fault(f"there is no '{asked.cluster}'; the row has: {has}"[:300], where, fix)
    return None if value is None or value == "" else str(value)


def _refuse_twice(seen: dict[tuple[str, str], str], key: tuple[str, str], where: str) -> None:
    if key in seen:
        raise EvalgateError(
            f"the id '{key[0]}' stands twice, first at line {seen[key].rpartition(':')[2]}",
            code="duplicate-id",
            fix="keep one row for each item, or number repeated answers in a column `repeat`",
            where=where,
        )
    seen[key] = where
