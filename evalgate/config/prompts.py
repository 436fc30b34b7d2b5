"""The `prompts:` of a system or recipe: templates are read and parsed here, so a bad one fails before anything runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from evalgate.config.document import Document, Place, did_you_mean, read_text
from evalgate.config.search import check_search, settings_of
from evalgate.core.data import PromptDraft, PromptSearch, Sampling, SuiteSpec, TaskSpec
from evalgate.core.prompts import AnswerRule
from evalgate.core.record import digest_of

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


def _unlikely(task: TaskSpec, prompt: PromptYaml) -> list[tuple[Place, str]]:
    """What a prompt asks for that goes with decoding only, where labels are compared by likelihood."""
    found: list[tuple[Place, str]] = []
    if why := unfit_likelihood(task, prompt.constraint or task.constraint):
        found.append((("answer_by" if prompt.answer_by else "constraint",), why))
    said = "nothing is decoded where labels are compared: delete"
    return found + [((key,), f"{said} `{key}`") for key in ("answer", "temperature") if getattr(prompt, key)]


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
            place: Place = ("prompts", name)
            for key, text in self._misfits(task, prompt):
                self.document.problem((*place, *key), text)
            draft = self._draft(task, prompt, (*place, "template"))
            if draft and prompt.search:
                draft = self._searched(task, prompt, draft, place)
            if draft:
                drafts[name] = draft
        return drafts

    def _searched(self, task: TaskSpec, prompt: PromptYaml, draft: PromptDraft, place: Place) -> PromptDraft | None:
        """The draft with all that its search may choose from, each prompt once; None if one of them is unusable."""
        search, known = prompt.search, self._misfits(task, prompt)
        grid: dict[str, PromptDraft] = {}
        assert search is not None
        check_search(self.document, task, search, (*place, "search"))
        for other, where in settings_of(prompt, place):
            for key, text in self._misfits(task, other):
                if (key, text) not in known:
                    self.document.problem((*place, "search", *key), text)
            variant = self._draft(task, other, where)
            if variant is None:
                return None
            grid.setdefault(digest_of(replace(variant, template_path="")), variant)
        found = PromptSearch(
            grid=tuple(grid.values()), budget=search.budget, metric=search.metric, examples=search.examples or 0
        )
        return replace(draft, search=found)

    def of_recipe(self, recipe: RecipeYaml | ApiYaml) -> dict[str, PromptDraft]:
        """A recipe's own prompts, or those of the file that `prompts_from` names, whose templates lie beside it."""
        from evalgate.config.schema import SystemYaml, parse

        if (recipe.prompts is None) == (recipe.prompts_from is None):
            self.document.problem((), "give either `prompts` or `prompts_from`")
            return {}
        if recipe.prompts is not None:
            return self._of_candidate(self.drafts(recipe.prompts), "prompts")
        file = Path(os.path.normpath(self.document.path.parent / str(recipe.prompts_from)))
        if not file.is_file():
            self.document.problem(("prompts_from",), f"there is no file '{file}'")
            return {}
        lent = Document(file, self.document.problems)
        system = parse(lent, SystemYaml)
        if system is None:
            return {}
        lent_drafts = Prompts(lent, self.suite, self.fields, self.names).drafts(system.prompts)
        return self._of_candidate(lent_drafts, "prompts_from")

    def _of_candidate(self, drafts: dict[str, PromptDraft], key: str) -> dict[str, PromptDraft]:
        """A candidate is trained with the prompts that it is asked with, before anything could be searched."""
        for name in [name for name, draft in drafts.items() if draft.search]:
            text = f"the prompt of task '{name}' has a `search`, which is for baselines: name the prompt to train with"
            self.document.problem((key,), text)
        return drafts

    def _draft(self, task: TaskSpec, prompt: PromptYaml, place: Place) -> PromptDraft | None:
        path, first = Path(os.path.normpath(self.document.path.parent / prompt.template)), 1
        source: str | None = prompt.template
        inline = "{{" in prompt.template or "{%" in prompt.template
        if inline:
            file, _, line = self.document.where(place).rpartition(":")
            path, first = Path(file), int(line) + ("\n" in prompt.template)  # a block begins below its key
        else:
            source = read_text(path, self.document.problems, said_at=self.document.where(place))
        if source is None:
            return None
        self._check_template(task.name, path, source, first)
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
            template_path=f"{path}:{first}" if inline else str(path),
            shots=prompt.shots.draft(),
            retrieve=prompt.retrieve.k,
            index=prompt.retrieve.index(),
            sampling=sampling,
            answer=AnswerRule(**prompt.answer.model_dump()) if prompt.answer else UNSET,
        )

    def _misfits(self, task: TaskSpec, prompt: PromptYaml) -> list[tuple[Place, str]]:
        """What a prompt asks for that its task does not have: the key, and what is wrong with it."""
        found: list[tuple[Place, str]] = []
        if prompt.retrieve.k and not task.corpus:
            found.append((("retrieve",), f"task '{task.name}' has no `corpus` in suite.yaml"))
        pool = prompt.shots.pool
        if prompt.shots.n and pool not in task.splits:
            found.append((("shots",), f"task '{task.name}' has no {pool} split to take examples from"))
        if prompt.shots.n and pool == "dev" and "train" in task.splits:
            text = "examples come from train where a task has one: dev is for choosing between prompts"
            found.append((("shots", "from"), text))
        if prompt.constraint and task.constraint and prompt.constraint != task.constraint:
            text = f"suite.yaml holds all systems of task '{task.name}' to `{task.constraint}`: delete this"
            found.append((("constraint",), text))
        elif prompt.constraint and (why := unfit_constraint(prompt.constraint, task)):
            found.append((("constraint",), why))
        return found + (_unlikely(task, prompt) if prompt.answer_by or task.answer_by else [])

    def _check_template(self, task: str, path: Path, source: str, first: int) -> None:
        import jinja2

        try:
            names = names_in(source)
        except jinja2.TemplateSyntaxError as error:
            line = first + error.lineno - 1
            self.document.problems.add(f"{path}:{line}", f"this is not a Jinja2 template: {error.message}")
            return
        if self.fields is None or task not in self.fields:
            return
        known = {*self.fields[task], *self.names}
        for name in sorted(names - known):
            line = next((n for n, text in enumerate(source.splitlines(), first) if name in text), first)
            self.document.problems.add(
                f"{path}:{line}", f"examples of task '{task}' have no field '{name}'{did_you_mean(name, known)}"
            )


@lru_cache(maxsize=256)
def names_in(source: str) -> frozenset[str]:
    """The variables that a template expects; raises Jinja's `TemplateSyntaxError`. Recipes share their templates."""
    import jinja2
    from jinja2 import meta

    environment = jinja2.Environment()
    tree = environment.parse(source)
    environment.compile(source)  # finds unknown filters and tests, which parsing does not
    return frozenset(meta.find_undeclared_variables(tree))
