"""From what competes, as written, to systems of this run: its data, model, seed and retrievers bound by digest."""

from __future__ import annotations

from collections.abc import Mapping

from evalgate.backends.model_files import ModelFiles
from evalgate.backends.opening import backend_of, named_digest
from evalgate.core.data import ModelSpec, Project, Recipe, Recording, Suite, SystemDraft, SystemSpec
from evalgate.core.record import Record, digest_of
from evalgate.systems.prompt import bind
from evalgate.systems.retrieval import index_name


class Binding(Record, frozen=True, kw_only=True):
    """What turns a draft into a system: this run's data, model and seed, and what each task's retriever is."""

    suite: Suite
    model: ModelSpec
    files: ModelFiles
    seed: int
    retriever_digests: dict[str, str]


def bound(
    draft: SystemDraft,
    binding: Binding,
    adapter_digest: str | None = None,
    recorded: Mapping[str, dict[str, Recording]] | None = None,
    *,
    whole: bool = False,
) -> SystemSpec:
    """A draft with this run's model, seed and retrievers, or with what it has recorded.

    A whole model of its own is never quantised.
    """
    if draft.predictions:
        return SystemSpec(
            name=draft.name,
            kind=draft.kind,
            backend="recorded",
            model="",
            prompts={},
            predictions=(recorded or {})[draft.name],
            description=draft.description,
        )
    used = sorted(index_name(name, prompt) for name, prompt in draft.prompts.items() if prompt.retrieve)
    return bind(
        draft,
        binding.suite.tasks,
        model=draft.model or binding.model.id,
        model_digest=named_digest(binding.files, draft.model) if draft.model else binding.files.digest,
        backend=backend_of(binding.model),
        revision=binding.files.revision,
        quantization="none" if whole else binding.model.quantization,
        seed=binding.seed,
        retriever_digest=digest_of([binding.retriever_digests[name] for name in used]) if used else None,
        adapter_digest=adapter_digest,
        finders=binding.retriever_digests,
    )


def candidate_draft(recipe: Recipe) -> SystemDraft:
    """The system that a recipe's adapter becomes part of."""
    return SystemDraft(
        name=recipe.name, kind="tuned", prompts=recipe.prompts, description=recipe.description, path=recipe.path
    )


def drafts_of(project: Project) -> list[SystemDraft]:
    """Everything that will be asked: baselines, what recipes become, and candidates that nothing is trained for."""
    return [*project.systems, *map(candidate_draft, project.recipes), *project.entrants]


def seeds_of(recipes: tuple[Recipe, ...]) -> dict[str, tuple[str, ...]]:
    """Candidate -> the systems of its recipe, one a training seed. The candidate is the first: what may ship."""
    groups: dict[str, list[str]] = {}
    for recipe in recipes:
        groups.setdefault(recipe.written, []).append(recipe.name)
    return {names[0]: tuple(names) for names in groups.values()}
