"""The example browser's data: every example and answer, made safe and small enough for one file."""

from __future__ import annotations

import base64
import gzip
from math import isfinite
from typing import Any, TypeAlias

import msgspec

from evalgate.core.data import Example, SliceBy
from evalgate.core.results import Prediction
from evalgate.report.evidence import input_fields
from evalgate.report.index import Index
from evalgate.report.problems import Problems
from evalgate.report.slices import named_parts, places_in
from evalgate.report.words import clean, cut
from evalgate.store import CAPABILITY

# One system's answers, values, failures, labels and problems, by example.
_Found: TypeAlias = (
    "tuple[dict[str, Prediction], dict[str, float], dict[str, str], dict[str, tuple[str, str]], dict[str, list[int]]]"
)
# Plain JSON opens in every browser and can be read in the source; gzip starts where it would weigh.
PLAIN_LIMIT = 250_000
# 2,000 examples x 6 systems.
USUAL_ANSWERS = 12_000
TEXT_LIMITS = (8000, 3000, 1500, 900, 600, 400, 250, 150, 80, 40, 20)
SAMPLE_ROWS = 400
# From so many bytes on, level 7 takes three times as long as level 5 and saves 6 %.
LARGE = 8_000_000
# Passages are read beside answers, not for themselves.
PASSAGE_LIMIT = 1200
# Of more capability questions those that a candidate changed come first.
MAX_QUESTIONS = 1_000
_ESCAPES = {c.encode(): f"\\u{ord(c):04x}".encode() for c in "<>&\u2028\u2029"}


def script_json(value: object) -> bytes:
    """JSON that cannot end or open an HTML element and that is valid JavaScript too."""
    data = msgspec.json.encode(value)
    for found, escaped in _ESCAPES.items():
        data = data.replace(found, escaped)
    return data


def embedded(index: Index, problems: Problems, room: int) -> str:
    """The data as the text of a JSON script element of at most `room` bytes, more for more answers than usual.

    Texts are cut (visibly) only as far as the size demands.
    """
    asked = _asked(index)
    # Capability questions have no answers to show, so they claim no room of their own.
    n_answers = sum(task != CAPABILITY for _, task, _ in asked) * len(index.systems)
    budget = room * max(1.0, n_answers / USUAL_ANSWERS)
    step = max(1, len(asked) // SAMPLE_ROWS)
    answers = Answers(index, problems)
    packed = ""
    for limit in TEXT_LIMITS:
        # A sample tells in a fraction of the time which limits are hopeless.
        sample = _pack(script_json([_row(answers, *row, limit) for row in asked[::step]]))
        if step > 1 and len(sample) * step > budget * 1.1 and limit != TEXT_LIMITS[-1]:
            continue
        data = script_json(build(index, problems, limit, answers))
        # No more characters than this, and no more bytes than there is room for.
        if len(data) <= budget and len(data.decode()) <= PLAIN_LIMIT:
            return data.decode()
        packed = f'{{"gzip":"{_pack(data)}"}}'
        if len(packed) <= budget:
            break
    return packed


def _asked(index: Index) -> list[tuple[int, str, Example]]:
    """Every example with its task's position and name; capability questions come last."""
    found = [(at, task.name, e) for at, task in enumerate(index.tasks) for e in index.examples(task.name)]
    return found + [(len(index.tasks), CAPABILITY, e) for e in _questions(index)]


def _questions(index: Index) -> list[Example]:
    """Capability questions in their order; of more than fit, first those that some candidate answers otherwise."""
    rows, best = index.examples(CAPABILITY), index.best[CAPABILITY] or ""
    if len(rows) <= MAX_QUESTIONS:
        return rows
    asked = [c for c in index.data.run.candidates if index.answered(c, CAPABILITY)]

    def same(example: Example) -> bool:
        before = index.value(best, CAPABILITY, example.id)
        return all(index.value(c, CAPABILITY, example.id) == before for c in asked)

    kept = {e.id for e in sorted(rows, key=same)[:MAX_QUESTIONS]}
    return [e for e in rows if e.id in kept]


def _pack(data: bytes) -> str:
    # mtime 0: the same run gives the same bytes.
    return base64.b64encode(gzip.compress(data, 7 if len(data) < LARGE else 5, mtime=0)).decode()


def build(index: Index, problems: Problems, limit: int, answers: Answers | None = None) -> dict[str, Any]:
    """Everything that the page's script reads; positions instead of names wherever a name would repeat."""
    answers = answers or Answers(index, problems)
    asked = _asked(index)
    tasks = [(task.name, str(task.kind)) for task in index.tasks]
    tasks += [(CAPABILITY, CAPABILITY)] if asked and asked[-1][1] == CAPABILITY else []
    parts = {name: named_parts(index.data, name) for name, _ in tasks}
    return {
        "limit": limit,
        "systems": [clean(s) for s in index.systems],
        "candidates": [index.systems.index(c) for c in index.data.run.candidates],
        "problems": [clean(name) for name in problems.names],
        "tasks": [_task(index, name, kind, limit, parts[name]) for name, kind in tasks],
        "left_out": len(index.examples(CAPABILITY)) - len(_questions(index)),
        "rows": [[*_row(answers, *row, limit), *_places(parts[row[1]], row[2])] for row in asked],
    }


def _places(parts: list[tuple[SliceBy, str]], example: Example) -> list[list[int]]:
    """What follows a row: the lengths and clusters that the example is in, nothing where there are none."""
    found = places_in(parts, example) if parts else []
    return [found] if found else []


def _task(index: Index, name: str, kind: str, limit: int, parts: list[tuple[SliceBy, str]]) -> dict[str, Any]:
    best, room = index.best[name], min(limit, PASSAGE_LIMIT)
    passages = index.passages.get(name, {})
    return {
        "name": clean(name),
        "kind": kind,
        "metric": clean(index.item_metric[name]),
        "best": index.systems.index(best) if best in index.systems else -1,
        "slices": [[by, clean(part)] for by, part in parts],
        "passages": {clean(i): [clean(p.title), cut(p.text, room)] for i, p in passages.items()},
    }


class Answers:
    """What is shown of every answer, looked up once for all examples of a task."""

    def __init__(self, index: Index, problems: Problems) -> None:
        self._index, self._problems = index, problems
        self._found: dict[str, list[_Found]] = {}

    def of(self, task: str) -> list[_Found]:
        """By system."""
        if task not in self._found:
            index = self._index
            self._found[task] = [
                (
                    index.predictions(system, task),
                    index.values(system, task),
                    index.failures(system, task),
                    index.labels(system, task),
                    self._problems.of(system, task),
                )
                for system in index.systems
            ]
        return self._found[task]


def _row(answers: Answers, position: int, task: str, example: Example, limit: int) -> list[Any]:
    """One example: task, id, label, tags, input fields, reference, answers by system."""
    return [
        position,
        clean(example.id),
        clean(example.label or ""),
        [clean(tag) for tag in example.tags],
        [[clean(name), cut(text, limit)] for name, text in input_fields(example)],
        cut(example.references[0], limit) if example.references else "",
        [_answer(found, example.id, limit) for found in answers.of(task)],
    ]


def _answer(found: _Found, example_id: str, limit: int) -> list[Any] | int:
    """One answer: output, score, failure code, label, passage ids, problems; short tails are dropped, 0 if none."""
    predictions, values, failures, labels, problems = found
    prediction, value = predictions.get(example_id), values.get(example_id)
    if prediction is None and value is None:
        return 0
    output = prediction.output if prediction is not None else None
    row: list[Any] = [
        None if output is None else cut(output, limit),
        round(value, 4) if value is not None and isfinite(value) else None,
    ]
    failure, pair, marks = failures.get(example_id), labels.get(example_id), problems.get(example_id)
    passages = prediction.context_ids if prediction is not None else ()
    if marks or passages or pair or failure:
        row += [
            clean(failure or ""),
            clean(pair[1]) if pair else "",
            [clean(passage) for passage in passages],
            marks or [],
        ]
        while row[-1] in ("", []):
            row.pop()
    return row
