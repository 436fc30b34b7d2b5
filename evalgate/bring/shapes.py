"""Which shape rows have, and why: by their columns; what could be two things is refused with the flag that decides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from evalgate.bring.rows import Row, is_missing
from evalgate.core.data import TaskKind
from evalgate.core.errors import UsageError

SHAPES = ("alpaca", "prompt_completion", "messages", "sharegpt", "preference", "classification", "json", "text")
KINDS: tuple[TaskKind, ...] = ("classification", "extraction", "summarization", "qa", "generation")
# How many rows are looked at to see what a column holds.
LOOK = 200
_ANSWERS = ("output", "response", "completion", "answer", "answers", "reply", "target", "reference", "references")
_SUMMARIES = ("summaries", "summary", "highlights", "abstract")
_LABELS = ("label", "labels", "intent", "class", "category", "sentiment", "label_text")
_JSON = ("target", "json", "output", "expected", "result", "answer", "entities", "fields", "parse", "completion")
_TEXTS = re.compile(
    r"(text|message|dialogue|dialog|conversation|transcript|document|article|question|query|sentence|content|body"
    r"|utterance|input|review|title|subject|prompt|instruction|context|premise|hypothesis|headline|comment|tweet|email"
    r"|ticket|post|description|source|passage)_?(\d|[ab])?"
)
_NOT_INPUT = re.compile(r"(.*_)?(id|idx|index|uuid|split|url|date|time|timestamp|created_at)|unnamed.*|__.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user said of the columns; None or empty where nothing was said."""

    shape: str | None = None
    kind: TaskKind | None = None
    label: str | None = None
    answer: str | None = None
    texts: tuple[str, ...] = ()
    id: str | None = None
    cluster: str | None = None
    split: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to read the rows: inputs from `texts`, the reference from the first of `answers` that a row has."""

    shape: str
    kind: TaskKind
    texts: tuple[str, ...]
    answers: tuple[str, ...]
    reason: str


def recognise(rows: Sequence[Row], columns: Sequence[str], wish: Wish) -> Reading:
    """The one reading that the columns allow; raises `unknown-column`, `unknown-shape` or `unclear-shape`."""
    for flag, name in _named(wish):
        if name not in columns:
            raise UsageError(
                f"there is no column '{name}'",
                code="unknown-column",
                fix=f"correct {flag}; the columns are: {', '.join(columns)}",
                where=rows[0].place,
            )
    found = [r for r in _readings(rows[:LOOK], columns, wish) if wish.shape in (None, r.shape)]
    found = [r for r in found if wish.texts and r.texts == wish.texts] or found
    if not found:
        raise UsageError(
            "the columns have no shape that is known" if not wish.shape else f"the columns do not make '{wish.shape}'",
            code="unknown-shape",
            fix="say what they are: `--label-column C` for classes or `--answer-column C` for texts and JSON, "
            f"with `--text-columns A,B`; the columns are: {', '.join(columns)}",
            where=rows[0].place,
        )
    if len(found) > 1:
        lines = "".join(f"\n  {_flag(r, found)}: {r.reason}" for r in found)
        raise UsageError(
            f"the rows can be read in {len(found)} ways:{lines}",
            code="unclear-shape",
            fix=f"choose one, e.g. `{_flag(found[0], found)}`",
            where=rows[0].place,
        )
    reading = found[0] if wish.kind is None else replace(found[0], kind=wish.kind)
    return replace(reading, texts=wish.texts or reading.texts or _default_texts(rows[:LOOK], columns, reading, wish))


def is_json_object(value: object) -> bool:
    """An object, or a text that is one."""
    if isinstance(value, dict):
        return not any(isinstance(v, list) and k == "text" for k, v in value.items())
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return False
    try:
        return isinstance(msgspec.json.decode(value), dict)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return False


def kind_of(said: str | None) -> TaskKind | None:
    """The kind of task of that name."""
    return next((kind for kind in KINDS if kind == said), None)


def _named(wish: Wish) -> list[tuple[str, str]]:
    flags = [
        ("--label-column", wish.label),
        ("--answer-column", wish.answer),
        ("--id-column", None if wish.id == "none" else wish.id),
        ("--cluster-column", wish.cluster),
        ("--split-column", wish.split),
        *(("--text-columns", name) for name in wish.texts),
    ]
    return [(flag, name) for flag, name in flags if name is not None]


def _flag(reading: Reading, found: list[Reading]) -> str:
    if sum(other.shape == reading.shape for other in found) == 1:
        return f"--shape {reading.shape}"
    if not reading.answers:  # turns, whose answer is the last of them
        return f"--text-columns {','.join(reading.texts)}"
    flag = "--label-column" if reading.shape == "classification" else "--answer-column"
    return f"{flag} {reading.answers[0]}"


def _readings(rows: Sequence[Row], columns: Sequence[str], wish: Wish) -> list[Reading]:
    if wish.label:
        return [_classes(wish.label, f"label column {wish.label} (as said)")]
    if wish.answer:
        return [_answered(rows, wish.answer, columns, "as said")]
    return _fixed(rows, columns) or [*_labelled(rows, columns), *_open(rows, columns)]


def _fixed(rows: Sequence[Row], columns: Sequence[str]) -> list[Reading]:
    """The shapes that tools agree on: their columns' names leave no doubt."""
    has = {name.lower(): name for name in reversed(columns)}
    found = []
    for name in ("messages", "conversations", "conversation"):
        turns = _first(rows, has[name]) if name in has else None
        if isinstance(turns, list) and turns and isinstance(turns[0], dict):
            chat = "role" in turns[0]
            shape, keys = ("messages", "role, content") if chat else ("sharegpt", "from, value")
            reason = f"{shape}: column {has[name]} holds turns with {keys}"
            found.append(Reading(shape=shape, kind="generation", texts=(has[name],), answers=(), reason=reason))
    if {"chosen", "rejected"} <= has.keys():
        asked = has["prompt"] if "prompt" in has else has["chosen"]
        named = ", ".join(has[n] for n in ("prompt", "chosen", "rejected") if n in has)
        reason = f"preference: columns {named}; `chosen` is the reference, `rejected` is left out"
        answers = (has["chosen"],)
        found.append(Reading(shape="preference", kind="generation", texts=(asked,), answers=answers, reason=reason))
    answer = next((has[name] for name in ("output", "completion", "response") if name in has), None)
    for shape, names in (("alpaca", ("instruction", "input")), ("prompt_completion", ("prompt",))):
        if names[0] in has and answer and not found:
            texts = tuple(has[name] for name in names if name in has)
            kind: TaskKind = "extraction" if _all(rows, answer, is_json_object) else "generation"
            reason = f"{shape}: columns {', '.join((*texts, answer))}"
            reason += ", whose answers are JSON objects" if kind == "extraction" else ""
            found.append(Reading(shape=shape, kind=kind, texts=texts, answers=(answer,), reason=reason))
    return found


def _labelled(rows: Sequence[Row], columns: Sequence[str]) -> list[Reading]:
    named = [c for c in columns if c.lower() in _LABELS or c.lower().startswith("is_")]
    named = [c for c in named if _all(rows, c, lambda v: isinstance(v, str | int | float))]
    return [_classes(c, f"label column {c}") for c in named if not _all(rows, c, is_json_object)]


def _classes(column: str, what: str) -> Reading:
    reason = f"classification: {what}"
    return Reading(shape="classification", kind="classification", texts=(), answers=(column,), reason=reason)


def _open(rows: Sequence[Row], columns: Sequence[str]) -> list[Reading]:
    """Text with JSON, a summary or an answer beside it."""
    objects = [c for c in columns if c.lower() in _JSON and _all(rows, c, is_json_object)]
    found = [_answered(rows, c, columns, "") for c in objects]
    summaries = [has for name in _SUMMARIES for has in columns if has.lower() == name]
    if summaries:
        reason = f"text: column {summaries[0]} beside a text"
        found.append(Reading(shape="text", kind="summarization", texts=(), answers=tuple(summaries), reason=reason))
    answers = [c for c in columns if c.lower() in _ANSWERS and c not in objects and _all(rows, c, _is_answer)]
    return found + [_answered(rows, c, columns, "") for c in answers]


def _answered(rows: Sequence[Row], column: str, columns: Sequence[str], said: str) -> Reading:
    tail = f" ({said})" if said else ""
    if _all(rows, column, is_json_object):
        reason = f"json: column {column} holds JSON objects{tail}"
        return Reading(shape="json", kind="extraction", texts=(), answers=(column,), reason=reason)
    asks = {"question", "query"} & {name.lower() for name in columns}
    kind: TaskKind = "qa" if asks else "summarization" if column.lower() in _SUMMARIES else "generation"
    reason = f"text: column {column} is the answer{tail}" + (f", beside a {sorted(asks)[0]}" if asks else "")
    return Reading(shape="text", kind=kind, texts=(), answers=(column,), reason=reason)


def _is_answer(value: object) -> bool:
    """A text, several, or SQuAD's object with a list of texts."""
    if isinstance(value, dict):
        value = value.get("text")
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value))


def _default_texts(rows: Sequence[Row], columns: Sequence[str], reading: Reading, wish: Wish) -> tuple[str, ...]:
    used = {*reading.answers, wish.id, wish.cluster, wish.split}
    left = [c for c in columns if c not in used and not _NOT_INPUT.fullmatch(c.lower())]
    left = [c for c in left if _all(rows, c, lambda v: isinstance(v, str))]
    known = tuple(c for c in left if _TEXTS.fullmatch(c.lower()))
    if known or len(left) == 1:
        return known or tuple(left)
    could = ", ".join(left)
    raise UsageError(
        f"which columns are the input is not clear: {f'could be {could}' if could else 'there is no text column'}",
        code="unclear-input",
        fix=f"name them: `--text-columns A,B`; the columns are: {', '.join(columns)}",
        where=rows[0].place,
    )


def _first(rows: Sequence[Row], column: str) -> Any:
    return next((r.values[column] for r in rows if not is_missing(r.values.get(column))), None)


def _all(rows: Sequence[Row], column: str, fits: Any) -> bool:
    """Whether every value that is there fits, and there is one."""
    there = [r.values[column] for r in rows if not is_missing(r.values.get(column))]
    return bool(there) and all(fits(value) for value in there)
