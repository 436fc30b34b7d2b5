"""Prompt search: the base model tries a baseline's prompts on dev, and each task takes the best one.

Nothing here can see the held-out set: whatever tasks come in, only train and dev go on (`dev_only`), and no run, plan
or run folder is known. The choice is made before any held-out question is asked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from evalgate import plugins
from evalgate.core.data import Example, PromptDraft, PromptSearch, SystemDraft, SystemSpec, Task
from evalgate.core.errors import UsageError
from evalgate.core.prompts import Shots
from evalgate.core.protocols import Ask, Backend, Metric, Progress, Retriever, Ticker
from evalgate.core.record import digest_of, short
from evalgate.core.results import Score
from evalgate.core.search import Searched, SearchPlan, Trial, Try
from evalgate.core.seeds import clock, rng
from evalgate.core.showing import stage
from evalgate.files import Appender, read_lines
from evalgate.stats.interval import estimate_scores
from evalgate.systems.prompt import prepare
from evalgate.systems.retrieval import index_name, shots_name

OPEN_SPLITS = ("train", "dev")
Bind = Callable[[SystemDraft], SystemSpec]


def dev_only(tasks: Mapping[str, Task]) -> dict[str, Task]:
    """Tasks without their held-out examples."""
    return {
        name: replace(task, splits={split: rows for split, rows in task.splits.items() if split in OPEN_SPLITS})
        for name, task in tasks.items()
    }


def plan_searches(
    drafts: Sequence[SystemDraft], tasks: Mapping[str, Task], *, seed: int, bind: Bind
) -> tuple[SearchPlan, ...]:
    """What will be tried for each searched prompt: known, and bound, before anything runs.

    Raises `unsearchable-metric`, and what binding raises, such as `too-few-shots`.
    """
    shown, plans = dev_only(tasks), []
    for draft in drafts:
        for name, prompt in draft.prompts.items():
            if prompt.search:
                plans.append(_planned(draft, shown[name], prompt.search, seed, bind))
    return tuple(plans)


def _planned(draft: SystemDraft, task: Task, search: PromptSearch, seed: int, bind: Bind) -> SearchPlan:
    name, rows = task.spec.name, task.splits.get("dev", ())
    metric = _metric(task, search.metric or task.spec.primary)
    if getattr(metric, "asks", ""):
        raise UsageError(
            f"system '{draft.name}' searches on '{metric.spec.name}', which a model judges: a search asks no judge",
            code="unsearchable-metric",
            fix="name a metric that is counted, such as token_f1, in `search: {metric: ...}`",
            where=draft.path,
        )
    if metric.spec.unit != "fraction":
        raise UsageError(
            f"system '{draft.name}' searches on '{metric.spec.name}', which is no fraction: what a missing answer "
            "would be worth is not known",
            code="unsearchable-metric",
            fix="name a metric between 0 and 1 in `search: {metric: ...}`",
            where=draft.path,
        )
    chosen = rng(seed, "search", "examples", name).permutation(len(rows))[: search.examples or len(rows)]
    trials = []
    for variant in tries_of(search, name, seed):
        tried = replace(draft, prompts={name: variant})
        trials.append(Trial(draft=tried, system=bind(tried), settings=settings_of(variant, draft.path)))
    return SearchPlan(
        system=draft.name,
        task=name,
        metric=metric.spec.name,
        n_grid=len(search.grid),
        budget=search.budget,
        example_ids=tuple(rows[i].id for i in sorted(chosen)),
        trials=tuple(trials),
    )


def tries_of(search: PromptSearch, task: str, seed: int) -> list[PromptDraft]:
    """The prompts that the budget allows: the one as written, then the grid in order, or drawn where it is larger."""
    written, *others = search.grid
    if len(search.grid) > search.budget:
        order = rng(seed, "search", "grid", task).permutation(len(others))
        others = [others[i] for i in sorted(order[: search.budget - 1])]
    return [written, *others]


def settings_of(prompt: PromptDraft, system_path: str) -> dict[str, str]:
    """What a search may change of a prompt, in words."""
    shots, folder = prompt.shots, str(Path(system_path).parent)
    if isinstance(shots, Shots):
        by = f" by {shots.encoder}" if shots.encoder else ""
        shown = f"{shots.n} {shots.choose}{by}" + (f" from {shots.pool}" if shots.pool != "train" else "")
    else:
        shown = str(shots) if isinstance(shots, int) else ", ".join(shots)
    return {
        "template": os.path.relpath(prompt.template_path, folder),
        "shots": shown,
        "passages": str(prompt.retrieve),
        "constraint": prompt.sampling.constraint,
    }


def search_prompts(
    plans: Sequence[SearchPlan],
    tasks: Mapping[str, Task],
    *,
    retrievers: Mapping[str, Retriever],
    backend: Backend,
    folder: Path,
    seed: int,
    progress: Progress,
) -> list[Searched]:
    """Try every planned prompt on dev and choose; tries that `folder` holds are not made again.

    One stage of the run. What was answered and scored is written as it comes.
    """
    searches = [_Search(plan, dev_only(tasks)[plan.task], retrievers, folder, seed) for plan in plans]
    sizes = [(search.n_recorded, search.n_asks) for search in searches]
    found = []
    n_done, n_asks = map(sum, zip(*sizes, strict=True))
    with stage(progress, "prompt search on dev", n_asks, n_done, unit="answers") as tick:
        for search in searches:
            made = search.run(backend, _Within(progress, tick))
            progress.note(told(made))
            found.append(made)
    return found


def told(searched: Searched) -> str:
    """A search in one line."""
    best = searched.tries[searched.chosen]
    said = ", ".join(f"{key} {value}" for key, value in best.settings.items())
    score = f"{searched.metric} {100 * best.worth:.1f} % on {searched.n_dev} dev examples"
    return f"{searched.system} · {searched.task}: try {searched.chosen + 1} of {len(searched.tries)}, {score} ({said})"


def with_chosen(draft: SystemDraft, searches: Sequence[SearchPlan], found: Sequence[Searched]) -> SystemDraft:
    """The draft with the chosen prompt for each task that was searched."""
    chosen = {
        plan.task: plan.trials[made.chosen].draft.prompts[plan.task]
        for plan, made in zip(searches, found, strict=True)
        if plan.system == draft.name
    }
    return replace(draft, prompts=draft.prompts | chosen)


class _Within:
    """Progress of a part, told as that of the whole stage."""

    def __init__(self, progress: Progress, tick: Ticker) -> None:
        self._progress, self._tick = progress, tick

    @contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[Ticker]:
        if done:
            self._tick(done)
        yield self._tick

    def note(self, text: str) -> None:
        self._progress.note(text)


class _Search:
    """The tries of one system on one task."""

    def __init__(
        self, plan: SearchPlan, task: Task, retrievers: Mapping[str, Retriever], folder: Path, seed: int
    ) -> None:
        self._plan, self._task, self._seed = plan, task, seed
        self._metric = _metric(task, plan.metric)
        by_id = {e.id: e for e in task.splits["dev"]}
        self._examples = [by_id[i] for i in plan.example_ids]
        self._asks = [self._prepared(trial, retrievers) for trial in plan.trials]
        self._path = folder / plan.system / f"{plan.task}.jsonl"
        self._recorded = {made.digest: made for made in read_lines(self._path, Try)}

    @property
    def n_asks(self) -> int:
        """How many questions all tries ask."""
        return sum(map(len, self._asks))

    @property
    def n_recorded(self) -> int:
        """How many of them belong to tries that were made before."""
        return sum(len(asks) for asks in self._asks if self._digest(asks) in self._recorded)

    def run(self, backend: Backend, progress: Progress) -> Searched:
        """Make the tries that are missing, and choose: the best on dev, of equals the one tried first."""
        tries = []
        with Appender(self._path) as file:
            for trial, asks in zip(self._plan.trials, self._asks, strict=True):
                made = self._recorded.get(self._digest(asks))
                if made is None:
                    made = self._try(trial, asks, backend, progress)
                    file.write([made])
                tries.append(replace(made, settings=trial.settings))  # two prompts may ask the same questions
        best = max if self._metric.spec.better == "higher" else min
        worth = [made.worth for made in tries]
        return Searched(
            system=self._plan.system,
            task=self._plan.task,
            metric=self._plan.metric,
            n_grid=self._plan.n_grid,
            budget=self._plan.budget,
            n_dev=len(self._examples),
            tries=tuple(tries),
            chosen=worth.index(best(worth)),
        )

    def _prepared(self, trial: Trial, retrievers: Mapping[str, Retriever]) -> list[Ask]:
        name = self._plan.task
        prompt = trial.system.prompts[name]
        found, finder = retrievers.get(index_name(name, prompt)), retrievers.get(shots_name(name, prompt))
        return prepare(trial.system, self._task, self._examples, found, finder)

    def _digest(self, asks: Sequence[Ask]) -> str:
        return digest_of([self._metric.spec, [(ask.example_id, ask.digest) for ask in asks]])

    def _try(self, trial: Trial, asks: Sequence[Ask], backend: Backend, progress: Progress) -> Try:
        from evalgate.execution.local import predict

        started, digest = clock(), self._digest(asks)
        path = self._path.with_suffix("") / f"{short(digest)}.jsonl"
        by_id: dict[str, Example] = {e.id: e for e in self._examples}
        answers = predict(
            asks,
            system=self._plan.system,
            task=self._plan.task,
            adapter=None,
            backend=backend,
            path=path,
            progress=progress,
        )
        scores = [self._metric.score(by_id[answer.example_id], answer, self._task) for answer in answers]
        estimate = estimate_scores(scores, self._metric, seed=self._seed)
        return Try(
            settings=trial.settings,
            worth=_worth(scores, estimate.value if estimate else None, self._metric),
            estimate=estimate,
            n_unscored=sum(score.status == "unscored" for score in scores),
            seconds=clock() - started,
            digest=digest,
        )


def _worth(scores: Sequence[Score], value: float | None, metric: Metric) -> float:
    """The score with every unscored answer counted as the worst one; exact for means."""
    share = sum(score.status == "scored" for score in scores) / len(scores) if scores and value is not None else 0.0
    worst = 0.0 if metric.spec.better == "higher" else 1.0
    return share * (value or 0.0) + (1 - share) * worst


def _metric(task: Task, name: str) -> Metric:
    return plugins.metric(next(use for use in task.spec.metrics if use.name == name))
