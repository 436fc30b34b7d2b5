"""A JSON schema from JSON answers: what all of them keep, written down for people to tighten."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

# A text with few different values that come often is a choice.
MOST_CHOICES = 12
LEAST_TIMES = 5


def infer(values: Sequence[Any]) -> dict[str, Any]:
    """The schema that every value keeps: types, required keys, no other keys, and choices among few texts."""
    kinds = sorted({_kind(value) for value in values})
    schema: dict[str, Any] = {"type": kinds[0] if len(kinds) == 1 else kinds}
    if "integer" in kinds and "number" in kinds:
        kinds.remove("integer")
        schema["type"] = kinds[0] if len(kinds) == 1 else kinds
    if objects := [value for value in values if isinstance(value, dict)]:
        names = list(dict.fromkeys(key for value in objects for key in value))
        schema["properties"] = {name: infer([v[name] for v in objects if name in v]) for name in names}
        schema["required"] = [name for name in names if all(name in value for value in objects)]
        schema["additionalProperties"] = False
    if items := [item for value in values if isinstance(value, list) for item in value]:
        schema["items"] = infer(items)
    if kinds == ["string"]:
        counts = Counter(values)
        if len(counts) <= MOST_CHOICES and min(counts.values()) >= LEAST_TIMES:
            schema["enum"] = sorted(counts)
    return schema


def schema_of(references: Sequence[str]) -> dict[str, Any]:
    """The schema of answers that are JSON objects as text."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return head | infer([json.loads(text) for text in references])


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    names: dict[type, str] = {float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]
