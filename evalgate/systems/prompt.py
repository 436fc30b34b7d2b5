"""Prompts: shots picked, passages found, templates rendered in a sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from evalgate.core.content import text_of
from evalgate.core.data import Example, Message, Passage, PromptDraft, PromptSpec, SystemDraft, SystemSpec, Task
from evalgate.core.errors import UsageError
from evalgate.core.protocols import Ask, Request, Retriever
from evalgate.core.record import digest_of
from evalgate.core.seeds import rng


def bind(
    draft: SystemDraft,
    tasks: dict[str, Task],
    *,
    model: str,
    model_digest: str,
    seed: int,
    revision: str | None = None,
    quantization: str | None = None,
    retriever_digest: str | None = None,
    adapter_digest: str | None = None,
) -> SystemSpec:
    """Turn a draft into a system: its shots picked from the training split, its model and retriever named by digest."""
    return SystemSpec(
        name=draft.name,
        kind=draft.kind,
        backend="hf",
        model=model,
        revision=revision,
        model_digest=model_digest,
        quantization=quantization,
        retriever_digest=retriever_digest if any(p.retrieve for p in draft.prompts.values()) else None,
        adapter_digest=adapter_digest,
        description=draft.description,
        prompts={name: _bind_prompt(p, tasks[name], seed, draft) for name, p in draft.prompts.items()},
    )


def _bind_prompt(draft: PromptDraft, task: Task, seed: int, system: SystemDraft) -> PromptSpec:
    shots = draft.shots
    if isinstance(shots, int):
        shots = pick_shots(task.splits.get("train", ()), shots, seed=seed, name=task.spec.name)
    known = {e.id for e in task.splits.get("train", ())}
    if missing := [s for s in shots if s not in known]:
        raise UsageError(
            f"system '{system.name}' shows examples that are not in the training split of '{task.spec.name}': "
            f"{missing}",
            code="unknown-shot",
            fix="name ids of the train split, or a number of examples to pick",
            where=system.path,
        )
    return PromptSpec(template=draft.template, shots=tuple(shots), retrieve=draft.retrieve, sampling=draft.sampling)


def pick_shots(examples: Sequence[Example], k: int, *, seed: int, name: str) -> tuple[str, ...]:
    """k training examples, the same for a seed; labels take turns so that each is shown before one is shown twice.

    Raises `too-few-shots` if there are fewer than k.
    """
    if k > len(examples):
        raise UsageError(
            f"task '{name}' has {len(examples)} training examples, but a prompt shows {k}",
            code="too-few-shots",
            fix="lower `shots` in the system's YAML",
        )
    order = rng(seed, "shots", name).permutation(len(examples))
    turn: dict[str | None, int] = {}
    ranked = []
    for position, i in enumerate(order):
        label = examples[i].label
        turn[label] = turn.get(label, 0) + 1
        ranked.append((turn[label], position, examples[i].id))
    return tuple(identity for _, _, identity in sorted(ranked)[:k])


def prepare(
    system: SystemSpec, task: Task, examples: Sequence[Example], retriever: Retriever | None = None
) -> list[Ask]:
    """The requests of one system for many examples of one task.

    Raises `bad-template` if the template names a field that an example does not have.
    """
    prompt = system.prompts[task.spec.name]
    template = _compiled(prompt.template)
    by_id = {e.id: e for e in task.splits.get("train", ())}
    shots = [_fields(by_id[s]) | {"answer": answer_of(by_id[s])} for s in prompt.shots]
    labels = task.labels
    found: list[list[Passage]] = [[] for _ in examples]
    if prompt.retrieve and retriever is not None:
        found = retriever.search([text_of(e) for e in examples], prompt.retrieve)
    prepared = []
    for example, passages in zip(examples, found, strict=True):
        values = _fields(example) | {"shots": shots, "passages": passages, "schema": task.schema, "labels": labels}
        text = _render(template, values, system, example)
        request = Request(messages=(Message(role="user", content=text),), sampling=prompt.sampling)
        prepared.append(
            Ask(
                example_id=example.id,
                request=request,
                context_ids=tuple(p.id for p in passages),
                digest=digest_of([request, system.model_digest, system.adapter_digest, system.quantization]),
            )
        )
    return prepared


def answer_of(example: Example) -> str:
    """The answer that an example teaches: its first reference, or its label."""
    return example.references[0] if example.references else example.label or ""


def _fields(example: Example) -> dict[str, Any]:
    return dict(example.inputs)


@lru_cache(maxsize=256)
def _compiled(source: str) -> Template:
    """A template keeps nothing of what it rendered; a run asks for the same few again and again."""
    environment = SandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    return environment.from_string(source)


def _render(template: Any, values: dict[str, Any], system: SystemSpec, example: Example) -> str:
    try:
        return str(template.render(**values)).strip()
    except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise UsageError(
            f"the template of system '{system.name}' cannot be rendered for example '{example.id}': {error}",
            code="bad-template",
            fix=f"use the example's fields {sorted(example.inputs)} and `shots`, `passages`, `schema`, `labels`",
        ) from error
