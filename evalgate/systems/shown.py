"""Keeps what reports show of prompts: the first ones in full, and the texts of the passages that were retrieved."""

from __future__ import annotations

from collections.abc import Sequence

from evalgate.core.data import SystemSpec, Task
from evalgate.core.protocols import Ask
from evalgate.core.shown import Shown
from evalgate.systems.retrieval import chunks

# A page has room for few, and predictions identify all of them by digest.
N_PROMPTS = 3


def shown_of(system: SystemSpec, task: Task, asks: Sequence[Ask]) -> Shown:
    """What one system is shown for a task; nothing for recorded answers, whose prompts nobody knows."""
    name = task.spec.name
    if name not in system.prompts:
        return Shown(system=system.name, task=name)
    index = system.prompts[name].index
    pieces = chunks(task.corpus, index.chunk) if index and index.chunk else task.corpus
    cited = {i for ask in asks for i in ask.context_ids}
    return Shown(
        system=system.name,
        task=name,
        prompts={a.example_id: "\n\n".join(m.content for m in a.request.messages) for a in asks[:N_PROMPTS]},
        passages=tuple(passage for passage in pieces if passage.id in cited),
    )
