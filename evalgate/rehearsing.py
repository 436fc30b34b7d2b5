"""What training would do, known before it does anything: rows, contamination, memory, time, and what fits on a card."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from evalgate import plugins
from evalgate.backends.encoder import open_encoder
from evalgate.backends.model_files import ModelFiles, folder_at_hand, locate
from evalgate.backends.opening import refuse_unmeasurable
from evalgate.backends.room import Room, refusal_of, room_of
from evalgate.backends.whole_files import check_whole
from evalgate.binding import Binding, bound, candidate_draft
from evalgate.checking import checked, find_overlaps, refuse_used
from evalgate.config.project import chosen, load_project
from evalgate.core.data import ModelSpec, Project, Recipe, RunOptions, Split
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.record import Record
from evalgate.core.results import Overlap
from evalgate.looks import training_rows
from evalgate.suite.lock import read_lock
from evalgate.systems.retrieval import open_retrievers
from evalgate.training.cost import Fit, fits, flops
from evalgate.training.data import TrainRow, ordered
from evalgate.training.hardware import free_bytes
from evalgate.training.memory import Memory, Setup, predict, trained_tensors
from evalgate.training.plan import Plan, rows_of
from evalgate.training.preflight import Preflight, Trouble, checked_rows, inspect, summary
from evalgate.training.replay import with_replay
from evalgate.training.setup import Work, planned
from evalgate.training.shape import Shape, shape_of
from evalgate.training.trainer import N_DEV

# What an H200 reached with a recipe's own defaults, by TRL's way and by a plan; `--tflops` states another rate.
TFLOPS, PLANNED_TFLOPS = 49.0, 430.0
# All of a model on the hub but its weights.
SMALL_FILES = ("config.json", "tokenizer*", "*.jinja", "*.model", "vocab.json", "merges.txt", "special_tokens_map.json")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")


class CandidatePlan(Record, frozen=True, kw_only=True):
    """One training: its rows (None where there is no tokenizer to render them), its largest micro-batch, its cost.

    Memory is that of one of `n_gpus` cards, `tflops` the rate of each.

    `plan` is how it is cut to the memory that it may use; where it has none, `unplanned` says why. `at_once` are the
    rows that `fits` is of.
    """

    name: str
    method: str
    seed: int
    max_length: int
    n_rows: int
    preflight: Preflight | None
    setup: Setup
    work: Work
    plan: Plan | None
    unplanned: str
    memory: Memory
    n_trained: int
    at_once: Setup
    flops: float
    tflops: float
    seconds: float
    fits: tuple[Fit, ...]
    n_gpus: int = 1


class TrainingPlan(Record, frozen=True, kw_only=True):
    """What `evalgate train --plan` says; `troubles` are all that would stop the training, or the run after it.

    `room` is what whole models and the base take of a CUDA device while they answer.
    """

    suite: str
    version: int
    model: str
    shape: Shape
    n_parameters: int
    overlaps: tuple[Overlap, ...]
    candidates: tuple[CandidatePlan, ...]
    troubles: tuple[Trouble, ...]
    room: Room | None = None


def plan_training(options: RunOptions, *, tflops: float | None = None, n_shown: int = 1) -> TrainingPlan:
    """Plan every chosen candidate of a suite, frozen or not; nothing is written, loaded or trained.

    Raises what reading the suite raises, `unknown-architecture`, and what finding the model's small files raises.
    """
    folder = Path(options.suite)
    project = load_project(folder, plugins.metric_names(), verify=read_lock(folder) is not None)
    project = chosen(project, options.candidates)
    refuse_unmeasurable(project, where=str(folder / "suite.yaml"))
    spec = project.suite.spec
    model = replace(spec.model, id=options.model) if options.model else spec.model
    config, files, where = _small_files(model)
    shape = shape_of(config, where)
    seed = spec.seed if options.seed is None else options.seed
    troubles: list[Trouble] = []
    if options.drop:
        project, overlaps, _ = checked(project, seed, drop=True)
    else:
        overlaps = find_overlaps(project, seed)
        troubles += _contamination(project, overlaps)
    tokenizer = _tokenizer(files)
    candidates = []
    for recipe, rows in _rows(project, model, seed):
        candidate = _candidate(recipe, rows, tokenizer, config, shape, tflops, n_shown)
        candidates.append(candidate)
        troubles += candidate.preflight.troubles if candidate.preflight else ()
    room, more = _room(project, model, shape, files)
    return TrainingPlan(
        suite=spec.name,
        version=spec.version,
        model=model.id,
        shape=shape,
        n_parameters=shape.n_parameters,
        overlaps=tuple(overlaps),
        candidates=tuple(candidates),
        troubles=(*troubles, *more),
        room=room,
    )


def preflight(recipes: Sequence[Recipe], rows_of_split: Callable[[Recipe, Split], list[TrainRow]], base: str) -> str:
    """Check all rows that a run will train on, dev rows too, before it does anything; says in a line what they are.

    `rows_of_split` renders them; `base` is the folder of the model's files, empty where a caller brings a backend.

    Raises the codes of `checked_rows`, and of whole models from elsewhere those of `check_whole`. Nothing is said where
    nothing is trained.
    """
    tokenizer = _tokenizer(Path(base)) if recipes and base else None
    if tokenizer is None:  # nothing to train, or a caller's own backend without a model's files
        return ""
    for recipe in recipes:
        _check_outside(recipe, Path(base))
    told = []
    for recipe in recipes:
        if recipe.taken:
            continue
        rows = ordered(with_replay(recipe, rows_of_split(recipe, "train")), recipe.seed)
        told.append((recipe.name, checked_rows(rows, tokenizer, recipe.max_length)))
        dev = ordered(rows_of_split(recipe, "dev"), recipe.seed, N_DEV)
        if dev:
            checked_rows(dev, tokenizer, recipe.max_length)
    return summary(told) if told else ""


def _candidate(
    recipe: Recipe,
    rows: Sequence[TrainRow],
    tokenizer: Any,
    config: dict[str, Any],
    shape: Shape,
    tflops: float | None,
    n_shown: int,
) -> CandidatePlan:
    report, encoded = None, None
    if tokenizer is not None:
        report, encoded = inspect(rows, tokenizer, recipe.max_length, seed=recipe.seed, n_shown=n_shown)
    setup, work, plan, unplanned = planned(recipe, shape, encoded, len(rows), config)
    at_once = setup
    if plan is not None:  # cards are compared by rows, not by packs
        longest = max((n for n, _ in rows_of(encoded, len(rows), recipe.max_length)), default=1)
        n_rows = -(-recipe.batch_size // (plan.n_packs * (recipe.num_gpus or 1)))
        share = setup.n_supervised / setup.length
        at_once = replace(setup, n_rows=n_rows, length=longest, n_supervised=max(1, round(share * n_rows * longest)))
    rate = tflops or (PLANNED_TFLOPS if plan else TFLOPS)
    total = flops(shape, setup, n_tokens=work.n_tokens, n_supervised=work.n_supervised, length=work.mean_length)
    return CandidatePlan(
        name=recipe.name,
        method=recipe.method,
        seed=recipe.seed,
        max_length=recipe.max_length,
        n_rows=len(rows),
        preflight=report,
        setup=setup,
        work=work,
        plan=plan,
        unplanned=unplanned,
        memory=predict(shape, setup),
        n_trained=sum(trained_tensors(shape, setup)),
        flops=total,
        tflops=rate,
        n_gpus=recipe.num_gpus or 1,
        seconds=total / (rate * 1e12 * (recipe.num_gpus or 1)),
        at_once=at_once,
        fits=fits(shape, at_once),
    )


def _rows(project: Project, model: ModelSpec, seed: int) -> list[tuple[Recipe, Sequence[TrainRow]]]:
    """Every recipe with its rendered rows, in the order in which it would see them; no model is needed."""
    drafts, folder = [candidate_draft(recipe) for recipe in project.recipes], Path(project.suite.folder)
    retrievers = open_retrievers(drafts, project.suite.tasks, lambda encoder: open_encoder(folder / encoder))
    binding = Binding(
        suite=project.suite,
        model=model,
        files=ModelFiles(path="", revision=None, digest=""),
        seed=seed,
        retriever_digests={name: retriever.digest for name, retriever in retrievers.items()},
    )
    found: list[tuple[Recipe, Sequence[TrainRow]]] = []
    for recipe, draft in zip(project.recipes, drafts, strict=True):
        if recipe.taken:  # nothing is trained
            continue
        rows = training_rows(bound(draft, binding), project.suite, "train", retrievers)
        found.append((recipe, ordered(with_replay(recipe, rows), recipe.seed)))
    return found


def _room(project: Project, model: ModelSpec, shape: Shape, files: Path | None) -> tuple[Room | None, list[Trouble]]:
    """What whole models take beside the base, and what would refuse them: no room on the card that is here, other
    tokenizers or precisions."""
    found: list[EvalgateError] = []
    weights = (shape.n_linear, shape.n_parameters - shape.n_linear)
    room = room_of(project.suite, model, weights, project.recipes, device="cuda", free=free_bytes())
    if room is not None and room.free_bytes and (refusal := refusal_of(room, "cuda", model.id)):
        found.append(refusal)
    if files is not None and _tokenizer(files) is not None:
        for recipe in project.recipes:
            try:
                _check_outside(recipe, files)
            except EvalgateError as error:
                found.append(error)
    return room, [Trouble(code=e.code, n_rows=0, what=e.what, fix=e.fix, where=e.where) for e in found]


def _check_outside(recipe: Recipe, base: Path) -> None:
    """Raise what `check_whole` raises if a recipe is, or goes back to, a whole model that was made elsewhere."""
    if recipe.outside and recipe.lineage[0].made_whole:
        check_whole(Path(recipe.outside), base)


def _contamination(project: Project, overlaps: Sequence[Overlap]) -> list[Trouble]:
    try:
        refuse_used(project, overlaps)
    except EvalgateError as error:
        return [Trouble(code=error.code, n_rows=len(overlaps), what=error.what, fix=error.fix, where=error.where)]
    return []


def _small_files(model: ModelSpec) -> tuple[dict[str, Any], Path | None, str]:
    """A model's configuration, the folder of its tokenizer if it is known, and where the configuration stands.

    A config.json may stand for a model that is nowhere; of one on the hub only small files are fetched.
    """
    file = Path(model.id).expanduser()
    folder: Path | None = None
    if not file.is_file():
        folder = file if (file / "config.json").is_file() else folder_at_hand(model) or _fetched(model)
        file = folder / "config.json"
    try:
        config = json.loads(file.read_bytes())
    except ValueError as error:
        raise UsageError(
            f"the model's configuration is not JSON: {error}",
            code="unknown-architecture",
            fix="give the config.json of a model in the Hugging Face layout",
            where=str(file),
        ) from None
    return (config if isinstance(config, dict) else {}), folder, str(file)


def _fetched(model: ModelSpec) -> Path:
    from evalgate.backends.hub import fetch

    if model.id.startswith((".", "/", "~")) or model.id.count("/") != 1:
        return Path(locate(model).path)  # says what is missing
    return fetch(model, SMALL_FILES)


def _tokenizer(folder: Path | None) -> Any:
    """The tokenizer in a folder; None where there is none."""
    from evalgate.training.loading import load_tokenizer
    from evalgate.training.quiet import quiet

    if folder is None or not any((folder / name).is_file() for name in TOKENIZERS):
        return None
    with quiet():
        return load_tokenizer(str(folder), None)
