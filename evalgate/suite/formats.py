"""Readers of what a suite's data folder holds; every fault is one error that names file, line, id and what mends it."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

from evalgate.core.data import Example, Passage, TaskSpec
from evalgate.core.errors import EvalgateError

R = TypeVar("R", Example, Passage)
Schema = dict[str, object]
_NEEDS_REFERENCE = ("extraction", "summarization", "qa")
_ID = re.compile(rb'"id"\s*:\s*"([^"\\]+)"')


def read_examples(path: Path, task: TaskSpec, schema: Schema | None = None) -> tuple[Example, ...]:
    """One split of a task, in file order; the example at index i stands on line i + 1.

    A classification row needs a label, and references, if any, must be that label. Summaries, answers and extractions
    need a reference; an extraction's must be JSON that fits `schema`. Raises `no-such-file`, `empty-split`, `not-utf8`,
    `not-json`, `unknown-field`, `missing-field`, `wrong-type`, `duplicate-id`, `label-mismatch`, `missing-reference` or
    `bad-reference` for the first faulty line.
    """
    examples = _read(path, Example, f"task '{task.name}'")
    validator = _validator(schema) if schema and task.kind == "extraction" else None
    for line, example in enumerate(examples, 1):
        _check_answer(path, line, example, task)
        if validator:
            for reference in example.references:
                _check_json(path, line, example, reference, validator)
    return examples


def read_passages(path: Path, task: TaskSpec) -> tuple[Passage, ...]:
    """A task's knowledge base, in file order."""
    return _read(path, Passage, f"the corpus of task '{task.name}'")


def read_schema(path: Path) -> Schema:
    """A JSON schema; raises `bad-schema` if it is not one."""
    import jsonschema

    try:
        schema = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        jsonschema.Draft202012Validator.check_schema(schema)
    except FileNotFoundError:
        _fault("the JSON schema is not there", str(path), f"restore it: `git checkout {path}`", code="no-such-file")
    except msgspec.DecodeError as error:
        _fault(f"the JSON schema is not a JSON object: {error}", str(path), "correct the file", code="bad-schema")
    except jsonschema.SchemaError as error:
        place = error.json_path
        _fault(f"this is not a JSON schema: {place}: {error.message}", str(path), "correct the file", code="bad-schema")
    return schema


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
    """Numbered lines without those empty at the end, so that line numbers equal positions."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        fix = f"restore it with `git checkout {path}`, or correct the path or `splits` in suite.yaml"
        _fault(f"a file of {what} is not there", str(path), fix, code="no-such-file")
    data = data.removeprefix(b"\xef\xbb\xbf").rstrip()
    if not data:
        fix = "add examples (one JSON object a line), or take the split out of `splits` in suite.yaml"
        _fault(f"{path.name} of {what} has no rows", str(path), fix, code="empty-split")
    yield from enumerate(data.split(b"\n"), 1)


def _object(path: Path, line: int, raw: bytes) -> dict[str, Any]:
    found = _ID.search(raw)
    place = place_of(path, line, found[1].decode(errors="replace") if found else None)
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        text = f"line {line} is not UTF-8 text (byte {error.start + 1} of the line)"
        _fault(text, place, "save the file as UTF-8", code="not-utf8")
    fix = f"correct line {line}: each line is one JSON object"
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
    if task.kind == "classification":
        if not example.label:
            _fault("a classification row needs a 'label'", place, f"give line {line} its 'label'", code="missing-field")
        if any(reference != example.label for reference in example.references):
            text = f"the label '{example.label}' and the references {list(example.references)} disagree"
            _fault(text, place, "make them equal, or leave out 'references'", code="label-mismatch")
    elif task.kind in _NEEDS_REFERENCE and not any(reference.strip() for reference in example.references):
        text = f"a {task.kind} row needs a reference, this one has none"
        _fault(text, place, f"give line {line} a text in 'references', or delete the row", code="missing-reference")


def _validator(schema: Schema) -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(schema)


def _check_json(path: Path, line: int, example: Example, reference: str, validator: Any) -> None:
    place = place_of(path, line, example.id)
    try:
        value = msgspec.json.decode(reference)
    except msgspec.DecodeError as error:
        _fault(
            f"the reference is not JSON: {error}", place, f"correct 'references' on line {line}", code="bad-reference"
        )
    fault = next(iter(validator.iter_errors(value)), None)
    if fault:
        text = f"the reference does not fit the schema: {fault.json_path}: {fault.message}"
        _fault(text, place, f"correct 'references' on line {line}, or the schema", code="bad-reference")


def _fault(what: str, where: str, fix: str, *, code: str) -> NoReturn:
    raise EvalgateError(what, code=code, fix=fix, where=where)
