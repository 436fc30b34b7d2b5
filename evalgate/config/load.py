"""YAML files -> suite, baselines and recipes."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from evalgate.config.checks import check_suite
from evalgate.config.document import Document, Problems, did_you_mean
from evalgate.config.entrants import entrant, recorded_draft
from evalgate.config.methods import KEYS, extras, parents_of, points, with_parents
from evalgate.config.prompts import Prompts
from evalgate.core.data import (
    EarlyStop,
    GateSpec,
    MetricUse,
    ModelSpec,
    Recipe,
    Replay,
    ServerSpec,
    SliceSpec,
    SourceSpec,
    SuiteSpec,
    SystemDraft,
    TaskSpec,
)
from evalgate.core.errors import UsageError
from evalgate.core.prompts import Shots

if TYPE_CHECKING:
    from evalgate.config.schema import ModelYaml, RecipeYaml, SuiteYaml, SystemYaml

SUITE_FILE = "suite.yaml"
# What a prompt template may use beside the input fields of its task's examples.
TEMPLATE_NAMES = ("shots", "passages", "schema", "labels")
_FIX = "correct this, then check with `evalgate validate SUITE`"


def load_suite_spec(path: Path, metrics: Collection[str] = ()) -> SuiteSpec:
    """Read a suite.yaml; `path` is the file or its folder.

    `metrics` are the known metric names; if there are none, names are not checked. A model id that is a folder (seen
    from the yaml's place) becomes that folder's path, anything else stays a hub id. Raises `bad-config` with all
    problems, or `not-a-suite` if there is no such file.
    """
    from evalgate.config.schema import SuiteYaml, parse

    file = path / SUITE_FILE if path.is_dir() else path
    if not file.is_file():
        raise UsageError(
            f"there is no suite at '{path}'",
            code="not-a-suite",
            fix=f"give a folder that holds a {SUITE_FILE}, e.g. `evalgate validate suites/support`",
            where=str(file),
        )
    problems = Problems()
    document = Document(file, problems)
    parsed = parse(document, SuiteYaml)
    spec = _suite(parsed, file.parent) if parsed else None
    if parsed and spec:
        written = [gate.model_fields_set for gate in parsed.gates]
        check_suite(document, spec, file.parent, set(metrics), written)
    problems.raise_if_any(_FIX)
    assert spec is not None
    return spec


def load_systems(
    folder: Path, suite: SuiteSpec, fields: Mapping[str, Collection[str]] | None = None
) -> list[SystemDraft]:
    """Read all baselines of a folder, as a ladder: prompts before RAG, fewer shots before more, then by name.

    Files of `kind: tuned` only lend their prompts.

    `fields` are the input fields of each task's examples, for checking what templates use. Raises `bad-config` with all
    problems of all files.
    """
    from evalgate.config.schema import SystemYaml, parse

    problems, drafts = Problems(), []
    names: dict[str, str] = {}
    for file in _yaml_files(folder, "baselines", problems):
        document = Document(file, problems)
        if document.data.get("kind") == "recorded":
            if recorded := recorded_draft(document, suite):
                _once(names, recorded.name, document)
                drafts.append(recorded)
            continue
        parsed = parse(document, SystemYaml)
        if parsed is None:
            continue
        prompts = Prompts(document, suite, fields, TEMPLATE_NAMES)
        draft = _system(parsed, prompts, file)
        _once(names, draft.name, document)
        if parsed.kind != "tuned":
            drafts.append(draft)
    _check_served(suite, drafts, problems, folder)
    problems.raise_if_any(_FIX)
    return sorted(drafts, key=_rung)


def _rung(draft: SystemDraft) -> tuple[bool, int, str]:
    shots = [_shown(prompt.shots) for prompt in draft.prompts.values()]
    return draft.kind != "prompt", max(shots, default=0), draft.name


def _shown(shots: int | tuple[str, ...] | Shots) -> int:
    if isinstance(shots, Shots):
        return shots.n
    return shots if isinstance(shots, int) else len(shots)


def load_recipes(
    folder: Path,
    suite: SuiteSpec,
    fields: Mapping[str, Collection[str]] | None = None,
    taken: Collection[str] = (),
) -> list[Recipe]:
    """The training recipes among a folder's candidates; see `load_candidates`."""
    return load_candidates(folder, suite, fields, taken)[0]


def load_candidates(
    folder: Path,
    suite: SuiteSpec,
    fields: Mapping[str, Collection[str]] | None = None,
    taken: Collection[str] = (),
) -> tuple[list[Recipe], list[SystemDraft]]:
    """Read all candidates of a folder, in order of their file names; no folder means no candidates.

    Gives training recipes, and the candidates that nothing is trained for: `kind: api` and `kind: recorded`.

    A recipe with several seeds gives one training for each, in the order in which they stand; one with a sweep a
    candidate for each of its points. A recipe that continues from another one comes after it.

    `taken` are names that candidates may not have: the baselines'. Raises `bad-config` with all problems of all files.
    """
    from evalgate.config.schema import RecipeYaml, parse

    if not folder.exists():
        return [], []
    problems, recipes, entrants = Problems(), [], []
    names, parents = dict.fromkeys(taken, "a baseline"), dict[str, tuple[str, Document]]()
    for file in _yaml_files(folder, "recipes", problems):
        document = Document(file, problems)
        if document.data.get("kind") in ("api", "recorded"):
            if draft := entrant(document, suite, fields, TEMPLATE_NAMES):
                _once(names, draft.name, document)
                entrants.append(draft)
            continue
        parsed = parse(document, RecipeYaml)
        if parsed is None:
            continue
        for name, point in points(parsed, parsed.name or file.stem):
            recipe = _recipe(point, document, suite, fields, name)
            _once(names, recipe.name, document)
            trained = _per_seed(recipe, parsed.seeds)
            parents |= parents_of(parsed, trained, document)
            recipes += trained
    recipes = with_parents(recipes, parents)
    problems.raise_if_any(_FIX)
    return recipes, entrants


def _suite(parsed: SuiteYaml, folder: Path) -> SuiteSpec:
    tasks = []
    for name, task in parsed.tasks.items():
        uses = tuple(MetricUse(name=m.name, options=m.options) for m in task.metrics)
        unset = {name for name in ("constraint", "answer_by") if getattr(task, name) is None}
        values = task.model_dump(exclude={"metrics", "data", "splits", "label", "slices", "judge", *unset})
        if task.judge:
            values["judge"] = task.judge.spec(_written(task.judge.model) if task.judge.model else None, folder)
        if task.label:
            values["label"] = task.label.rule()
        if cut := task.slices:
            values["slices"] = SliceSpec(by=tuple(cut.by), metrics=tuple(cut.metrics), min_n=cut.min_n)
        tasks.append(TaskSpec(name=name, data=task.data or name, metrics=uses, splits=tuple(task.splits), **values))
    return SuiteSpec(
        name=parsed.name,
        version=parsed.version,
        model=_model(parsed.model, folder) if parsed.model else ModelSpec(id=""),
        tasks=tuple(tasks),
        gates=tuple(GateSpec(**gate.model_dump(exclude_none=True)) for gate in parsed.gates),
        capability=parsed.capability.spec() if parsed.capability else None,
        latency=parsed.latency.spec() if parsed.latency else None,
        early_stop=EarlyStop(**parsed.early_stop.model_dump()) if parsed.early_stop else None,
        baselines=parsed.baselines,
        description=parsed.description,
        seed=parsed.seed,
        looks=parsed.looks,
        disclosure=parsed.disclosure,
        sealed_for=tuple(parsed.sealed_for),
        source=SourceSpec(**parsed.source.model_dump()) if parsed.source else None,
        prices=parsed.prices.spec() if parsed.prices else None,
    )


def _model(parsed: ModelYaml, folder: Path) -> ModelSpec:
    return resolved(_written(parsed), folder)


def resolved(model: ModelSpec, folder: Path) -> ModelSpec:
    """A model whose folder, if it is one, is seen from here and no longer from the suite's."""
    return model if model.server else msgspec.structs.replace(model, id=_model_id(model.id, folder))


def _written(parsed: ModelYaml) -> ModelSpec:
    from evalgate.config.schema import LOCAL_KEYS, SERVER_KEYS

    if parsed.backend == "openai_http":
        return ModelSpec(id=parsed.id, server=ServerSpec(**parsed.model_dump(include=SERVER_KEYS)))
    other = {"backend"} if parsed.backend != "hf" else set()
    return ModelSpec(id=parsed.id, **parsed.model_dump(include=LOCAL_KEYS | other))


def _model_id(text: str, folder: Path) -> str:
    local = Path(os.path.normpath(folder / Path(text).expanduser()))
    if local.exists():
        return str(local)
    # A path to nothing stays a path, an absolute one, so that nobody takes it for a hub id and asks the network.
    return str(local.absolute()) if text.startswith((".", "/", "~")) else text


def _system(parsed: SystemYaml, prompts: Prompts, file: Path) -> SystemDraft:
    drafts = prompts.drafts(parsed.prompts)
    retrieves = any(variant.retrieve for prompt in drafts.values() for variant in prompt.variants)
    if parsed.kind == "rag" and not retrieves:
        prompts.document.problem(("kind",), "a rag system needs `retrieve: N` in at least one prompt")
    if parsed.kind == "prompt" and retrieves:
        prompts.document.problem(("kind",), "a system that retrieves passages is of `kind: rag`")
    return SystemDraft(
        name=parsed.name or file.stem,
        kind=parsed.kind,
        prompts=drafts,
        description=parsed.description,
        path=str(file),
    )


def _recipe(
    parsed: RecipeYaml, document: Document, suite: SuiteSpec, fields: Mapping[str, Collection[str]] | None, name: str
) -> Recipe:
    file = document.path
    prompts = Prompts(document, suite, fields, TEMPLATE_NAMES)
    drafts = prompts.of_recipe(parsed)
    missing = [task.name for task in suite.tasks if task.name not in drafts]
    if drafts and missing:
        key = "prompts_from" if parsed.prompts_from else "prompts"
        document.problem((key,), f"a candidate must serve every task of the suite; missing: {', '.join(missing)}")
    replay = None
    if parsed.replay:
        rows = Path(os.path.normpath(file.parent / parsed.replay.path))
        replay = Replay(path=str(rows), share=parsed.replay.share)
        if not rows.is_file():
            document.problem(("replay", "path"), f"there is no file '{rows}'")
    values = parsed.model_dump(exclude={"name", "prompts", "prompts_from", "replay", "seeds", *KEYS})
    if parsed.memory_gb is None:
        del values["memory_gb"]
    if parsed.sweep:
        values["swept"] = parsed.name or file.stem
    values |= extras(parsed, document)
    return Recipe(name=name, prompts=drafts, replay=replay, path=str(file), **values)


def _per_seed(recipe: Recipe, seeds: list[int] | None) -> list[Recipe]:
    """One training for each seed, such as `qlora@1`; a recipe with one seed is itself."""
    if seeds is None:
        return [recipe]
    return [msgspec.structs.replace(recipe, name=f"{recipe.name}@{seed}", seed=seed, of=recipe.name) for seed in seeds]


def _yaml_files(folder: Path, what: str, problems: Problems) -> list[Path]:
    files = sorted(p for p in folder.glob("*") if p.suffix in (".yaml", ".yml")) if folder.is_dir() else []
    if not files:
        problems.add(str(folder), f"there are no {what} here (*.yaml)")
    return files


def _once(names: dict[str, str], name: str, document: Document) -> None:
    if name in names:
        document.problem(("name",), f"the name '{name}' is already that of {names[name]}")
    names.setdefault(name, document.path.name)


def _check_served(suite: SuiteSpec, drafts: list[SystemDraft], problems: Problems, folder: Path) -> None:
    """A gate that compares needs a baseline on its task."""
    if not drafts:
        return
    for gate in suite.gates:
        known = gate.task in {task.name for task in suite.tasks}
        if known and "baseline" in gate.rule and not any(gate.task in draft.tasks for draft in drafts):
            served = {task for draft in drafts for task in draft.tasks}
            text = f"no baseline serves task '{gate.task}', which gate '{gate.name}' compares"
            problems.add(str(folder), text + did_you_mean(gate.task, served))
