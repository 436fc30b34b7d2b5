"""What changed and how: improvements and regressions, word diffs, JSON fields, confusion matrices."""

from __future__ import annotations

import json
from collections import Counter
from difflib import SequenceMatcher
from typing import Any, Literal

import numpy as np

from evalgate.core.data import Example, TaskSpec
from evalgate.core.metric_kinds import LABEL_METRICS
from evalgate.report.index import Index
from evalgate.report.words import clean, cut, one_line, show
from evalgate.stats.reliability import Bins, bins_of

View = dict[str, Any]
FieldState = Literal["same", "wrong", "type", "missing", "extra"]
TEXT_LIMIT = 900
MAX_DIFF_WORDS = 600
MAX_FIELDS = 40
# Differences below this are rounding, not change.
EPSILON = 1e-9
# The curve has fewer bins than the error is counted over: each should have some examples.
N_BINS = 10


def input_fields(example: Example) -> list[tuple[str, str]]:
    """An example's inputs as (name, text); conversations as one `role: content` line a turn."""
    return [
        (name, value if isinstance(value, str) else "\n".join(f"{m.role}: {m.content}" for m in value))
        for name, value in example.inputs.items()
    ]


def input_text(example: Example) -> str:
    """All inputs as one text, for lists and search."""
    return "\n".join(text for _, text in input_fields(example))


def deltas(index: Index, task: str, candidate: str) -> list[tuple[float, Example]]:
    """Candidate minus best baseline for each example that both scored, in the examples' order."""
    return index.deltas(task, candidate)


def change_counts(index: Index, task: str, candidate: str) -> View:
    """How many examples got better, stayed, got worse, could not be paired, and were never asked (an early stop)."""
    rows = deltas(index, task, candidate)
    better = sum(delta > EPSILON for delta, _ in rows)
    worse = sum(delta < -EPSILON for delta, _ in rows)
    total = len(index.examples(task))
    not_asked = sum(not index.was_asked(candidate, task, e.id) for e in index.examples(task))
    share = {k: 100 * v / max(total, 1) for k, v in (("better", better), ("worse", worse))}
    return {
        "better": better,
        "worse": worse,
        "same": len(rows) - better - worse,
        "unpaired": total - len(rows) - not_asked,
        "not_asked": not_asked,
        "better_share": share["better"],
        "worse_share": share["worse"],
    }


def word_diff(reference: str, text: str) -> list[tuple[str, str]]:
    """Runs of words as (`same` | `gained` | `lost`, text): what a text adds to and leaves out of the reference."""
    before, after = reference.split()[:MAX_DIFF_WORDS], text.split()[:MAX_DIFF_WORDS]
    runs: list[tuple[str, str]] = []
    left, right = ([word.casefold() for word in words] for words in (before, after))
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            runs.append(("same", " ".join(after[j1:j2])))
            continue
        if i2 > i1:
            runs.append(("lost", " ".join(before[i1:i2])))
        if j2 > j1:
            runs.append(("gained", " ".join(after[j1:j2])))
    return runs


def parse_json(text: str) -> tuple[object, bool]:
    """The JSON value in a text, else the object between its outer braces, as (value, found)."""
    for piece in (text, text[text.find("{") : text.rfind("}") + 1]):
        try:
            return json.loads(piece), True
        except (ValueError, RecursionError):
            continue
    return None, False


def flat_fields(value: object, path: str = "", depth: int = 0) -> dict[str, object]:
    """A JSON value as leaves by path (`a.b[0]`); what lies deeper than 6 levels stays whole."""
    if depth < 6 and isinstance(value, dict) and value:
        parts = [(f"{path}.{k}" if path else str(k), v) for k, v in value.items()]
    elif depth < 6 and isinstance(value, list) and value:
        parts = [(f"{path}[{i}]", v) for i, v in enumerate(value)]
    else:
        return {path or "(whole)": value}
    return {name: leaf for p, v in parts for name, leaf in flat_fields(v, p, depth + 1).items()}


def field_state(wanted: dict[str, object], got: dict[str, object], name: str) -> FieldState:
    """How one field of an answer compares with the reference."""
    if name not in got:
        return "missing"
    if name not in wanted:
        return "extra"
    if type(wanted[name]) is not type(got[name]):
        return "type"
    return "same" if wanted[name] == got[name] else "wrong"


def field_table(reference: str, outputs: list[str]) -> View | None:
    """Fields x answers against the reference JSON; None where the reference is not JSON."""
    value, found = parse_json(reference)
    if not found:
        return None
    wanted = flat_fields(value)
    parsed = [parse_json(output) for output in outputs]
    answers = [flat_fields(v) if ok and isinstance(v, dict) else {} for v, ok in parsed]
    names = [*dict.fromkeys([*wanted, *(name for answer in answers for name in answer)])][:MAX_FIELDS]
    rows = [
        {
            "name": name,
            "wanted": _leaf(wanted, name),
            "cells": [{"text": _leaf(a, name), "state": field_state(wanted, a, name)} for a in answers],
        }
        for name in names
        if name in wanted or any(name in a for a in answers)
    ]
    return {"rows": rows}


def _leaf(fields: dict[str, object], name: str) -> str:
    return cut(json.dumps(fields[name], ensure_ascii=False), 160) if name in fields else ""


def card(index: Index, task: TaskSpec, candidate: str, delta: float, example: Example) -> View:
    """One changed example: input, reference, the best baseline's answer and every candidate's."""
    best = index.best[task.name]
    others = [c for c in index.data.run.candidates if c != candidate]
    systems = [s for s in (best, candidate, *others) if s]
    reference = example.references[0] if example.references else (example.label or "")
    columns = [_column(index, task, s, reference, example) for s in systems]
    outputs = [column["output"] for column in columns]
    return {
        "id": clean(example.id),
        "delta": show(delta, "points"),
        "title": one_line(input_text(example)),
        "inputs": [(name, cut(text, TEXT_LIMIT)) for name, text in input_fields(example)],
        "reference": cut(reference, TEXT_LIMIT),
        "columns": columns,
        "fields": field_table(reference[:20_000], outputs) if task.kind == "extraction" else None,
    }


def _column(index: Index, task: TaskSpec, system: str, reference: str, example: Example) -> View:
    prediction = index.prediction(system, task.name, example.id)
    output = (prediction.output or "") if prediction else ""
    roles = {index.best[task.name]: "best baseline"}
    diffed = task.kind in ("summarization", "qa")
    return {
        "system": system,
        "role": roles.get(system, "candidate"),
        "output": cut(output, TEXT_LIMIT),
        "raw": cut(prediction.raw, TEXT_LIMIT) if prediction and prediction.raw else None,
        "empty": not output,
        "diff": word_diff(reference[:TEXT_LIMIT], cut(output, TEXT_LIMIT)) if diffed else None,
        "value": show(index.value(system, task.name, example.id), "fraction"),
        "failure": index.failure(system, task.name, example.id),
        "passages": list(prediction.context_ids) if prediction else [],
    }


def task_changes(index: Index, task: TaskSpec, n_cards: int) -> View:
    """A task's changes for every candidate: counts, then the largest regressions and improvements."""
    blocks = []
    for candidate in index.data.run.candidates:
        rows = sorted(deltas(index, task.name, candidate), key=lambda row: row[0])
        worse = [row for row in rows if row[0] < -EPSILON][:n_cards]
        better = [row for row in reversed(rows) if row[0] > EPSILON][:n_cards]
        blocks.append(
            {
                "candidate": candidate,
                "counts": change_counts(index, task.name, candidate),
                "worse": [card(index, task, candidate, *row) for row in worse],
                "better": [card(index, task, candidate, *row) for row in better],
            }
        )
    return {
        "name": clean(task.name),
        "kind": task.kind,
        "metric": index.item_metric[task.name],
        "best": index.best[task.name],
        "n": len(index.examples(task.name)),
        "blocks": blocks,
        "matrices": confusion(index, task) if LABEL_METRICS & {use.name for use in task.metrics} else [],
        "sureness": sureness(index, task.name),
    }


def confusion(index: Index, task: TaskSpec) -> list[View]:
    """One confusion matrix per system: rows are true labels, columns predicted ones."""
    found = [(system, _pairs(index, system, task.name)) for system in index.systems]
    counted = [(system, Counter(pairs)) for system, pairs in found if pairs]
    labels = sorted({true for _, count in counted for true, _ in count})
    return [_matrix(system, count, labels, index.best[task.name] or "") for system, count in counted]


def _pairs(index: Index, system: str, task: str) -> list[tuple[str, str]]:
    found = (index.predicted(system, task, e.id) for e in index.examples(task))
    return [pair for pair in found if pair]


def _matrix(system: str, count: Counter[tuple[str, str]], labels: list[str], best: str) -> View:
    extra = sorted({predicted for _, predicted in count} - set(labels))
    columns = [*labels, *extra]
    rows = []
    for true in labels:
        support = sum(count[true, c] for c in columns)
        cells = [
            {"n": count[true, c], "predicted": c, "heat": round(9 * count[true, c] / max(support, 1)), "hit": c == true}
            for c in columns
        ]
        called = sum(count[t, true] for t in labels)
        found = {"recall": _share(count[true, true], support), "f1": _share(2 * count[true, true], support + called)}
        rows.append({"true": true, "cells": cells, "support": support, **found})
    # An answer that is no label is no class, so its column has no precision.
    precision = [_share(count[c, c], sum(count[t, c] for t in labels)) if c in labels else "" for c in columns]
    return {"system": system, "columns": columns, "rows": rows, "precision": precision, "is_best": system == best}


def sureness(index: Index, task: str) -> list[View]:
    """Each system's reliability curve in ten bins: how sure it was, how often it was right, of how many examples."""
    found = []
    for system in index.systems:
        rows = [s.parts for s in index.scores(system, task, "ece") if s.status == "scored" and len(s.parts) == 2]
        if rows:
            bins = bins_of(np.array(rows, dtype=np.float64), N_BINS)
            found.append({"system": system, "bins": [_bin(i, bins) for i in range(N_BINS) if bins.n[i]]})
    return found


def _bin(i: int, bins: Bins) -> View:
    n = float(bins.n[i])
    sure, right = (show(float(column[i]) / n, "fraction") for column in (bins.confidence, bins.right))
    return {"span": f"{i / N_BINS:.1f} to {(i + 1) / N_BINS:.1f}", "n": int(n), "sure": sure, "right": right}


def _share(part: int, whole: int) -> str:
    # Whole percent: a label seldom has a hundred examples.
    return f"{100 * part / whole:.0f}%" if whole else "n/a"
