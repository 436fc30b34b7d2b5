"""What changed and how: improvements and regressions, word diffs, JSON fields."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Any

from evalgate.core.data import Example, TaskSpec
from evalgate.report.confusion import confusion_view, sureness
from evalgate.report.fields import field_table
from evalgate.report.index import Index
from evalgate.report.phrases import phrase_changes, phrases_view
from evalgate.report.problems import Problems
from evalgate.report.prompts import prompts_view
from evalgate.report.words import CLOSE, clean, cut, joined, one_line, show

View = dict[str, Any]
TEXT_LIMIT = 900
PASSAGE_LIMIT = 600
MAX_DIFF_WORDS = 600
MAX_PHRASES = 12
# Differences below this are rounding, not change.
EPSILON = 1e-9
_WORD = re.compile(f"[{CLOSE}]|[^\\s{CLOSE}]+")


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
    asked = index.asked(candidate, task)
    not_asked = sum(e.id not in asked for e in index.examples(task))
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
    before, after = (_WORD.findall(side)[:MAX_DIFF_WORDS] for side in (reference, text))
    runs: list[tuple[str, str]] = []
    left, right = ([word.casefold() for word in words] for words in (before, after))
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            runs.append(("same", joined(after[j1:j2])))
            continue
        if i2 > i1:
            runs.append(("lost", joined(before[i1:i2])))
        if j2 > j1:
            runs.append(("gained", joined(after[j1:j2])))
    return runs


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
    gained, lost = list[str](), list[str]()
    if task.kind == "summarization" and system != index.best[task.name]:
        before = index.prediction(index.best[task.name] or "", task.name, example.id)
        gained, lost = phrase_changes(reference, (before.output or "") if before else "", output)
    return {
        "system": system,
        "role": roles.get(system, "candidate"),
        "output": cut(output, TEXT_LIMIT),
        "raw": cut(prediction.raw, TEXT_LIMIT) if prediction and prediction.raw else None,
        "empty": not output,
        "diff": word_diff(reference[:TEXT_LIMIT], cut(output, TEXT_LIMIT)) if diffed else None,
        "gained": gained[:MAX_PHRASES],
        "lost": lost[:MAX_PHRASES],
        "value": show(index.value(system, task.name, example.id), "fraction"),
        "failure": index.failure(system, task.name, example.id),
        "passages": [_passage(index, task.name, i) for i in prediction.context_ids] if prediction else [],
    }


def _passage(index: Index, task: str, passage_id: str) -> View:
    """A retrieved passage; older recordings have its id alone."""
    found = index.passages.get(task, {}).get(passage_id)
    return {
        "id": clean(passage_id),
        "title": clean(found.title) if found else "",
        "text": cut(found.text, PASSAGE_LIMIT) if found else "",
    }


def task_changes(index: Index, task: TaskSpec, problems: Problems, n_cards: int) -> View:
    """A task's changes for every candidate: counts, the largest regressions and improvements, phrases, prompts."""
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
                "phrases": phrases_view(index, task, candidate),
            }
        )
    return {
        "name": clean(task.name),
        "kind": task.kind,
        "metric": index.item_metric[task.name],
        "best": index.best[task.name],
        "n": len(index.examples(task.name)),
        "blocks": blocks,
        "confusion": confusion_view(index, task),
        "sureness": sureness(index, task.name),
        "problems": problems.table(task.name),
        "prompts": prompts_view(index, task),
    }
