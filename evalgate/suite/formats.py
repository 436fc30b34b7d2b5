"""Readers of what a suite's data folder holds; every fault is one error that names file, line, id and what mends it."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

from evalgate.core.data import Example, Passage, TaskSpec
from evalgate.core.errors import EvalgateError
from evalgate.core.metric_kinds import JSON_METRICS, LABEL_METRICS
from evalgate.core.numbers import number_of
from evalgate.core.schemas import SchemaError, Validator, json_path
from evalgate.core.strict_json import parse

R = TypeVar("R", Example, Passage)
Schema = dict[str, object]
_NEEDS_REFERENCE = ("extraction", "summarization", "qa")
# Metrics that compare with a reference or a label, whatever kind of task asks for them.
_REFERENCE_METRICS = (
    *("rouge_1", "rouge_2", "rouge_l", "rouge_lsum", "bleu", "chrf", "bert_score", "exact_match", "token_f1"),
    *("numeric_match", "length_ratio", *sorted(JSON_METRICS)),
)
# No example is longer: what no memory could hold is refused before it is read.
MAX_LINE_BYTES = 10_000_000
BOM = b"\xef\xbb\xbf"
_ID = re.compile(rb'"id"\s*:\s*"([^"\\]+)"')


def read_examples(path: Path, task: TaskSpec, schema: Schema | None = None) -> tuple[Example, ...]:
    """One split of a task, in file order; the example at index i stands on line i + 1.

    A classification row needs a label, and references, if any, must be that label. Summaries, answers and extractions
    need a reference; an extraction's, and those that a metric of fields reads, must be JSON that fits `schema`. Raises
    `no-such-file`, `empty-split`, `not-utf8`, `not-json`, `unknown-field`, `missing-field`, `wrong-type`,
    `duplicate-id`, `label-mismatch`, `missing-reference` or `bad-reference` for the first faulty line.
    """
    examples = _read(path, Example, f"task '{task.name}'")
    objects = task.kind == "extraction" or any(use.name in JSON_METRICS for use in task.metrics)
    validator = _validator(schema) if schema and objects else None
    for line, example in enumerate(examples, 1):
        _check_answer(path, line, example, task)
        if objects:
            for reference in example.references:
                _check_json(path, line, example, reference, validator)
    return examples


def read_passages(path: Path, task: TaskSpec) -> tuple[Passage, ...]:
    """A task's knowledge base, in file order."""
    return _read(path, Passage, f"the corpus of task '{task.name}'")


def read_schema(path: Path) -> Schema:
    """A JSON schema; raises `bad-schema` with its line if it is not one, or `no-such-file`."""
    try:
        data = path.read_bytes().removeprefix(BOM)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        _fault("the JSON schema is not there", str(path), f"restore it: `git checkout {path}`", code="no-such-file")
    try:
        schema = msgspec.json.decode(data.decode(), type=dict[str, Any])
        Validator(schema)  # which compiles every pattern, too
    except UnicodeDecodeError as error:
        where = _byte_place(path, data, error.start)
        _fault("the JSON schema is not UTF-8 text", where, "save the file as UTF-8", code="bad-schema")
    except msgspec.DecodeError as error:
        found = re.search(r"\(byte (\d+)\)", str(error))
        where = _byte_place(path, data, int(found[1]) if found else 0)
        _fault(f"the JSON schema is not a JSON object: {error}", where, "correct the file", code="bad-schema")
    except SchemaError as error:
        where = _byte_place(path, data, _key_at(data, list(error.path)))
        text = f"this is not a JSON schema: {json_path(error.path)}: {error}"
        _fault(text, where, "correct the file", code="bad-schema")
    return schema


def _byte_place(path: Path, data: bytes, at: int) -> str:
    line = data.count(b"\n", 0, at) + 1
    return f"{path}:{line}"


def _key_at(data: bytes, way: list[str | int]) -> int:
    """Where the last key of a path stands that is found, each looked for behind the one before."""
    at = 0
    for key in way:
        if isinstance(key, str):
            at = max(at, data.find(msgspec.json.encode(key), at))
    return at


def place_of(path: Path, line: int, identity: str | None) -> str:
    """`file:line (id 'x')`, as errors show it."""
    return f"{path}:{line}" + (f" (id '{identity}')" if identity else "")


def _read(path: Path, kind: type[R], what: str) -> tuple[R, ...]:
    seen: dict[str, int] = {}
    records: list[R] = []
    for line, raw in _lines(path, what):
        row = _object(path, line, raw)
        record = _record(path, line, row, kind)
        if record.id in seen:
            place = place_of(path, line, record.id)
            text = f"the id '{record.id}' stands twice, first on line {seen[record.id]}"
            _fault(text, place, "give each row an id of its own, or delete the copy", code="duplicate-id")
        seen[record.id] = line
        records.append(record)
    return tuple(records)


def _lines(path: Path, what: str) -> Iterator[tuple[int, bytes]]:
    """Numbered lines without those empty at the end, so that line numbers equal positions; one in memory at a time."""
    try:
        file = path.open("rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        fix = f"restore it with `git checkout {path}`, or correct the path or `splits` in suite.yaml"
        _fault(f"a file of {what} is not there", str(path), fix, code="no-such-file")
    line, blank = 0, 0  # blank lines wait: they are a fault only if another line follows
    with file:
        while raw := file.readline(MAX_LINE_BYTES + 1):
            if len(raw) > MAX_LINE_BYTES:
                _too_long(path, line + blank + 1)
            raw = raw.removeprefix(BOM).rstrip() if line + blank == 0 else raw.rstrip()
            if not raw:
                blank += 1
                continue
            yield from ((line + n, b"") for n in range(1, blank + 1))
            line, blank = line + blank + 1, 0
            yield line, raw
    if not line:
        fix = "add examples (one JSON object a line), or take the split out of `splits` in suite.yaml"
        _fault(f"{path.name} of {what} has no rows", str(path), fix, code="empty-split")


def _too_long(path: Path, line: int) -> NoReturn:
    text = f"line {line} is longer than {MAX_LINE_BYTES // 1_000_000} MB: no system could be asked it"
    fix = "end each row with a line break (one JSON object a line), or shorten the row"
    _fault(text, place_of(path, line, None), fix, code="line-too-long")


def _object(path: Path, line: int, raw: bytes) -> dict[str, Any]:
    found = _ID.search(raw)
    place = place_of(path, line, found[1].decode(errors="replace") if found else None)
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        text = f"line {line} is not UTF-8 text (byte {error.start + 1} of the line)"
        _fault(text, place, "save the file as UTF-8", code="not-utf8")
    fix = f"correct line {line}: each line is one JSON object"
    if raw.startswith(BOM):
        text = f"line {line} begins with a byte order mark, as where two files were joined"
        _fault(text, place, "delete those three bytes", code="not-json")
    try:
        row = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        text = str(error).removeprefix("JSON is malformed: ")
        _fault(
            f"line {line} is not JSON: {text}" if raw.strip() else f"line {line} is empty", place, fix, code="not-json"
        )
    if not isinstance(row, dict):
        _fault(f"line {line} is JSON, but not an object", place, fix, code="not-json")
    return row


# Resolving a record's annotations takes msgspec half a millisecond: once for a type, not once for a row.
_fields = functools.cache(msgspec.structs.fields)


def _record(path: Path, line: int, row: dict[str, Any], kind: type[R]) -> R:
    identity = row.get("id") if isinstance(row.get("id"), str) else None
    place = place_of(path, line, identity)
    fields = _fields(kind)
    names = [field.name for field in fields]
    for unknown in row.keys() - set(names):
        near = difflib.get_close_matches(unknown, names, n=1)
        meant = f"; did you mean '{near[0]}'?" if near else ""
        fix = f"rename or delete it; a row may have: {', '.join(names)}"
        _fault(f"unknown field '{unknown}'{meant}", place, fix, code="unknown-field")
    for field in fields:
        if field.required and not row.get(field.name):
            state = "is empty" if field.name in row else "is missing"
            _fault(
                f"the field '{field.name}' {state}", place, f"give line {line} its '{field.name}'", code="missing-field"
            )
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError as error:
        _fault(str(error).replace("`", "'"), place, f"correct that field on line {line}", code="wrong-type")


def _check_answer(path: Path, line: int, example: Example, task: TaskSpec) -> None:
    place = place_of(path, line, example.id)
    names = [use.name for use in task.metrics]
    for number, reference in enumerate(example.references, 1):
        if not reference.strip():
            text = f"reference {number} is empty: an empty answer would be right"
            _fault(text, place, f"give line {line} a text in 'references', or delete the row", code="missing-reference")
    if task.kind == "classification":
        if not example.label:
            _fault("a classification row needs a 'label'", place, f"give line {line} its 'label'", code="missing-field")
        if any(reference != example.label for reference in example.references):
            text = f"the label '{example.label}' and the references {list(example.references)} disagree"
            _fault(text, place, "make them equal, or leave out 'references'", code="label-mismatch")
    elif not example.label and (metric := _first(names, LABEL_METRICS)):
        text = f"the metric {metric} needs a 'label', this row has none"
        _fault(text, place, f"give line {line} its 'label'", code="missing-field")
    metric = _first(names, _REFERENCE_METRICS)
    if not example.references and (task.kind in _NEEDS_REFERENCE or metric):
        who = f"a {task.kind} row" if task.kind in _NEEDS_REFERENCE else f"the metric {metric}"
        text = f"{who} needs a reference, this {'one' if task.kind in _NEEDS_REFERENCE else 'row'} has none"
        _fault(text, place, f"give line {line} a text in 'references', or delete the row", code="missing-reference")
    if "numeric_match" in names:
        for reference in example.references:
            if number_of(reference) is None:
                text = f"the metric numeric_match needs a number, the reference '{reference[:40]}' has none"
                _fault(text, place, f"write it in digits in 'references' on line {line}", code="bad-reference")


def _first(names: list[str], among: Collection[str]) -> str | None:
    return next((name for name in names if name in among), None)


def _validator(schema: Schema) -> Validator:
    try:
        return Validator(schema)
    except SchemaError as error:
        text = f"the schema cannot be used: {json_path(error.path)}: {error}"
        _fault(text, "", "correct the schema's file", code="bad-schema")


def _check_json(path: Path, line: int, example: Example, reference: str, validator: Validator | None) -> None:
    place = place_of(path, line, example.id)
    fix = f"correct 'references' on line {line}"
    try:
        value = msgspec.json.decode(reference)
    except msgspec.DecodeError as error:
        _fault(f"the reference is not JSON: {error}", place, fix, code="bad-reference")
    if (word := parse(reference)[1]) is not None:
        _fault(f"the reference is JSON that no answer may be: {word}", place, fix, code="bad-reference")
    fault = validator.first_fault(value) if validator else None
    if fault:
        text = f"the reference does not fit the schema: {fault.path}: {fault.message[:300]}"
        _fault(text, place, f"{fix}, or the schema", code="bad-reference")


def _fault(what: str, where: str, fix: str, *, code: str) -> NoReturn:
    raise EvalgateError(what, code=code, fix=fix, where=where)
