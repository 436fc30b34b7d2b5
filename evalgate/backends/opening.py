"""A suite's model, in this process, on a server, or none: found before anything runs, opened when the run begins."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, cast

from evalgate.backends.model_files import ModelFiles, locate
from evalgate.core.data import ModelSpec, Project, Sampling
from evalgate.core.errors import UsageError
from evalgate.core.record import digest_of

if TYPE_CHECKING:
    from evalgate.core.protocols import LocalBackend


def backend_of(spec: ModelSpec) -> str:
    """The name of the backend that answers for a model."""
    if spec.server:
        return "openai_http"
    return (spec.backend or "hf") if spec.id else "recorded"


def find_model(spec: ModelSpec, others: Collection[str] = ()) -> ModelFiles:
    """The identity of a suite's model; `others` are further names that its server must have.

    On a server it is the address, the name and what the server says of it, for the weights cannot be hashed. Raises
    what `locate` or `served` raise.
    """
    if spec.server:
        from evalgate.backends.http_server import served

        facts = served(spec.server, spec.id, *others)
        return ModelFiles(path="", revision=None, digest=digest_of(facts), facts=facts)
    return locate(spec) if spec.id else ModelFiles(path="", revision=None, digest="")


def keeper_of(spec: ModelSpec) -> Callable[[Sampling], str | None]:
    """Says why a constraint cannot be kept by the model's decoder, None if it can; a server's is its own affair."""
    if spec.server or not spec.id:
        return lambda _: None
    from evalgate.backends.constraints import problem_of

    return problem_of


def named_digest(files: ModelFiles, name: str) -> str:
    """The identity of another model on the same server."""
    return digest_of({**files.facts, "model": name})


def open_model(spec: ModelSpec, files: ModelFiles) -> LocalBackend:
    """The backend that answers; planning has refused what it cannot do."""
    if spec.server:
        from evalgate.backends.openai_http import OpenAIBackend

        return OpenAIBackend(spec.server, spec.id, facts=files.facts)
    if not spec.id:
        from evalgate.backends.recorded import RecordedBackend

        return cast("LocalBackend", RecordedBackend({}))
    if spec.backend:
        from evalgate.backends.vllm import VLLMBackend

        return VLLMBackend(spec, files)
    from evalgate.backends.hf import HFBackend

    return HFBackend(spec, files)


def refuse_unmeasurable(project: Project, where: str = "") -> None:
    """Raise `cannot-measure` for what a model behind an API, or a recorded system, cannot give."""
    spec = project.suite.spec
    recorded = next((draft.name for draft in (*project.entrants, *project.systems) if draft.predictions), "")
    answered = any(draft.predictions for draft in project.entrants)
    if spec.model.server:
        but = "the suite's model is behind an API"
    else:
        but = f"'{recorded}' is recorded" if spec.model.id else "the suite has no model"
    local = bool(spec.model.id) and not spec.model.server
    if project.recipes and not local:
        what = f"the training of '{project.recipes[0].name}' needs a model in this process, but {but}"
        fix = "give candidates of `kind: api` or `kind: recorded`"
    elif spec.capability is not None and (answered or not local):
        but = f"'{recorded}' is recorded" if answered else but
        what = f"capability needs a model in this process, but {but}"
        fix = "take `capability:` and its gates out of suite.yaml"
    elif spec.latency is not None and recorded:
        what = f"latency is timed in interleaved calls, but '{recorded}' is recorded"
        fix = f"take `latency:` and its gates out of suite.yaml, or '{recorded}' out of its folder"
    elif not local and (task := _by_likelihood(project)):
        what = f"'{task}' is answered by the likelihood of its labels, which needs a model in this process, but {but}"
        fix = "take `answer_by` out; `constraint: choices` holds a server's answers to the labels"
    else:
        return
    raise UsageError(what, code="cannot-measure", fix=fix, where=where)


def _by_likelihood(project: Project) -> str:
    """A task that some system answers by likelihood; empty if there is none."""
    prompts = [prompt for draft in (*project.entrants, *project.systems) for prompt in draft.prompts.items()]
    return next((task for task, prompt in prompts if prompt.sampling.answer_by), "")
