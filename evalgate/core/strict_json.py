"""JSON as a program would have to read it: the whole text, no key twice, no NaN, within bounds that keep it quick."""

from __future__ import annotations

import json
import re
from typing import Any

MAX_CHARS = 100_000
# Deeper values would end validators and our own walks; no schema of a task comes near.
MAX_DEPTH = 500
_BRACKETS = re.compile(r"[\[{]|[\]}]|\"(?:[^\"\\]|\\.)*+\"", re.DOTALL)
FENCE = "```"


class _DuplicateError(ValueError):
    pass


class _ConstantError(ValueError):
    pass


def parse(output: str, max_chars: int = MAX_CHARS) -> tuple[Any, str | None]:
    """The value that the whole output is, or None and the word for what is wrong with it.

    Reading takes time in proportion to the length, which `max_chars` bounds.
    """
    text = output.strip()
    if len(text) > max_chars:
        return None, "too-long"
    if _too_deep(text):
        return None, "too-deep"
    try:
        return _load(text), None
    except _DuplicateError:
        return None, "duplicate-key"
    except json.JSONDecodeError as error:
        return None, _why_not_json(text, error)
    except _ConstantError:
        return None, "not-json"
    except ValueError:  # Python reads no integer of more than 4300 digits
        return None, "huge-number"
    except RecursionError:
        return None, "too-deep"


def without_fence(output: str) -> str:
    """The text inside the one Markdown fence that a whole output is; the output itself if it is something else."""
    text = output.strip()
    head, line_break, rest = text.partition("\n")
    info = head.removeprefix(FENCE)
    if not head.startswith(FENCE) or not line_break or "`" in info or not rest.endswith(FENCE):
        return output
    inside = rest[: -len(FENCE)]
    return output if FENCE in inside or (inside and not inside.endswith("\n")) else inside


def _load(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _DuplicateError
    return found


def _no_constant(name: str) -> Any:
    raise _ConstantError(name)


def _too_deep(text: str) -> bool:
    """Whether brackets outside strings are open deeper than is read; most texts are too short to be."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for found in _BRACKETS.finditer(text):
        mark = found[0][0]
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif mark in "]}":
            depth -= 1
    return False


def _why_not_json(text: str, error: json.JSONDecodeError) -> str:
    if text.startswith(FENCE):
        return "fence"
    start, end = text.find("{"), text.rfind("}")
    if start < 0:
        return "truncated" if _cut(text, error) and text.startswith("[") else "not-json"
    if end < start or text.count("{") > text.count("}") or (start == 0 and _cut(text, error)):
        return "truncated"
    try:
        _load(text[start : end + 1])
    except _DuplicateError:
        return "prose-around"
    except (ValueError, RecursionError):
        return "not-json"
    return "prose-around"


def _cut(text: str, error: json.JSONDecodeError) -> bool:
    """Whether reading failed because the text was over: at its end, or inside a string that never closes."""
    return error.pos >= len(text) or error.msg.startswith("Unterminated string")
