"""What a recipe trains from and on: files and folders found, sweeps spread out, earlier candidates looked up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from evalgate.config.document import Document, did_you_mean
from evalgate.core.adapter_files import CONFIG, WEIGHTS
from evalgate.core.artefacts import WEIGHTS as MODEL_WEIGHTS
from evalgate.core.artefacts import is_whole
from evalgate.core.data import Recipe
from evalgate.core.drafts import Checkpoints, Preferences

if TYPE_CHECKING:
    from evalgate.config.schema import RecipeYaml

# Keys of MethodsYaml that are no field of a recipe under the same name.
KEYS = frozenset(
    {
        "adapter",
        "model",
        "checkpoints",
        "continue_from",
        "dpo",
        "sweep",
        "merge",
        "num_gpus",
        "accelerate_config",
        "report_to",
    }
)


def points(parsed: RecipeYaml, name: str) -> list[tuple[str, RecipeYaml]]:
    """The recipe itself, or one for each combination of its sweep, named by it: `qlora.rank-8`."""
    if parsed.sweep is None:
        return [(name, parsed)]
    grid = parsed.sweep.grid
    found = []
    for values in product(*grid.values()):
        point = dict(zip(grid, values, strict=True))
        suffix = "".join(f".{knob}-{value:g}" for knob, value in point.items())
        found.append((name + suffix, parsed.model_copy(update=point)))
    return found


def extras(parsed: RecipeYaml, document: Document) -> dict[str, Any]:
    """The recipe's fields for its stages and its starting point; notes files and folders that are not there."""
    found: dict[str, Any] = {**parsed.rate}
    if parsed.merge != "adapter":
        found["merge"] = parsed.merge
    if parsed.adapter:
        found["adapter"] = str(_adapter(_path(parsed.adapter, document), "adapter", document))
    if parsed.model:
        found["model"] = str(_whole(_path(parsed.model, document), "model", document))
    if parsed.continue_from and _is_path(parsed.continue_from):
        found_in = _whole if parsed.method == "full" else _adapter
        found["start"] = str(found_in(_path(parsed.continue_from, document), "continue_from", document))
    if parsed.dpo:
        rows = _path(parsed.dpo.data, document)
        if not rows.is_file():
            document.problem(("dpo", "data"), f"there is no file '{rows}'")
        found["dpo"] = Preferences(**{**parsed.dpo.model_dump(), "data": str(rows)})
    if parsed.checkpoints:
        found["checkpoints"] = Checkpoints(**parsed.checkpoints.model_dump())
    return found | _launch(parsed, document)


def _launch(parsed: RecipeYaml, document: Document) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if parsed.num_gpus is not None and parsed.num_gpus > 1:
        found["num_gpus"] = parsed.num_gpus
    if parsed.accelerate_config:
        file = _path(parsed.accelerate_config, document)
        if not file.is_file():
            document.problem(("accelerate_config",), f"there is no file '{file}'")
        found["accelerate_config"] = str(file)
    if parsed.report_to:
        found["report_to"] = tuple(dict.fromkeys(parsed.report_to))
    return found


def with_parents(recipes: Sequence[Recipe], named: dict[str, tuple[str, Document]]) -> list[Recipe]:
    """The recipes with those that they continue from; `named` is by recipe the earlier candidate's name, if it has one.

    Parents stand before their children, so that they are trained first.
    """
    by_name = {recipe.name: recipe for recipe in recipes}
    done: dict[str, Recipe] = {}

    def complete(recipe: Recipe, seen: tuple[str, ...]) -> Recipe:
        if recipe.name not in named:
            return done.setdefault(recipe.name, recipe)
        if recipe.name not in done:
            parent, document = named[recipe.name]
            if parent in (*seen, recipe.name):
                document.problem(("continue_from",), f"'{recipe.name}' would continue from itself")
                return recipe
            if parent not in by_name:
                hint = did_you_mean(parent, [name for name in by_name if name != recipe.name])
                document.problem(("continue_from",), f"'{parent}' is no candidate to continue from{hint}")
                return recipe
            if refusal := _other_kind(recipe, by_name[parent]):
                document.problem(("continue_from",), refusal)
                return recipe
            found = complete(by_name[parent], (*seen, recipe.name))
            done[recipe.name] = replace(recipe, parent=found)
        return done[recipe.name]

    for recipe in recipes:
        complete(recipe, ())
    return [*done.values()]


def _other_kind(recipe: Recipe, parent: Recipe) -> str:
    """Why a recipe cannot continue from another; empty if it can. A merged candidate still has its adapter."""
    if recipe.method == "full" and not parent.made_whole:
        return f"'{parent.name}' is an adapter, and `method: full` continues from a whole model"
    if recipe.method != "full" and parent.made_whole:
        return f"'{parent.name}' is a whole model: it has no adapter to continue from"
    return ""


def parents_of(parsed: RecipeYaml, recipes: Sequence[Recipe], document: Document) -> dict[str, tuple[str, Document]]:
    """By name of each training of a recipe, which candidate it continues from; empty for a path or none."""
    text = parsed.continue_from
    if not text or _is_path(text):
        return {}
    return {recipe.name: (text, document) for recipe in recipes}


def _is_path(text: str) -> bool:
    return text.startswith((".", "~")) or "/" in text


def _path(text: str, document: Document) -> Path:
    return Path(os.path.normpath(document.path.parent / Path(text).expanduser())).absolute()


def _adapter(folder: Path, key: str, document: Document) -> Path:
    missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    if missing:
        document.problem((key,), f"'{folder}' is no adapter that can be loaded: it has no {missing[0]}")
    return folder


def _whole(folder: Path, key: str, document: Document) -> Path:
    problem = ""
    if not is_whole(folder):
        problem = "it is an adapter" if (folder / CONFIG).is_file() else "it has no config.json"
    elif not any(folder.glob(MODEL_WEIGHTS)):
        problem = "it has no *.safetensors, and weights of other formats can run code"
    if problem:
        document.problem((key,), f"'{folder}' is no whole model that can be loaded: {problem}")
    return folder
