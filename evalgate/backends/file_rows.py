"""Rows of files that other tools wrote: JSONL, CSV, Parquet, members of a zip. Read, never trusted."""

from __future__ import annotations

import csv
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from evalgate.core.errors import EvalgateError

ZSTD = 93
FIX = "mend the file, or name its columns: `{file: FILE, id: COLUMN, output: COLUMN}`"


def at(row: dict[str, Any], key: str, where: str) -> Any:
    """A column, or a field inside one: `doc.id`."""
    value: Any = row
    for step in [key] if key in row else key.split("."):
        if not isinstance(value, dict) or step not in value:
            fault(f"there is no '{key}'; the row has: {', '.join(sorted(map(str, row)))}"[:300], where, FIX)
        value = value[step]
    return value


def json_lines(path: Path, data: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSONL file with their line numbers from 1; empty lines are passed over."""
    for line, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            row = json.loads(raw)
        except (ValueError, RecursionError) as error:
            fault(f"line {line} is not JSON: {error}", f"{path}:{line}", "correct it: each line is one JSON object")
        if not isinstance(row, dict):
            fault(f"line {line} is JSON, but not an object", f"{path}:{line}", "give each line as one JSON object")
        yield line, row


def csv_rows(path: Path, data: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """A header and rows; an empty cell is an empty answer, for CSV knows no other nothing."""
    csv.field_size_limit(1 << 30)
    line = 1
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        for row in reader:
            line = reader.line_num
            if None in row or None in row.values():
                fault(f"line {line} has more or fewer cells than the header", f"{path}:{line}", "correct the line")
            yield line, row
    except UnicodeDecodeError as error:
        fault(f"the file is not UTF-8 text (byte {error.start})", str(path), "save it as UTF-8")
    except csv.Error as error:
        fault(f"this is not CSV: {error}", f"{path}:{line + 1}", "quote cells that hold commas, quotes or line ends")


def parquet_rows(path: Path, data: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """Row numbers count from 1."""
    pyarrow = _pyarrow("Parquet", path)
    try:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(data))
    except (pyarrow.ArrowException, OSError) as error:
        fault(f"this is not Parquet: {error}"[:300], str(path), "write the file again")
    line = 0
    for batch in table.to_batches(max_chunksize=1024):
        for row in batch.to_pylist():
            line += 1
            yield line, row


def zip_member(log: zipfile.ZipFile, name: str, data: bytes, path: Path) -> bytes:
    """One file of a zip; Inspect compresses with Zstandard, which `zipfile` knows only from Python 3.14 on."""
    entry = log.getinfo(name)
    if entry.compress_type != ZSTD:
        return log.read(name)
    pyarrow = _pyarrow("a log compressed with Zstandard", path)
    n_name, n_extra = struct.unpack_from("<HH", data, entry.header_offset + 26)  # the local header: 30 bytes and these
    start = entry.header_offset + 30 + n_name + n_extra
    packed = pyarrow.BufferReader(data[start : start + entry.compress_size])
    try:
        text: bytes = pyarrow.CompressedInputStream(packed, "zstd").read()
    except (pyarrow.ArrowException, OSError) as error:
        raise zipfile.BadZipFile(str(error)) from None
    if zlib.crc32(text) != entry.CRC:
        raise zipfile.BadZipFile(f"bad CRC-32 of {name}")
    return text


def _pyarrow(what: str, path: Path) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        fault(f"{what} needs pyarrow, which is not installed", str(path), "`pip install pyarrow`, or give JSONL")
    return pyarrow


def fault(what: str, where: str, fix: str) -> NoReturn:
    """Raise `bad-recording`."""
    raise EvalgateError(what, code="bad-recording", fix=fix, where=where)
