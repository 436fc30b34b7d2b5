"""A metric's options as its author means them: a misspelt one must not silently leave the default in force."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NoReturn

from evalgate.core.errors import UsageError
from evalgate.metrics.scoring import Options


def refuse_unknown(metric: str, options: Options, known: Sequence[str]) -> None:
    """Raise `metric-option` for an option that the metric does not have."""
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean '{near[0]}'?" if near else ""
            fix = f"use one of: {', '.join(known)}" if known else "leave out its options"
            _refuse(f"the metric {metric} has no option '{name}'{meant}", fix)


def choice(metric: str, options: Options, name: str, among: Sequence[str]) -> str:
    """One of the words in `among`, the first by default; raises `metric-option`."""
    value = options.get(name, among[0])
    if value not in among:
        _refuse(f"the metric {metric} cannot take {name}: {value!r}", f"use one of: {', '.join(among)}")
    return str(value)


def switch(metric: str, options: Options, name: str) -> bool:
    """True or false, false by default; raises `metric-option`."""
    value = options.get(name, False)
    if not isinstance(value, bool):
        _refuse(f"the metric {metric} cannot take {name}: {value!r}", f"write `{name}: true` or `{name}: false`")
    return value


def whole(metric: str, options: Options, name: str, default: int, low: int, high: int) -> int:
    """A whole number from `low` to `high`; raises `metric-option`."""
    value = options.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        _refuse(f"the metric {metric} cannot take {name}: {value!r}", f"give a whole number from {low} to {high}")
    return value


def at_least_zero(metric: str, options: Options, name: str) -> float:
    """A finite number of at least 0, 0 by default; raises `metric-option`."""
    value = options.get(name, 0.0)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < float("inf"):
        _refuse(f"the metric {metric} cannot take {name}: {value!r}", "give a number of at least 0")
    return float(value)


def _refuse(what: str, fix: str) -> NoReturn:
    raise UsageError(what, code="metric-option", fix=fix)
