"""Everything that competes on a suite, read and checked together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from evalgate.config.load import SUITE_FILE, load_candidates, load_suite_spec, load_systems
from evalgate.core.data import Project, Recipe, Split
from evalgate.core.errors import UsageError
from evalgate.suite.frozen import ALL_SPLITS, input_fields, load_suite

CANDIDATES = "candidates"


def load_project(
    folder: Path,
    metrics: Collection[str] = (),
    splits: Sequence[Split] = ALL_SPLITS,
    *,
    verify: bool = True,
    baselines: bool = True,
) -> Project:
    """Read suite.yaml, the data, the baselines and `candidates/`; templates are checked against the examples' fields.

    Baselines that are accepted need not be there: without `baselines` they are not read.

    Raises what `load_suite_spec`, `load_suite`, `load_systems` and `load_candidates` raise, `no-baselines` or
    `no-model`.
    """
    spec = load_suite_spec(folder, metrics)
    if baselines and not spec.baselines:
        raise UsageError(
            f"suite '{spec.name}' names no baselines, so there is nothing to beat",
            code="no-baselines",
            fix=f"add `baselines: ../../baselines/{spec.name}` to {SUITE_FILE}: a folder with at least one prompt",
            where=str(folder / SUITE_FILE),
        )
    suite = load_suite(folder, spec, splits, verify=verify)
    fields = input_fields(suite)
    systems = load_systems(folder / spec.baselines, spec, fields) if baselines else []
    names = [system.name for system in systems]
    recipes, entrants = load_candidates(folder / CANDIDATES, spec, fields, taken=names)
    project = Project(suite=suite, systems=tuple(systems), recipes=tuple(recipes), entrants=tuple(entrants))
    _refuse_without_model(project, folder / SUITE_FILE)
    return project


def chosen(project: Project, names: tuple[str, ...] | None) -> Project:
    """The project with these candidates only, None for all. Raises `unknown-candidate`."""
    if names is None:
        return project
    known = {recipe.written for recipe in project.recipes} | {draft.name for draft in project.entrants}
    known |= {recipe.swept for recipe in project.recipes if recipe.swept}
    if unknown := sorted(set(names) - known):
        raise UsageError(
            f"there is no candidate '{unknown[0]}'",
            code="unknown-candidate",
            fix=f"choose from: {', '.join(sorted(known)) or '(none)'}",
            where=str(Path(project.suite.folder) / "candidates"),
        )
    recipes = tuple(r for r in project.recipes if r.written in names or (r.swept or "") in names)
    _refuse_orphans(recipes)
    return msgspec.structs.replace(
        project,
        recipes=recipes,
        entrants=tuple(draft for draft in project.entrants if draft.name in names),
    )


def _refuse_orphans(recipes: Sequence[Recipe]) -> None:
    """Raise `parent-not-chosen` for a recipe that continues from one which is not trained in this run."""
    trained = {recipe.name for recipe in recipes}
    for recipe in recipes:
        if recipe.parent and recipe.parent.name not in trained:
            raise UsageError(
                f"candidate '{recipe.name}' continues from '{recipe.parent.name}', which is not chosen",
                code="parent-not-chosen",
                fix=f"choose both: `--candidates {recipe.parent.written},{recipe.written}`; or give the "
                "earlier adapter's folder as `continue_from`",
                where=recipe.path,
            )


def _refuse_without_model(project: Project, file: Path) -> None:
    """Only recorded systems answer without a model."""
    asked = [draft.name for draft in project.systems if not draft.predictions]
    asked += [recipe.name for recipe in project.recipes]
    if asked and not project.suite.spec.model.id:
        raise UsageError(
            f"suite '{project.suite.spec.name}' names no model, which '{asked[0]}' needs",
            code="no-model",
            fix="add `model:` to suite.yaml; only systems of `kind: recorded` do without",
            where=str(file),
        )
