"""JSON answers field by field against the reference's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from evalgate.report.words import cut

View = dict[str, Any]
FieldState = Literal["same", "wrong", "type", "missing", "extra"]
MAX_FIELDS = 40


def parse_json(text: str) -> tuple[object, bool]:
    """The JSON value in a text, else the object between its outer braces, as (value, found)."""
    for piece in (text, text[text.find("{") : text.rfind("}") + 1]):
        try:
            return json.loads(piece), True
        except (ValueError, RecursionError):
            continue
    return None, False


def flat_fields(value: object, path: str = "", depth: int = 0) -> dict[str, object]:
    """A JSON value as leaves by path (`a.b[0]`); what lies deeper than 6 levels stays whole."""
    if depth < 6 and isinstance(value, dict) and value:
        parts = [(f"{path}.{k}" if path else str(k), v) for k, v in value.items()]
    elif depth < 6 and isinstance(value, list) and value:
        parts = [(f"{path}[{i}]", v) for i, v in enumerate(value)]
    else:
        return {path or "(whole)": value}
    return {name: leaf for p, v in parts for name, leaf in flat_fields(v, p, depth + 1).items()}


def field_state(wanted: dict[str, object], got: dict[str, object], name: str) -> FieldState:
    """How one field of an answer compares with the reference."""
    if name not in got:
        return "missing"
    if name not in wanted:
        return "extra"
    if type(wanted[name]) is not type(got[name]):
        return "type"
    return "same" if wanted[name] == got[name] else "wrong"


def states_of(wanted: dict[str, object], got: dict[str, object]) -> Iterator[FieldState]:
    """The state of every field that either has."""
    return (field_state(wanted, got, name) for name in wanted.keys() | got.keys())


def field_table(reference: str, outputs: list[str]) -> View | None:
    """Fields x answers against the reference JSON; None where the reference is not JSON."""
    value, found = parse_json(reference)
    if not found:
        return None
    wanted = flat_fields(value)
    parsed = [parse_json(output) for output in outputs]
    answers = [flat_fields(v) if ok and isinstance(v, dict) else {} for v, ok in parsed]
    names = [*dict.fromkeys([*wanted, *(name for answer in answers for name in answer)])][:MAX_FIELDS]
    rows = [
        {
            "name": name,
            "wanted": _leaf(wanted, name),
            "cells": [{"text": _leaf(a, name), "state": field_state(wanted, a, name)} for a in answers],
        }
        for name in names
        if name in wanted or any(name in a for a in answers)
    ]
    return {"rows": rows}


def _leaf(fields: dict[str, object], name: str) -> str:
    return cut(json.dumps(fields[name], ensure_ascii=False), 160) if name in fields else ""
