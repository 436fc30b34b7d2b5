"""Everything that can be known before anything expensive runs: files found, gates possible, systems bound, a run id."""

from __future__ import annotations

import platform
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from evalgate import plugins
from evalgate.backends.constraints import problem_of
from evalgate.backends.encoder import open_encoder
from evalgate.backends.model_files import ModelFiles, folder_at_hand, locate
from evalgate.backends.vllm import refuse_vllm
from evalgate.checking import checked
from evalgate.config.project import load_project
from evalgate.core.data import (
    Example,
    ModelSpec,
    Project,
    Recipe,
    RunOptions,
    Suite,
    SystemDraft,
    SystemSpec,
    Task,
)
from evalgate.core.errors import UsageError
from evalgate.core.probes import TooLong
from evalgate.core.protocols import Ask, Metric, Retriever
from evalgate.core.record import Record, digest_of, short
from evalgate.core.results import Overlap, Run
from evalgate.core.seeds import now
from evalgate.feasibility import refuse_impossible, refuse_unfit_metrics
from evalgate.lengths import find_too_long
from evalgate.looks import claim_of
from evalgate.sealing import Seal, seal_of
from evalgate.store import BASE
from evalgate.suite.chain import Claim
from evalgate.suite.frozen import refuse_other_metrics
from evalgate.suite.ledger import open_ledger
from evalgate.systems.prompt import bind, prepare, refuse_constraints
from evalgate.systems.retrieval import index_name, open_retrievers

REPORTS = Path("reports")
PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "lm-eval", "numpy", "scipy")


class Binding(Record, frozen=True, kw_only=True):
    """What turns a draft into a system: this run's data, model and seed, and what each task's retriever is."""

    suite: Suite
    model: ModelSpec
    files: ModelFiles
    seed: int
    retriever_digests: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run that is about to start: baselines are bound, candidates wait for their adapters."""

    binding: Binding
    recipes: tuple[Recipe, ...]
    baselines: tuple[SystemSpec, ...]
    retrievers: dict[str, Retriever]
    limit: int | None
    folder: Path
    run: Run
    claim: Claim | None = None
    seal: Seal | None = None
    overlaps: tuple[Overlap, ...] = ()

    @property
    def suite(self) -> Suite:
        """The verified suite."""
        return self.binding.suite

    @property
    def files(self) -> ModelFiles:
        """The base model's files."""
        return self.binding.files

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.binding.seed

    def heldout(self, task: str) -> tuple[Example, ...]:
        """The held-out examples that are asked: all, or the first `limit`."""
        return self.suite.tasks[task].splits["heldout"][: self.limit]


def make_plan(options: RunOptions) -> Plan:
    """Read, verify and bind everything; raises before anything is written or loaded if the run cannot work."""
    project = _chosen(load_project(Path(options.suite), plugins.metric_names()), options.candidates)
    spec = project.suite.spec
    seal = seal_of(spec)
    refuse_hopeless(project, sizes=options.limit is None)
    seed = spec.seed if options.seed is None else options.seed
    model = msgspec.structs.replace(spec.model, id=options.model) if options.model else spec.model
    refuse_vllm(model, capability=spec.capability is not None)
    project, overlaps, dropped = checked(project, seed, drop=options.drop)
    drafts = [*project.systems, *map(candidate_draft, project.recipes)]
    refuse_constraints(drafts, project.suite.tasks, problem_of)
    folder = Path(project.suite.folder)
    retrievers = open_retrievers(drafts, project.suite.tasks, lambda encoder: open_encoder(folder / encoder))
    binding = Binding(
        suite=project.suite,
        model=model,
        files=locate(model),
        seed=seed,
        retriever_digests={name: retriever.digest for name, retriever in retrievers.items()},
    )
    baselines = tuple(bound(draft, binding) for draft in project.systems)
    run = _run(project, binding, baselines, options, dropped)
    asked = {name: task.splits["heldout"][: options.limit] for name, task in project.suite.tasks.items()}
    claim = claim_of(project, run, model, retrievers, asked)
    if claim is not None:
        open_ledger(folder).refuse_spent(claim)
    return Plan(
        binding=binding,
        recipes=project.recipes,
        baselines=baselines,
        retrievers=retrievers,
        limit=options.limit,
        folder=Path(options.output) if options.output else REPORTS / spec.name / run.id,
        run=run,
        claim=claim,
        seal=seal,
        overlaps=overlaps,
    )


def bound(draft: SystemDraft, binding: Binding, adapter_digest: str | None = None) -> SystemSpec:
    """A draft with this run's model, seed and retrievers."""
    used = sorted(index_name(name, prompt) for name, prompt in draft.prompts.items() if prompt.retrieve)
    system = bind(
        draft,
        binding.suite.tasks,
        model=binding.model.id,
        model_digest=binding.files.digest,
        revision=binding.files.revision,
        quantization=binding.model.quantization,
        seed=binding.seed,
        retriever_digest=digest_of([binding.retriever_digests[name] for name in used]) if used else None,
        adapter_digest=adapter_digest,
    )
    return msgspec.structs.replace(system, backend=binding.model.backend or "hf")


def too_long_in(project: Project) -> list[TooLong] | None:
    """Held-out prompts of a project that do not fit the context; None where the model's files are not at hand.

    Prompts whose passages an encoder finds are left out: it would have to be loaded.
    """
    model, suite = project.suite.spec.model, project.suite
    if (folder := folder_at_hand(model)) is None:
        return None
    drafts = [
        msgspec.structs.replace(
            d, prompts={name: p for name, p in d.prompts.items() if not (p.index and p.index.encoder)}
        )
        for d in (*project.systems, *map(candidate_draft, project.recipes))
    ]
    found = open_retrievers(drafts, suite.tasks, lambda encoder: open_encoder(Path(suite.folder) / encoder))
    systems = [bind(d, suite.tasks, model=model.id, model_digest="", seed=suite.spec.seed) for d in drafts]

    def prompts(system: SystemSpec, name: str) -> list[Ask]:
        task, index = suite.tasks[name], index_name(name, system.prompts[name])
        return prepare(system, task, task.splits["heldout"], found.get(index))

    return find_too_long(str(folder), suite.tasks, systems, prompts)


def candidate_draft(recipe: Recipe) -> SystemDraft:
    """The system that a recipe's adapter becomes part of."""
    return SystemDraft(
        name=recipe.name, kind="tuned", prompts=recipe.prompts, description=recipe.description, path=recipe.path
    )


def task_metrics(task: Task) -> list[Metric]:
    """The metric objects of a task, the primary one first."""
    return [plugins.metric(use) for use in task.spec.metrics]


def refuse_hopeless(project: Project, *, sizes: bool = True) -> None:
    """Raise `metric-changed`, `cannot-gate` or, where `sizes` count, `impossible-gate`."""
    suite = project.suite
    refuse_other_metrics(Path(suite.folder), suite.spec, plugins.signatures(suite.spec))
    refuse_unfit_metrics(suite)
    if sizes:
        refuse_impossible(suite, len(seeds_of(project.recipes)))


def _chosen(project: Project, names: tuple[str, ...] | None) -> Project:
    if names is None:
        return project
    known = {recipe.written for recipe in project.recipes}
    if unknown := sorted(set(names) - known):
        raise UsageError(
            f"there is no candidate '{unknown[0]}'",
            code="unknown-candidate",
            fix=f"choose from: {', '.join(sorted(known)) or '(none)'}",
            where=str(Path(project.suite.folder) / "candidates"),
        )
    return msgspec.structs.replace(project, recipes=tuple(r for r in project.recipes if r.written in names))


def seeds_of(recipes: tuple[Recipe, ...]) -> dict[str, tuple[str, ...]]:
    """Candidate -> the systems of its recipe, one a training seed. The candidate is the first: what may ship."""
    groups: dict[str, list[str]] = {}
    for recipe in recipes:
        groups.setdefault(recipe.written, []).append(recipe.name)
    return {names[0]: tuple(names) for names in groups.values()}


def _run(
    project: Project,
    binding: Binding,
    baselines: tuple[SystemSpec, ...],
    options: RunOptions,
    dropped: dict[str, tuple[str, ...]],
) -> Run:
    suite, files, model, limit = binding.suite, binding.files, binding.model, options.limit
    seeds = seeds_of(project.recipes)
    base = SystemSpec(
        name=BASE,
        kind="prompt",
        backend=model.backend or "hf",
        model=model.id,
        prompts={},
        model_digest=files.digest,
        description="The untuned model, for capability",
    )
    systems = {s.name: s for s in (base, *baselines, *(bound(candidate_draft(r), binding) for r in project.recipes))}
    signatures = {t.spec.name: [m.spec.signature for m in task_metrics(t)] for t in suite.tasks.values()}
    # The gates and the early stop are left out: another policy judges the same recording.
    identity = [suite.data_digest, files.digest, model, systems, project.recipes, binding.seed, limit, signatures]
    identity += [suite.spec.capability, suite.spec.latency]
    identity += [dropped] if dropped else []
    if suite.spec.disclosure != "full":  # sealed and open lines do not share a file
        identity += [suite.spec.disclosure, suite.spec.sealed_for]
    return Run(
        id=short(digest_of(identity)),
        suite=suite.spec,
        suite_folder=suite.folder,
        suite_digest=suite.digest,
        data_digest=suite.data_digest,
        model_digest=files.digest,
        systems=systems,
        baselines=tuple(s.name for s in baselines),
        candidates=tuple(seeds),
        seeds=seeds,
        gates=suite.spec.gates,
        seed=binding.seed,
        limit=limit,
        started=now(),
        code_commit=_commit(),
        versions=dict(_installed()),
        hardware=f"{platform.machine()}, {platform.system()}",
        command=" ".join(["evalgate", *sys.argv[1:]]),
        early_stop=suite.spec.early_stop if options.early_stop else None,
        dropped=dropped,
    )


@cache
def _installed() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("evalgate-harness", *PACKAGES):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _commit() -> str | None:
    """The commit of the working folder's repository, if it is in one."""
    try:
        asked = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
        return asked.stdout.strip() or None
    except (OSError, subprocess.TimeoutExpired):
        return None
