"""JSONL, JSON, CSV and TSV into rows; every fault is one error with file and line."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from evalgate.bring.rows import MAX_ROW_BYTES, Row, fault

BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_jsonl(path: Path, _notes: list[str]) -> list[Row]:
    """One JSON object a line; raises `row-too-long`, `not-utf8` or `not-json` for the first faulty line."""
    rows = []
    for number, raw in _lines(path):
        if raw.strip():
            rows.append(Row(_object(path, number, raw), str(path), number))
    return rows


def read_json(path: Path, notes: list[str]) -> list[Row]:
    """A list of objects, or an object that holds one such list; lines of JSON in a `.json` file are read as such."""
    data = path.read_bytes().removeprefix(BOM)
    if not data.strip():
        return []
    _refuse_not_utf8(path, data)
    try:
        value = _decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        first = data.lstrip().split(b"\n", 1)[0]
        if first.lstrip().startswith(b"{") and first.rstrip().endswith(b"}") and b"trailing" in str(error).encode():
            notes.append(f"{path.name} holds one JSON object a line, so it was read as JSONL")
            return read_jsonl(path, notes)
        where, text = _json_fault(path, data, error)
        fault(f"this is not JSON: {text}", where, "correct the file, or write one JSON object a line", code="not-json")
    if isinstance(value, dict):
        lists = {key: v for key, v in value.items() if isinstance(v, list) and v and isinstance(v[0], dict)}
        if len(lists) != 1:
            held = f"lists of rows at {', '.join(map(repr, lists))}" if lists else "no list of rows"
            text = f"the file holds one JSON object with {held}"
            fault(text, f"{path}:1", "write a list of objects, one a row", code="not-rows")
        key, value = next(iter(lists.items()))
        notes.append(f"the rows of {path.name} stand at '{key}'")
    if not isinstance(value, list):
        fault("the file is JSON, but not a list of rows", f"{path}:1", "write a list of objects", code="not-rows")
    for number, row in enumerate(value, 1):
        if not isinstance(row, dict):
            text = f"row {number} is {_kind(row)}, not an object"
            fault(text, f"{path}, row {number}", 'write it as {"column": value}', code="not-rows")
    return [Row(row, str(path), number, ", row ") for number, row in enumerate(value, 1)]


def read_csv(path: Path, notes: list[str], delimiter: str = ",") -> list[Row]:
    """Rows with a header; raises `bad-header`, `ragged-row`, `bad-csv`, `row-too-long` or `not-utf8`."""
    data = path.read_bytes().removeprefix(BOM)
    _refuse_not_utf8(path, data)
    text = data.decode()
    head = next((line for line in text.splitlines() if line.strip()), "")
    if delimiter not in head:
        other = next((mark for mark in ("\t", ";", "|", ",") if mark in head), None)
        if other:
            notes.append(f"the columns of {path.name} are parted by {other!r}")
            delimiter = other
    rows: list[Row] = []
    header: list[str] = []
    for number, cells in _records(path, text, delimiter):
        if not cells:
            continue
        if not header:
            header = _header(path, number, cells)
            continue
        if len(cells) != len(header):
            what = f"the row has {len(cells)} fields, the header has {len(header)}"
            fix = f"put fields that hold {delimiter!r}, quotes or line ends in double quotes, or complete the row"
            fault(what, f"{path}:{number}", fix, code="ragged-row")
        rows.append(Row(dict(zip(header, cells, strict=True)), str(path), number))
    return rows


def read_tsv(path: Path, notes: list[str]) -> list[Row]:
    """As CSV, parted by tabs."""
    return read_csv(path, notes, "\t")


READERS: dict[str, Callable[[Path, list[str]], list[Row]]] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json,
    ".csv": read_csv,
    ".tsv": read_tsv,
}


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(MAX_ROW_BYTES + 1):
            number += 1
            if len(raw) > MAX_ROW_BYTES:
                _too_long(path, number)
            yield number, raw.removeprefix(BOM) if number == 1 else raw


def _too_long(path: Path, number: int) -> None:
    text = f"the row is longer than {MAX_ROW_BYTES // 1_000_000} MB"
    fix = "look for a lost line end or an open quote; else cut the text or delete the row"
    fault(text, f"{path}:{number}", fix, code="row-too-long")


def _object(path: Path, number: int, raw: bytes) -> dict[str, Any]:
    where = f"{path}:{number}"
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        _not_utf8(raw, where, error, path)
    try:
        value = _decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        text = _reason(error)
        fault(f"the line is not JSON: {text}", where, "correct it: each line is one JSON object", code="not-json")
    if not isinstance(value, dict):
        fix = "a list of rows belongs in a file that ends in .json" if isinstance(value, list) else "write an object"
        fault(f"the line holds {_kind(value)}, not an object", where, fix, code="not-rows")
    return value


def _decode(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except msgspec.ValidationError:  # a number beyond 64 bits, which Python has room for
        try:
            return json.loads(data, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise msgspec.DecodeError(str(error)) from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error).removeprefix("JSON is malformed: ")


def _json_fault(path: Path, data: bytes, error: Exception) -> tuple[str, str]:
    """The line of a fault in a whole file, from the byte that msgspec names."""
    text = _reason(error)
    digits = text.rpartition("(byte ")[2].rstrip(")")
    if not digits.isdigit():
        return f"{path}:{_line_of(data, len(data.rstrip())) if 'truncated' in text else 1}", text
    return f"{path}:{_line_of(data, int(digits))}", text


def _line_of(data: bytes, byte: int) -> int:
    return data.count(b"\n", 0, byte) + 1


def _refuse_not_utf8(path: Path, data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        where = f"{path}:{_line_of(data, error.start)}"
        _not_utf8(data, where, error, path)


def _not_utf8(data: bytes, where: str, error: UnicodeDecodeError, path: Path) -> None:
    coding = "UTF-16" if data.startswith(_UTF16) else "LATIN1"
    byte = data[error.start]
    fix = f"save it as UTF-8, e.g. `iconv -f {coding} -t UTF-8 {path.name} > utf8-{path.name}`"
    fault(f"the text is not UTF-8 (byte 0x{byte:02x})", where, fix, code="not-utf8")


def _records(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line on which it begins."""
    before = csv.field_size_limit(MAX_ROW_BYTES)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        start = 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if "limit" in str(error):
                    _too_long(path, start)
                fix = 'write a quote inside a quoted field as two quotes (""), and close every quote'
                fault(f"the row is not CSV: {error}", f"{path}:{start}", fix, code="bad-csv")
            yield start, cells
            start = reader.line_num + 1
    finally:
        csv.field_size_limit(before)


def _header(path: Path, number: int, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if twice := [name for name, n in Counter(names).items() if n > 1 and name]:
        text = f"two columns are called '{twice[0]}'"
        fault(text, f"{path}:{number}", "give each column a name of its own", code="bad-header")
    # pandas writes its index as a first column without a name.
    if not names[0]:
        names[0] = "unnamed"
    if "" in names:
        text = f"column {names.index('') + 1} has no name"
        fault(text, f"{path}:{number}", "give each column a name of its own", code="bad-header")
    return names


def _kind(value: object) -> str:
    kinds: dict[type, str] = {str: "a text", list: "a list", bool: "true or false", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")
