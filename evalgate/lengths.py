"""Held-out prompts that do not fit the model's context: counted and listed before anything expensive, never cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import msgspec

from evalgate.backends.context import Context
from evalgate.backends.encoder import open_encoder
from evalgate.backends.model_files import folder_at_hand
from evalgate.binding import drafts_of
from evalgate.core.data import Project, PromptDraft, SystemDraft, SystemSpec, Task
from evalgate.core.probes import TooLong
from evalgate.core.prompts import Shots
from evalgate.core.protocols import Ask
from evalgate.systems.prompt import bind, prepare
from evalgate.systems.retrieval import index_name, open_retrievers, shots_name

# How many ids a line for people names; `validate --format json` and too_long.jsonl have all.
FIRST = 3


def find_too_long(
    model_path: str,
    tasks: Mapping[str, Task],
    systems: Iterable[SystemSpec],
    prompts: Callable[[SystemSpec, str], Sequence[Ask]],
) -> list[TooLong] | None:
    """Every prompt that is longer than the context leaves room for; None where there is no tokenizer to tell."""
    if not model_path or not (context := Context(Path(model_path))).known:
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


def too_long_in(project: Project) -> list[TooLong] | None:
    """Held-out prompts of a project that do not fit the context; None where the model's files are not at hand.

    Prompts whose passages an encoder finds are left out: it would have to be loaded.
    """
    model, suite = project.suite.spec.model, project.suite
    if (folder := folder_at_hand(model)) is None:
        return None
    if model.server:
        return None
    drafts = [msgspec.structs.replace(d, prompts=_by_words(d)) for d in drafts_of(project) if not d.predictions]
    found = open_retrievers(drafts, suite.tasks, lambda encoder: open_encoder(Path(suite.folder) / encoder))
    systems = [bind(d, suite.tasks, model=model.id, model_digest="", seed=suite.spec.seed) for d in drafts]

    def prompts(system: SystemSpec, name: str) -> list[Ask]:
        task, index = suite.tasks[name], index_name(name, system.prompts[name])
        finder = found.get(shots_name(name, system.prompts[name]))
        return prepare(system, task, task.splits["heldout"], found.get(index), finder)

    return find_too_long(str(folder), suite.tasks, systems, prompts)


def _by_words(draft: SystemDraft) -> dict[str, PromptDraft]:
    """The prompts for which no encoder has to be loaded."""
    return {
        name: p
        for name, p in draft.prompts.items()
        if not (p.index and p.index.encoder) and not (isinstance(p.shots, Shots) and p.shots.encoder)
    }
