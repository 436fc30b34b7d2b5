"""`evalgate init`: from what people have to a suite that validates, freezes and runs."""

from __future__ import annotations

import json
import os
import re

from evalgate.bring import cleaning
from evalgate.bring.json_schema import schema_of
from evalgate.bring.prompts import prompts_for
from evalgate.bring.yaml_text import metrics_for
from evalgate.core.errors import UsageError
from evalgate.starting.ask import Start
from evalgate.starting.bringing import bring
from evalgate.starting.showing import Say, rendered, tell
from evalgate.starting.writing import write

__all__ = ["Start", "start"]
_NAME, _TASK = re.compile(r"[a-z0-9][a-z0-9._-]*"), re.compile(r"[a-z][a-z0-9_]*")
# Measurements that are no task's, as config's checks have them.
MEASURED = ("capability", "latency", "ttft")
_TASKS = {"classification": "classify", "extraction": "extract", "summarization": "summarize"}


def start(ask: Start, say: Say) -> None:
    """Read, recognise, clean, split, show and write; raises before anything is written, or takes back what was."""
    steps = cleaning.steps_of(ask.clean)
    _refuse_bad_name(ask)
    _refuse_there(ask)
    brought = bring(ask, steps)
    kind, items = brought.reading.kind, brought.items
    schema = schema_of([r for item in items for r in item.references]) if kind == "extraction" else None
    schema_chars = len(json.dumps(schema)) if schema else 0
    prompts = prompts_for(items, brought.parts.items["train"], kind, schema_chars)
    task = ask.task or _TASKS.get(kind, "answer")
    metrics, why = metrics_for(kind, items)
    tell(brought, say)
    if schema is not None:
        say(f"  schema: inferred from {len(items):,} answers ({len(schema['properties'])} keys): tighten it by hand")
    if why:
        say(f"  metrics: {why}")
    for text in rendered(brought, prompts, task, schema, metrics):
        say(text)
    if ask.dry_run:
        say("nothing was written (--dry-run)")
        return
    write(ask, brought, prompts, task, schema, metrics)
    _say_next(ask, say)


def _refuse_bad_name(ask: Start) -> None:
    for name, form, what in ((ask.name, _NAME, "a suite"), (ask.task, _TASK, "a task")):
        if name is not None and (len(name) > 64 or not form.fullmatch(name) or name in MEASURED):
            raise UsageError(
                f"'{name}' cannot be the name of {what}",
                code="bad-name",
                fix="use lower-case letters, digits and '_', beginning with a letter",
            )


def _refuse_there(ask: Start) -> None:
    for path in (ask.folder, ask.baselines):
        if path.exists():
            raise UsageError(
                f"'{path}' is already there, and nothing is overwritten",
                code="suite-exists",
                fix="choose another name or another folder with `-o`, or move the old one away",
                where=str(path),
            )


def _say_next(ask: Start, say: Say) -> None:
    say(f"wrote {ask.folder} and {os.path.relpath(ask.baselines)}; next:")
    say(f"  evalgate validate {ask.folder}")
    say(f"  evalgate freeze {ask.folder}")
    say(f"  evalgate run {ask.folder}")
