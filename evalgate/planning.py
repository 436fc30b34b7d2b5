"""Everything that can be known before anything expensive runs: files found, gates possible, systems bound, a run id."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import msgspec

from evalgate import plugins
from evalgate.backends.encoder import note_of, open_encoder
from evalgate.backends.model_files import ModelFiles
from evalgate.backends.opening import backend_of, find_model, keeper_of, refuse_unmeasurable
from evalgate.backends.recorded import RecordedBackend, open_recorded
from evalgate.backends.room import refuse_beside
from evalgate.backends.vllm import refuse_vllm
from evalgate.binding import Binding, bound, candidate_draft, drafts_of, seeds_of
from evalgate.cache.places import place_of
from evalgate.checking import checked
from evalgate.config.project import chosen, load_project
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
from evalgate.core.protocols import Metric, Retriever
from evalgate.core.record import digest_of, short
from evalgate.core.results import Overlap, Run
from evalgate.core.search import Searched, SearchPlan
from evalgate.core.seeds import now
from evalgate.execution.process import commit, versions
from evalgate.feasibility import refuse_impossible, refuse_unfit_metrics, yaml_of
from evalgate.judged.planned import judge_models, refuse_unjudged
from evalgate.looks import claim_of
from evalgate.sealing import Seal, seal_of
from evalgate.searching import plan_searches, with_chosen
from evalgate.store import BASE
from evalgate.suite.chain import Claim
from evalgate.suite.frozen import refuse_other_metrics
from evalgate.suite.ledger import open_ledger
from evalgate.systems.prompt import refuse_constraints
from evalgate.systems.retrieval import encoders_of, open_retrievers
from evalgate.training.launch import refuse_unlaunchable
from evalgate.training.trackers import refuse_missing, without_trackers

REPORTS = Path("reports")


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
    entrants: tuple[SystemSpec, ...] = ()
    recorded: dict[tuple[str, str], RecordedBackend] = field(default_factory=dict)
    claim: Claim | None = None
    seal: Seal | None = None
    overlaps: tuple[Overlap, ...] = ()
    cache: Path | None = None
    judges: dict[str, ModelFiles] = field(default_factory=dict)
    drafts: tuple[SystemDraft, ...] = ()
    searches: tuple[SearchPlan, ...] = ()
    notes: tuple[str, ...] = ()

    def with_chosen(self, found: Sequence[Searched]) -> Plan:
        """The plan after its prompt searches: baselines ask with what was chosen. The run stays the same one."""
        searched = {search.system for search in self.searches}
        chosen = {d.name: with_chosen(d, self.searches, found) for d in self.drafts if d.name in searched}
        baselines = tuple(
            bound(chosen[system.name], self.binding) if system.name in chosen else system for system in self.baselines
        )
        systems = self.run.systems | {system.name: system for system in baselines}
        return replace(self, baselines=baselines, run=msgspec.structs.replace(self.run, systems=systems))

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
    own = not options.against  # else accepted scores stand for the baselines
    project = chosen(load_project(Path(options.suite), plugins.metric_names(), baselines=own), options.candidates)
    spec = project.suite.spec
    seal = seal_of(spec)
    refuse_hopeless(project, sizes=options.limit is None)
    seed = spec.seed if options.seed is None else options.seed
    model = msgspec.structs.replace(spec.model, id=options.model) if options.model else spec.model
    refuse_vllm(model, capability=spec.capability is not None)
    refuse_missing(project.recipes)
    refuse_unlaunchable(project.recipes)
    refuse_beside(model, project.recipes)
    project, overlaps, dropped = checked(project, seed, drop=options.drop)
    drafts = drafts_of(project)
    refuse_unkept(project, model)
    folder = Path(project.suite.folder)
    # What is wrong with files comes first, then a server that is not there, and only then is a model loaded.
    answers, recordings = open_recorded(project)
    files = find_model(model, sorted({draft.model for draft in project.entrants if draft.model}))
    retrievers = open_retrievers(drafts, project.suite.tasks, lambda encoder: open_encoder(folder / encoder))
    binding = Binding(
        suite=project.suite,
        model=model,
        files=files,
        seed=seed,
        retriever_digests={name: retriever.digest for name, retriever in retrievers.items()},
    )
    baselines = tuple(bound(draft, binding, recorded=recordings) for draft in project.systems)
    entrants = tuple(bound(draft, binding, recorded=recordings) for draft in project.entrants)
    searches = plan_searches(project.systems, binding.suite.tasks, seed=seed, bind=lambda d: bound(d, binding))
    judges = {name: find_model(judge) for name, judge in judge_models(project.suite).items()}
    run = _run(project, binding, baselines, entrants, options, dropped, searches, judges)
    asked = {name: task.splits["heldout"][: options.limit] for name, task in project.suite.tasks.items()}
    claim = claim_of(project, run, model, retrievers, asked)
    if claim is not None:
        open_ledger(folder).refuse_spent(claim)
    output = Path(options.output) if options.output else REPORTS / spec.name / run.id
    # Kept answers lie open, so a sealed suite neither keeps any nor takes any.
    keeps = options.use_cache and seal is None
    return Plan(
        binding=binding,
        recipes=project.recipes,
        baselines=baselines,
        retrievers=retrievers,
        limit=options.limit,
        folder=output,
        run=run,
        entrants=entrants,
        recorded=answers,
        claim=claim,
        seal=seal,
        overlaps=overlaps,
        judges=judges,
        cache=place_of(output, REPORTS, options.cache) if keeps else None,
        drafts=project.systems,
        searches=searches,
        notes=tuple(note for name in encoders_of(drafts) if (note := note_of(folder / name))),
    )


def task_metrics(task: Task) -> list[Metric]:
    """The metric objects of a task, the primary one first."""
    return plugins.metrics(task.spec)


def refuse_hopeless(project: Project, *, sizes: bool = True) -> None:
    """Raise `metric-changed`, `cannot-gate`, `cannot-measure` or, where `sizes` count, `impossible-gate`."""
    suite = project.suite
    refuse_other_metrics(Path(suite.folder), suite.spec, plugins.signatures(suite.spec), suite.tasks)
    refuse_unfit_metrics(suite)
    refuse_unmeasurable(project, where=yaml_of(suite))
    refuse_unjudged(project)
    if sizes:
        refuse_impossible(suite, len(seeds_of(project.recipes)) + len(project.entrants))


def refuse_unkept(project: Project, model: ModelSpec | None = None) -> str:
    """Raise `bad-constraint` for a schema or choices that the decoder cannot hold a system's answers to.

    Says so where the decoder is not installed; else empty.
    """
    drafts = drafts_of(project)
    kept = [p for draft in drafts for v in draft.variants for p in v.prompts.values()]
    if find_spec("llguidance") is None and any(p.sampling.constraint != "none" for p in kept):
        return "constraints were not checked: that needs llguidance, which `pip install 'evalgate-harness[run]'` brings"
    refuse_constraints(drafts, project.suite.tasks, keeper_of(model or project.suite.spec.model))
    return ""


def _run(
    project: Project,
    binding: Binding,
    baselines: tuple[SystemSpec, ...],
    entrants: tuple[SystemSpec, ...],
    options: RunOptions,
    dropped: dict[str, tuple[str, ...]],
    searches: tuple[SearchPlan, ...],
    judges: dict[str, ModelFiles],
) -> Run:
    suite, files, model, limit = binding.suite, binding.files, binding.model, options.limit
    trained = [bound(candidate_draft(recipe), binding, whole=recipe.whole) for recipe in project.recipes]
    seeds = seeds_of(project.recipes) | {system.name: (system.name,) for system in entrants}
    base = SystemSpec(
        name=BASE,
        kind="prompt",
        backend=backend_of(model),
        model=model.id,
        prompts={},
        model_digest=files.digest,
        description="The untuned model, for capability",
    )
    systems = {s.name: s for s in (*([base] if model.id else []), *baselines, *trained, *entrants)}
    signatures = {t.spec.name: [m.spec.signature for m in task_metrics(t)] for t in suite.tasks.values()}
    # The gates and the early stop are left out: another policy judges the same recording.
    served = msgspec.structs.replace(model, server=msgspec.UNSET)  # where and what it is stands in the files' digest
    recipes = [without_trackers(recipe) for recipe in project.recipes]
    identity = [suite.data_digest, files.digest, served, systems, recipes, binding.seed, limit, signatures]
    identity += [suite.spec.capability, suite.spec.latency]
    identity += [dropped] if dropped else []
    identity += [[(s.metric, s.example_ids, [t.system for t in s.trials]) for s in searches]] if searches else []
    identity += [{name: found.digest for name, found in judges.items()}] if judges else []
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
        code_commit=commit(),
        versions=dict(versions()),
        hardware=f"{platform.machine()}, {platform.system()}",
        command=shlex.join(["evalgate", *sys.argv[1:]]),
        early_stop=suite.spec.early_stop if options.early_stop and not options.against else None,
        dropped=dropped,
        signatures=plugins.signatures(suite.spec),
    )
