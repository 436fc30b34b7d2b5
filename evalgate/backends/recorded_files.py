"""Files of predictions made elsewhere: JSONL, CSV, Parquet, lm-eval's samples, Inspect's logs. Read, never trusted."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalgate.backends.file_rows import FIX, at, csv_rows, fault, json_lines, parquet_rows, zip_member
from evalgate.backends.http_replies import whole_characters
from evalgate.core.data import RecordedFile
from evalgate.core.errors import EvalgateError
from evalgate.core.record import Record, digest_bytes

IDS, OUTPUTS = ("id", "example_id"), ("output",)


class RecordedRow(Record, frozen=True, kw_only=True):
    """One answer: None where the file has none. `where` is file:line."""

    id: str
    output: str | None
    where: str
    truncated: bool = False


def read_recorded(file: RecordedFile, known: set[str], task: str) -> tuple[dict[str, RecordedRow], str]:
    """Answers by example id, and the digest of the file.

    Every id must be one of `known`, and stand once. Raises `bad-recording`, `unknown-id` or `duplicate-id`.
    """
    path = Path(file.path)
    try:
        data = path.read_bytes()
    except OSError as error:
        fault(f"the recorded answers cannot be read: {error.strerror}", str(path), "correct `predictions`")
    found: dict[str, RecordedRow] = {}
    for row in _rows(path, data, file):
        if row.id in found:
            raise EvalgateError(
                f"the id '{row.id}' stands twice, first at {found[row.id].where.removeprefix(f'{path}:')}",
                code="duplicate-id",
                fix="keep one answer for each example",
                where=row.where,
            )
        if row.id not in known:
            raise EvalgateError(
                f"the held-out set of task '{task}' has no example '{row.id}'",
                code="unknown-id",
                fix=f"take the row out, or give the ids of the held-out set, such as '{min(known)}'",
                where=row.where,
            )
        found[row.id] = row
    if not found:
        fault("the file has no answers", str(path), FIX)
    return found, digest_bytes(data)


def _rows(path: Path, data: bytes, file: RecordedFile) -> Iterator[RecordedRow]:
    kind = path.suffix.lower()
    if kind == ".eval":
        yield from _inspect(path, data)
        return
    readers = {".jsonl": json_lines, ".csv": csv_rows, ".parquet": parquet_rows}
    if kind not in readers:
        fault(f"'{path.name}' is of no known kind", str(path), f"give a file of: {', '.join([*readers, '.eval'])}")
    rows = readers[kind](path, data)
    first = next(rows, None)
    if first is None:
        return
    if kind == ".jsonl" and "doc_id" in first[1] and {"filtered_resps", "resps"} & first[1].keys():
        yield from _lm_eval(path, _chain(first, rows), file)
        return
    id_key = file.id or next((name for name in IDS if name in first[1]), IDS[0])
    output_key = file.output or OUTPUTS[0]
    for line, row in _chain(first, rows):
        where = f"{path}:{line}"
        yield _row(at(row, id_key, where), at(row, output_key, where), where)


def _chain(first: tuple[int, dict[str, Any]], rest: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[Any]:
    yield first
    yield from rest


def _row(identity: object, output: object, where: str, *, truncated: bool = False) -> RecordedRow:
    if isinstance(identity, bool) or not isinstance(identity, (str, int)):
        fault(f"the id must be a text or a whole number, not {identity!r}"[:200], where, FIX)
    if output is not None and not isinstance(output, str):
        output = json.dumps(output, ensure_ascii=False, default=str)  # an extraction may be recorded as its object
    text = None if output is None else whole_characters(output)
    return RecordedRow(id=whole_characters(str(identity)), output=text, where=where, truncated=truncated)


def _lm_eval(path: Path, rows: Iterator[tuple[int, dict[str, Any]]], file: RecordedFile) -> Iterator[RecordedRow]:
    """lm-eval writes one line for each filter; the id is the document's own, else `doc_id`."""
    filters: set[str] = set()
    for line, row in rows:
        where, name = f"{path}:{line}", str(row.get("filter", "none"))
        filters.add(name)
        if file.filter is not None and name != file.filter:
            continue
        if file.filter is None and len(filters) > 1:
            fix = f"choose one: `{{file: FILE, filter: {min(filters)}}}`"
            fault(f"the file holds the answers of several filters: {', '.join(sorted(filters))}", where, fix)
        doc = row.get("doc")
        own = doc.get("id") if isinstance(doc, dict) else None
        identity = at(row, file.id, where) if file.id else row["doc_id"] if own is None else own
        answer = at(row, file.output, where) if file.output else row.get("filtered_resps", row.get("resps"))
        while isinstance(answer, list) and len(answer) == 1:
            answer = answer[0]
        if answer is not None and not isinstance(answer, str):
            fault(
                "the answer is no text: lm-eval recorded likelihoods, or several answers", where,
                "record a task of `output_type: generate_until` with one answer an example",
            )  # fmt: skip
        yield _row(identity, answer, where)
    if file.filter is not None and file.filter not in filters:
        fault(f"no line has the filter '{file.filter}'; there are: {', '.join(sorted(filters))}", str(path), FIX)


def _inspect(path: Path, data: bytes) -> Iterator[RecordedRow]:
    """Inspect's log is a zip with one JSON file for each sample and epoch; a sample with an error has no answer."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as log:
            names = sorted(n for n in log.namelist() if n.startswith("samples/") and n.endswith(".json"))
            for name in names:
                yield _inspect_sample(json.loads(zip_member(log, name, data, path)), f"{path}:{name}")
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, struct.error, zlib.error) as error:
        fix = "write the log again; JSONL of id and output is read, too"
        fault(f"the log cannot be read: {error}"[:300], str(path), fix)


def _inspect_sample(sample: Any, where: str) -> RecordedRow:
    if not isinstance(sample, dict) or "id" not in sample:
        fault("a sample without id", where, "write the log again")
    if sample.get("epoch", 1) != 1:
        fault("the log has more than one epoch", where, "record with `--epochs 1`: one answer for each example")
    choices = (sample.get("output") or {}).get("choices") or []
    if sample.get("error") is not None or not choices:
        return _row(sample["id"], None, where)
    content = (choices[0].get("message") or {}).get("content")
    if isinstance(content, list):
        content = "".join(part.get("text") or "" for part in content if isinstance(part, dict))
    return _row(sample["id"], content, where, truncated=choices[0].get("stop_reason") in ("max_tokens", "model_length"))
