"""Scores out of what other tools write: numbers, booleans, letters, numbers as text."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from evalgate.core.record import digest_of

# What Inspect's scorers write for a right, wrong, half right and missing answer, and how Inspect counts it.
LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
# Columns of numbers that are no scores.
NO_SCORES = frozenset({"id", "example_id", "doc_id", "item_id", "test_id", "index", "idx", "line", "row", "cluster"})
NO_SCORES |= {"seed", "repeat", "epoch"}
DEPTH = 3


def number(value: object) -> float | None:
    """A number as it is, a boolean as 1 or 0, text that is one of these; NaN and infinities are None.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        value = WORDS.get(text.lower(), text)
    if value is None:
        return None
    if not isinstance(value, (bool, int, float, str)):
        raise ValueError(value)
    found = float(value)
    return found if math.isfinite(found) else None


def numbers(
    row: Mapping[str, Any], leave: Collection[str] = (), prefix: str = "", depth: int = DEPTH
) -> dict[str, float | None]:
    """Every score of a row by name, those of objects inside it as `a.b`; texts and lists are none."""
    found: dict[str, float | None] = {}
    for key, value in row.items():
        name = f"{prefix}{key}"
        if name in leave or (not prefix and key in NO_SCORES):
            continue
        if isinstance(value, dict) and depth > 1:
            found |= numbers(value, leave, f"{name}.", depth - 1)
            continue
        try:
            found[name] = number(value)
        except ValueError:
            continue
    return found


def letter(value: object) -> float | None:
    """A value of Inspect: C, I, P or N, or a number in any form. Raises ValueError for anything else."""
    return LETTERS[value] if isinstance(value, str) and value in LETTERS else number(value)


def column(row: Mapping[str, Any], key: str) -> Any:
    """A column, or a field inside one (`doc.id`); raises KeyError."""
    value: Any = row
    for step in [key] if key in row else key.split("."):
        if not isinstance(value, dict) or step not in value:
            raise KeyError(key)
        value = value[step]
    return value


def content_of(value: object) -> str:
    """The identity of what an item asks; empty where nothing is known of it."""
    return digest_of(value) if value else ""
