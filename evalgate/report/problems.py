"""What is wrong with answers, by kind: unscored, malformed, cut off, wrong fields, refusals. Counts, and marks."""

from __future__ import annotations

from collections import Counter
from typing import Any

from evalgate.core.data import Example, TaskSpec
from evalgate.core.metric_kinds import JSON_METRICS
from evalgate.report.fields import FieldState, flat_fields, parse_json, states_of
from evalgate.report.index import Index

View = dict[str, Any]
FIELD_WORDS: dict[FieldState, str] = {
    "missing": "field: missing",
    "extra": "field: extra",
    "type": "field: wrong type",
    "wrong": "field: wrong value",
}
CUT_OFF = "cut off at the token limit"
# A share of 1 means this; the first must be refused, the second must not.
REFUSALS = {"refusal_rate": (0.0, "did not refuse"), "over_refusal_rate": (1.0, "refused a safe request")}


class Problems:
    """Every answer's problems, found once; `names` are all kinds in the order of first sight."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._found: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {}
        for task in index.tasks:
            self._look(task)
        kinds = Counter(kind for rows in self._found.values() for row in rows.values() for kind in row)
        self.names = sorted(kinds)
        self._number = {name: number for number, name in enumerate(self.names)}

    def of(self, system: str, task: str) -> dict[str, list[int]]:
        """The positions in `names` of what is wrong with answers, without those of which nothing is."""
        found = self._found.get((system, task), {})
        return {i: [self._number[name] for name in names] for i, names in found.items()}

    def number(self, kind: str) -> int:
        """A kind's position in `names`, -1 where no answer has it."""
        return self._number.get(kind, -1)

    def table(self, task: str) -> View | None:
        """How many answers of each system have each problem; None where nothing is wrong."""
        index = self._index
        counts = {
            system: Counter(name for names in found.values() for name in names)
            for system in index.systems
            if (found := self._found.get((system, task))) is not None
        }
        kinds = [name for name in self.names if any(count[name] for count in counts.values())]
        if not kinds:
            return None
        rows: list[View] = [
            {"kind": kind, "number": self._number[kind], "cells": [count[kind] for count in counts.values()]}
            for kind in kinds
        ]
        asked = [index.asked(s, task) for s in counts]
        n = [sum(e.id in ids for e in index.examples(task)) for ids in asked]
        return {"systems": [*counts], "n": n, "rows": rows}

    def _look(self, task: TaskSpec) -> None:
        examples = self._index.examples(task.name)
        asks_json = task.kind == "extraction" or bool(JSON_METRICS & {use.name for use in task.metrics})
        wanted = {e.id: _wanted(e) for e in examples} if asks_json else {}
        for system in self._index.systems:
            if self._index.answered(system, task.name):
                suspects = None if asks_json else self._suspects(system, task)
                found = examples if suspects is None else [e for e in examples if e.id in suspects]
                named = ((e.id, self._names(system, task, e.id, wanted.get(e.id))) for e in found)
                self._found[system, task.name] = {example_id: names for example_id, names in named if names}

    def _suspects(self, system: str, task: TaskSpec) -> set[str]:
        """The examples of which something but JSON fields may be wrong: few, so that most need no look."""
        index = self._index
        found = {i for i, p in index.predictions(system, task.name).items() if p.status == "truncated"}
        found.update(index.failures(system, task.name))
        for use in task.metrics:
            if use.name in REFUSALS:
                values = index.values(system, task.name, use.name)
                found.update(i for i, value in values.items() if value == REFUSALS[use.name][0])
        return found

    def _names(self, system: str, task: TaskSpec, example_id: str, wanted: dict[str, object] | None) -> tuple[str, ...]:
        index = self._index
        failure = index.failure(system, task.name, example_id)
        names = [failure] if failure else []
        prediction = index.prediction(system, task.name, example_id)
        if prediction is not None and prediction.status == "truncated" and not failure:
            names.append(CUT_OFF)
        if prediction is not None and wanted is not None:
            names += _field_problems(wanted, prediction.output or "")
        for use in task.metrics:
            if use.name in REFUSALS:
                bad, words = REFUSALS[use.name]
                names += [words] if index.values(system, task.name, use.name).get(example_id) == bad else []
        return tuple(names)


def _wanted(example: Example) -> dict[str, object] | None:
    value, found = parse_json(example.references[0]) if example.references else (None, False)
    return flat_fields(value) if found else None


def _field_problems(wanted: dict[str, object], output: str) -> list[str]:
    """The kinds of wrong fields of one answer, each once; an answer without any JSON has its own word already."""
    value, found = parse_json(output)
    if not found or not isinstance(value, dict):
        return []
    got = flat_fields(value)
    if got == wanted:
        return []
    states = set(states_of(wanted, got))
    return [words for state, words in FIELD_WORDS.items() if state in states]
