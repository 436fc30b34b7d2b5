"""Held-out prompts that do not fit the model's context: counted and listed before anything expensive, never cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from evalgate.backends.context import Context
from evalgate.core.data import SystemSpec, Task
from evalgate.core.probes import TooLong
from evalgate.core.protocols import Ask

# How many ids a line for people names; `validate --format json` and too_long.jsonl have all.
FIRST = 3


def find_too_long(
    model_path: str,
    tasks: Mapping[str, Task],
    systems: Iterable[SystemSpec],
    prompts: Callable[[SystemSpec, str], Sequence[Ask]],
) -> list[TooLong] | None:
    """Every prompt that is longer than the context leaves room for; None where there is no tokenizer to tell."""
    context = Context(Path(model_path))
    if not context.known:
        return None
    return [
        TooLong(
            system=system.name,
            task=task,
            example_id=ask.example_id,
            n_tokens=n,
            max_tokens=ask.request.sampling.max_tokens,
            limit=context.limit,
        )
        for system in systems
        for task in tasks
        if task in system.prompts
        for ask in prompts(system, task)
        if (n := context.excess(ask.request)) is not None
    ]


def length_lines(found: Iterable[TooLong]) -> list[str]:
    """A line for each system and task: how many, how long at most, what limit, the first ids, what becomes of them."""
    lines = []
    for (system, task), rows in groupby(found, key=lambda row: (row.system, row.task)):
        long = list(rows)
        ids = ", ".join(row.example_id for row in long[:FIRST]) + (", …" if len(long) > FIRST else "")
        most = max(long, key=lambda row: row.n_tokens)
        lines.append(
            f"prompts: {len(long)} of {system} for {task} do not fit the context of {most.limit} tokens (the longest "
            f"has {most.n_tokens}, and {most.max_tokens} for its answer): {ids}; each is a failure that counts "
            "worst-case, none is cut"
        )
    return lines
