"""The example browser's data: every example and answer, made safe and small enough for one file."""

from __future__ import annotations

import base64
import gzip
import json
from math import isfinite
from typing import Any

from evalgate.core.data import Example, TaskSpec
from evalgate.report.evidence import input_fields
from evalgate.report.index import Index
from evalgate.report.words import clean, cut

# Plain JSON opens in every browser and can be read in the source; gzip starts where it would weigh.
PLAIN_LIMIT = 250_000
# 2,000 examples x 6 systems.
USUAL_ANSWERS = 12_000
TEXT_LIMITS = (8000, 3000, 1500, 900, 600, 400, 250, 150, 80, 40, 20)
SAMPLE_ROWS = 400
# From so many bytes on, level 7 takes three times as long as level 5 and saves 6 %.
LARGE = 8_000_000
_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def script_json(value: object) -> str:
    """JSON that cannot end or open an HTML element and that is valid JavaScript too."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_ESCAPES)


def embedded(index: Index, room: int) -> str:
    """The data as the text of a JSON script element of at most `room` bytes, more for more answers than usual.

    Texts are cut (visibly) only as far as the size demands.
    """
    examples = [(at, task, e) for at, task in enumerate(index.tasks) for e in index.examples(task.name)]
    budget = room * max(1.0, len(examples) * len(index.systems) / USUAL_ANSWERS)
    step = max(1, len(examples) // SAMPLE_ROWS)
    packed = ""
    for limit in TEXT_LIMITS:
        # A sample tells in a fraction of the time which limits are hopeless.
        sample = _pack(script_json([_row(index, at, task, e, limit) for at, task, e in examples[::step]]))
        if step > 1 and len(sample) * step > budget * 1.1 and limit != TEXT_LIMITS[-1]:
            continue
        data = script_json(build(index, limit))
        if len(data) <= PLAIN_LIMIT and len(data.encode()) <= budget:
            return data
        packed = script_json({"gzip": _pack(data)})
        if len(packed) <= budget:
            break
    return packed


def _pack(text: str) -> str:
    # mtime 0: the same run gives the same bytes.
    data = text.encode()
    return base64.b64encode(gzip.compress(data, 7 if len(data) < LARGE else 5, mtime=0)).decode()


def build(index: Index, limit: int) -> dict[str, Any]:
    """Everything that the page's script reads; positions instead of names wherever a name would repeat."""
    return {
        "limit": limit,
        "systems": [clean(s) for s in index.systems],
        "candidates": [index.systems.index(c) for c in index.data.run.candidates],
        "tasks": [
            {
                "name": clean(task.name),
                "kind": task.kind,
                "metric": clean(index.item_metric[task.name]),
                "best": index.systems.index(best) if (best := index.best[task.name]) in index.systems else -1,
            }
            for task in index.tasks
        ],
        "rows": [
            _row(index, position, task, example, limit)
            for position, task in enumerate(index.tasks)
            for example in index.examples(task.name)
        ],
    }


def _row(index: Index, position: int, task: TaskSpec, example: Example, limit: int) -> list[Any]:
    """One example: task, id, label, tags, input fields, reference, answers by system."""
    return [
        position,
        clean(example.id),
        clean(example.label or ""),
        [clean(tag) for tag in example.tags],
        [[clean(name), cut(text, limit)] for name, text in input_fields(example)],
        cut(example.references[0], limit) if example.references else "",
        [_answer(index, system, task.name, example.id, limit) for system in index.systems],
    ]


def _answer(index: Index, system: str, task: str, example_id: str, limit: int) -> list[Any] | int:
    """One answer: output, score, failure code, predicted label, passage ids; short tails are dropped, 0 if none."""
    prediction = index.prediction(system, task, example_id)
    value = index.value(system, task, example_id)
    if prediction is None and value is None:
        return 0
    pair = index.predicted(system, task, example_id)
    output = prediction.output if prediction else None
    row = [
        None if output is None else cut(output, limit),
        round(value, 4) if value is not None and isfinite(value) else None,
        clean(index.failure(system, task, example_id)),
        clean(pair[1]) if pair else "",
        [clean(c) for c in prediction.context_ids] if prediction else [],
    ]
    while row and row[-1] in ("", []):
        row.pop()
    return row
