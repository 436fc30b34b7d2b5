"""The `prompts:` of a system or recipe: templates are read and parsed here, so a bad one fails before anything runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from evalgate.config.document import Document, Place, did_you_mean, read_text
from evalgate.core.data import PromptDraft, Sampling, SuiteSpec, TaskSpec
from evalgate.core.prompts import AnswerRule

if TYPE_CHECKING:
    from evalgate.config.prompt_schema import PromptYaml
    from evalgate.config.schema import RecipeYaml
    from evalgate.config.schema_entrants import ApiYaml


def unfit_constraint(constraint: str, task: TaskSpec) -> str | None:
    """Why a task's answers cannot be held to a constraint; None if they can."""
    if constraint == "json_schema" and not task.output_schema:
        return f"task '{task.name}' has no `schema` in suite.yaml"
    if constraint == "choices" and task.kind != "classification":
        return f"only a classification task has choices, not {task.kind}"
    return None


def unfit_likelihood(task: TaskSpec, constraint: str | UnsetType | None) -> str | None:
    """Why a task cannot be answered by the likelihood of its labels; None if it can."""
    if task.kind != "classification":
        return f"only a classification task has labels to compare, not {task.kind}"
    if constraint and constraint != "none":
        return f"nothing is decoded where labels are compared: delete `constraint: {constraint}`"
    return None


class Prompts:
    """Turns the prompts of one document into drafts."""

    def __init__(
        self,
        document: Document,
        suite: SuiteSpec,
        fields: Mapping[str, Collection[str]] | None,
        names: Collection[str],
    ) -> None:
        self.document, self.suite, self.fields, self.names = document, suite, fields, names
        self.tasks = {task.name: task for task in suite.tasks}

    def drafts(self, written: Mapping[str, PromptYaml]) -> dict[str, PromptDraft]:
        """One draft a task; unknown tasks and unusable templates are noted and left out."""
        drafts = {}
        for name, prompt in written.items():
            task = self.tasks.get(name)
            if task is None:
                self.document.problem(("prompts", name), f"there is no such task{did_you_mean(name, self.tasks)}")
                continue
            self._check_needs(task, prompt)
            draft = self._draft(task, prompt)
            if draft:
                drafts[name] = draft
        return drafts

    def of_recipe(self, recipe: RecipeYaml | ApiYaml) -> dict[str, PromptDraft]:
        """A recipe's own prompts, or those of the file that `prompts_from` names, whose templates lie beside it."""
        from evalgate.config.schema import SystemYaml, parse

        if (recipe.prompts is None) == (recipe.prompts_from is None):
            self.document.problem((), "give either `prompts` or `prompts_from`")
            return {}
        if recipe.prompts is not None:
            return self.drafts(recipe.prompts)
        file = Path(os.path.normpath(self.document.path.parent / str(recipe.prompts_from)))
        if not file.is_file():
            self.document.problem(("prompts_from",), f"there is no file '{file}'")
            return {}
        lent = Document(file, self.document.problems)
        system = parse(lent, SystemYaml)
        if system is None:
            return {}
        return Prompts(lent, self.suite, self.fields, self.names).drafts(system.prompts)

    def _draft(self, task: TaskSpec, prompt: PromptYaml) -> PromptDraft | None:
        path = Path(os.path.normpath(self.document.path.parent / prompt.template))
        place: Place = ("prompts", task.name, "template")
        source = read_text(path, self.document.problems, said_at=self.document.where(place))
        if source is None:
            return None
        self._check_template(task.name, path, source)
        sampling = Sampling(
            temperature=prompt.temperature,
            top_p=prompt.top_p,
            max_tokens=prompt.max_tokens,
            stop=tuple(prompt.stop),
            constraint=prompt.constraint or task.constraint or "none",
            answer_by=prompt.answer_by or task.answer_by,
        )
        return PromptDraft(
            template=source,
            template_path=str(path),
            shots=prompt.shots.draft(),
            retrieve=prompt.retrieve.k,
            index=prompt.retrieve.index(),
            sampling=sampling,
            answer=AnswerRule(**prompt.answer.model_dump()) if prompt.answer else UNSET,
        )

    def _check_needs(self, task: TaskSpec, prompt: PromptYaml) -> None:
        place: Place = ("prompts", task.name)
        if prompt.retrieve.k and not task.corpus:
            self.document.problem((*place, "retrieve"), f"task '{task.name}' has no `corpus` in suite.yaml")
        pool = prompt.shots.pool
        if prompt.shots.n and pool not in task.splits:
            self.document.problem((*place, "shots"), f"task '{task.name}' has no {pool} split to take examples from")
        if prompt.shots.n and pool == "dev" and "train" in task.splits:
            text = "examples come from train where a task has one: dev is for choosing between prompts"
            self.document.problem((*place, "shots", "from"), text)
        if prompt.constraint and task.constraint and prompt.constraint != task.constraint:
            text = f"suite.yaml holds all systems of task '{task.name}' to `{task.constraint}`: delete this"
            self.document.problem((*place, "constraint"), text)
        elif prompt.constraint and (why := unfit_constraint(prompt.constraint, task)):
            self.document.problem((*place, "constraint"), why)
        if prompt.answer_by or task.answer_by:
            self._check_likelihood(task, prompt)

    def _check_likelihood(self, task: TaskSpec, prompt: PromptYaml) -> None:
        place: Place = ("prompts", task.name)
        if why := unfit_likelihood(task, prompt.constraint or task.constraint):
            self.document.problem((*place, "answer_by" if prompt.answer_by else "constraint"), why)
        for key in ("answer", "temperature"):
            if getattr(prompt, key):
                self.document.problem((*place, key), f"nothing is decoded where labels are compared: delete `{key}`")

    def _check_template(self, task: str, path: Path, source: str) -> None:
        import jinja2

        try:
            names = _names_in(source)
        except jinja2.TemplateSyntaxError as error:
            self.document.problems.add(f"{path}:{error.lineno}", f"this is not a Jinja2 template: {error.message}")
            return
        if self.fields is None or task not in self.fields:
            return
        known = {*self.fields[task], *self.names}
        for name in sorted(names - known):
            line = next((n for n, text in enumerate(source.splitlines(), 1) if name in text), 1)
            self.document.problems.add(
                f"{path}:{line}", f"examples of task '{task}' have no field '{name}'{did_you_mean(name, known)}"
            )


@lru_cache(maxsize=256)
def _names_in(source: str) -> frozenset[str]:
    """The variables that a template expects; raises Jinja's `TemplateSyntaxError`. Recipes share their templates."""
    import jinja2
    from jinja2 import meta

    environment = jinja2.Environment()
    tree = environment.parse(source)
    environment.compile(source)  # finds unknown filters and tests, which parsing does not
    return frozenset(meta.find_undeclared_variables(tree))
