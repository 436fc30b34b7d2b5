"""What a suite may set of a metric: an option that is unknown or of the wrong kind is an error, never ignored."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import NoReturn

from evalgate.core.errors import UsageError
from evalgate.metrics.scoring import Options

PAGE = "metrics and their options stand in docs/metrics.md"


def refuse_options(metric: str, options: Options, known: Collection[str] = ()) -> None:
    """Raise `bad-metric-option` for the first option that the metric does not have."""
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            has = f"it has {', '.join(sorted(known))}" if known else "it has none"
            _refuse(f"the metric {metric} has no option '{name}'", f"did you mean '{near[0]}'?" if near else has)


def text_option(metric: str, options: Options, name: str, default: str | None = None) -> str:
    """An option that is a text; raises `bad-metric-option` if it is missing without a default, or is something else."""
    value = options.get(name, default)
    if value is None:
        form = f"{{name: {metric}, options: {{{name}: ...}}}}"
        _refuse(f"the metric {metric} needs the option '{name}'", f"write `{form}`")
    if not isinstance(value, str) or not value:
        _refuse(f"the option '{name}' of the metric {metric} is {value!r}, not a text", "write a text in quotes")
    return value


def whole_option(metric: str, options: Options, name: str, default: int, *, most: int, least: int = 1) -> int:
    """An option that is a whole number from `least` to `most`."""
    value = options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        _refuse(f"the option '{name}' of the metric {metric} is {value!r}", f"write a whole number, {least} to {most}")
    return value


def choice_option(metric: str, options: Options, name: str, choices: Collection[str]) -> str:
    """An option that is one of some words; the first is the default."""
    value = options.get(name, next(iter(choices)))
    if not isinstance(value, str) or value not in choices:
        _refuse(f"the option '{name}' of the metric {metric} is {value!r}", f"write one of: {', '.join(choices)}")
    return value


def list_option(metric: str, options: Options, name: str, *, needed: bool = False) -> tuple[str, ...]:
    """An option that is a list of texts; empty by default unless it is needed."""
    if needed and not options.get(name):
        _refuse(f"the metric {metric} needs the option '{name}'", "write a list of texts: `[text, text]`")
    value = options.get(name, [])
    if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
        _refuse(f"the option '{name}' of the metric {metric} is {value!r}, not a list of texts", "write `[text, text]`")
    return tuple(value)


def switch_option(metric: str, options: Options, name: str, default: bool) -> bool:
    """An option that is true or false."""
    value = options.get(name, default)
    if not isinstance(value, bool):
        _refuse(f"the option '{name}' of the metric {metric} is {value!r}", "write true or false")
    return value


def amount_option(metric: str, options: Options, name: str) -> float:
    """An option that is a finite number of at least 0, which is the default."""
    value = options.get(name, 0.0)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < float("inf"):
        _refuse(f"the option '{name}' of the metric {metric} is {value!r}", "write a number of at least 0")
    return float(value)


def _refuse(what: str, fix: str) -> NoReturn:
    raise UsageError(what, code="bad-metric-option", fix=f"{fix}; {PAGE}")
