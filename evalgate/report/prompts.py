"""Prompts side by side: what each system was shown for the same example, or its template where nothing was kept."""

from __future__ import annotations

from typing import Any

from evalgate.core.data import PromptSpec, TaskSpec
from evalgate.core.shown import Shown
from evalgate.report.index import Index
from evalgate.report.words import clean, cut

View = dict[str, Any]
TEXT_LIMIT = 3_000


def prompts_view(index: Index, task: TaskSpec) -> View | None:
    """The best baseline's prompt first, then the candidates', then the rest; systems that are asked alike share one."""
    order = [index.best[task.name] or "", *index.data.run.candidates, *index.systems]
    specs = {s: index.data.run.systems[s].prompts for s in dict.fromkeys(order) if s in index.data.run.systems}
    asked = {system: prompts[task.name] for system, prompts in specs.items() if task.name in prompts}
    shown = {s.system: s for s in index.data.shown if s.task == task.name}
    example = _common(shown)
    found: dict[tuple[str, ...], View] = {}
    for system, prompt in asked.items():
        text = shown[system].prompts[example] if system in shown and example else prompt.template
        facts = prompt_facts(prompt)
        same = found.setdefault((text, *facts), {"systems": [], "facts": facts, "text": cut(text, TEXT_LIMIT)})
        same["systems"].append(clean(system))
        same["is_template"] = system not in shown or not example
    return {"example": clean(example), "prompts": [*found.values()]} if found else None


def prompt_facts(prompt: PromptSpec) -> list[str]:
    """What else belongs to a prompt, in a few words each."""
    facts = []
    if prompt.choice:
        facts.append(f"{_count(prompt.choice.n, 'example')} from {prompt.choice.pool}, {prompt.choice.choose}")
    elif prompt.shots:
        facts.append(f"{_count(len(prompt.shots), 'example')} from train, fixed")
    if prompt.retrieve:
        facts.append(f"{_count(prompt.retrieve, 'passage')} by {prompt.index.by if prompt.index else 'bm25'}")
    if prompt.sampling.constraint != "none":
        facts.append(f"answers held to {prompt.sampling.constraint}")
    if prompt.answer:
        facts.append("the answer is looked for in the text")
    return [*facts, f"at most {prompt.sampling.max_tokens:,} tokens"]


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _common(shown: dict[str, Shown]) -> str:
    """The first example of which every system's prompt was kept; empty without one."""
    kept = [s.prompts for s in shown.values() if s.prompts]
    return next((i for i in kept[0] if all(i in prompts for prompts in kept)), "") if kept else ""
