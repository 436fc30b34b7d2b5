"""Prompts: shots picked, passages found, templates rendered in a sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment
from msgspec.json import encode
from msgspec.structs import replace

from evalgate.core.content import text_of
from evalgate.core.data import Example, Message, Passage, Sampling, SystemDraft, SystemSpec, Task
from evalgate.core.errors import UsageError
from evalgate.core.protocols import Ask, Request, Retriever
from evalgate.core.record import digest_of
from evalgate.systems.shots import bind_shots, shots_for


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
    backend: str = "hf",
    finders: Mapping[str, str] | None = None,
) -> SystemSpec:
    """Turn a draft into a system: its shots picked from the training split, its model and retriever named by digest.

    `finders` are the digests of what finds nearest examples by an encoder, by `shots_name`.
    """
    return SystemSpec(
        name=draft.name,
        kind=draft.kind,
        backend=backend,
        model=model,
        revision=revision,
        model_digest=model_digest,
        quantization=quantization,
        retriever_digest=retriever_digest if any(p.retrieve for p in draft.prompts.values()) else None,
        adapter_digest=adapter_digest,
        description=draft.description,
        prompts={name: bind_shots(p, tasks[name], seed, draft, finders) for name, p in draft.prompts.items()},
    )


def prepare(
    system: SystemSpec,
    task: Task,
    examples: Sequence[Example],
    retriever: Retriever | None = None,
    finder: Retriever | None = None,
) -> list[Ask]:
    """The requests of one system for many examples of one task; `finder` finds nearest examples by an encoder.

    Raises `bad-template` if the template names a field that an example does not have.
    """
    prompt = system.prompts[task.spec.name]
    template = _compiled(prompt.template)
    chosen = shots_for(prompt, task, examples, finder)
    labels = task.labels
    found: list[list[Passage]] = [[] for _ in examples]
    if prompt.retrieve and retriever is not None:
        found = retriever.search([text_of(e) for e in examples], prompt.retrieve)
    rule, sampling = prompt.answer or None, constrained(prompt.sampling, task)
    identity = [system.model_digest, system.adapter_digest, system.quantization, *([rule] if rule else [])]
    prepared = []
    for example, shown, passages in zip(examples, chosen, found, strict=True):
        shots = [_fields(shot) | {"answer": answer_of(shot)} for shot in shown]
        values = _fields(example) | {"shots": shots, "passages": passages, "schema": task.schema, "labels": labels}
        text = _render(template, values, system, example)
        request = Request(messages=(Message(role="user", content=text),), sampling=sampling)
        prepared.append(
            Ask(
                example_id=example.id,
                request=request,
                context_ids=tuple(p.id for p in passages),
                digest=digest_of([request, *identity]),
                answer=rule,
            )
        )
    return prepared


def constrained(sampling: Sampling, task: Task) -> Sampling:
    """Decoding that knows its schema or labels for a task; the schema's order of keys is kept, for it counts."""
    if sampling.constraint == "none" and not sampling.answer_by:
        return sampling
    meant = task.schema if sampling.constraint == "json_schema" else task.labels
    return replace(sampling, grammar=encode(meant).decode())


def refuse_constraints(
    drafts: Iterable[SystemDraft], tasks: Mapping[str, Task], problem_of: Callable[[Sampling], str | None]
) -> None:
    """Raise `bad-constraint` for a constraint that the decoder cannot keep; `problem_of` says why."""
    for draft in (variant for written in drafts for variant in written.variants):
        for name, prompt in draft.prompts.items():
            sampling = constrained(prompt.sampling, tasks[name])
            if sampling.constraint != "none" and (why := problem_of(sampling)):
                raise UsageError(
                    f"system '{draft.name}' cannot hold its answers of task '{name}' to the constraint: {why}",
                    code="bad-constraint",
                    fix="simplify the schema, or take `constraint` out of every system of the task",
                    where=draft.path,
                )


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
