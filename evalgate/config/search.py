"""The grid of a prompt's `search:`: the prompt as written first, then every combination of what may be changed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

from evalgate.config.document import Document, Place, did_you_mean
from evalgate.core.data import TaskSpec

if TYPE_CHECKING:
    from evalgate.config.prompt_schema import PromptYaml, SearchYaml


def settings_of(prompt: PromptYaml, place: Place) -> Iterator[tuple[PromptYaml, Place]]:
    """Every prompt of the grid, with the place of its template; what the prompt itself says comes first."""
    search = prompt.search
    templates: list[tuple[dict[str, object], Place]] = [({}, (*place, "template"))]
    changes: list[list[dict[str, object]]] = []
    if search is not None:
        for i, other in enumerate(search.templates):
            said = {name: getattr(other, name) for name in other.model_fields_set}
            templates.append((said, (*place, "search", "templates", i)))
        for name in ("retrieve", "shots", "constraint"):
            changes.append([{}, *({name: value} for value in getattr(search, name))])
    for said, where in templates:
        for rest in product(*changes):
            update = {key: value for change in (said, *rest) for key, value in change.items()}
            yield prompt.model_copy(update=update | {"search": None}), where


def check_search(document: Document, task: TaskSpec, search: SearchYaml, place: Place) -> None:
    """A search needs dev examples, and a metric of the task."""
    if "dev" not in task.splits:
        document.problem(place, f"task '{task.name}' has no dev split to search on")
    known = [use.name for use in task.metrics]
    if search.metric and search.metric not in known:
        text = f"task '{task.name}' has no metric '{search.metric}'{did_you_mean(search.metric, known)}"
        document.problem((*place, "metric"), text)
