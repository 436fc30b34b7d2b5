"""Rows as they came, each with its place, so that every later fault can name file and row."""

from __future__ import annotations

import datetime
import decimal
import math
import uuid
from dataclasses import dataclass, field
from typing import Any, NoReturn

from evalgate.core.errors import EvalgateError

# No row of text that a model can be asked is longer; a longer one is mostly a lost line end or quote.
MAX_ROW_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a source; `number` counts lines where `unit` is ':', else rows, both from 1."""

    values: dict[str, Any]
    path: str
    number: int
    unit: str = ":"

    @property
    def place(self) -> str:
        """`file:line` or `file, row N`."""
        return f"{self.path}{self.unit}{self.number}"


@dataclass(frozen=True, slots=True)
class Table:
    """One source: its rows, the split that its name tells, and what the reader has to say of it."""

    path: str
    rows: list[Row]
    digest: str
    split: str | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """Every column, in order of first appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row.values))


def fault(what: str, where: str, fix: str, *, code: str) -> NoReturn:
    """Raise the one error that a broken file gives."""
    raise EvalgateError(what, code=code, fix=fix, where=where)


def is_missing(value: object) -> bool:
    """Nothing, blank text, an empty list or object, or NaN, which pandas writes for nothing."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})


def text_of_value(row: Row, column: str, value: object) -> str:
    """A scalar as text: `True` is `true`, 3.0 is `3`, a date is ISO 8601; raises `not-text` or `not-a-number`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            text = f"the column '{column}' holds {value}, which is no value"
            fault(text, row.place, "fill it in, or delete the row", code="not-a-number")
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int | decimal.Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if value is None:
        return ""
    kinds: dict[type, str] = {dict: "an object", list: "a list", bytes: "bytes"}
    kind = kinds.get(type(value), type(value).__name__)
    text = f"the column '{column}' is nested: it holds {kind}, where one text is needed"
    fault(text, row.place, "write it as a plain text column, or name another with `--text-columns`", code="not-text")


def text_at(row: Row, column: str) -> str:
    """The text of a column; empty where the row has none."""
    return text_of_value(row, column, row.values.get(column))
