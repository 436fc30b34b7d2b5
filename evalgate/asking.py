"""Asking systems the held-out set, stage by stage: each answer and score is written as it comes, once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from evalgate.cache.answers import Remembering
from evalgate.cache.records import Cache
from evalgate.core.data import Sampling, SystemSpec, Task
from evalgate.core.protocols import Ask, Generates, LocalBackend, Progress
from evalgate.core.record import digest_of
from evalgate.core.results import Prediction, Score
from evalgate.core.serving import Cost
from evalgate.core.showing import detail, outline
from evalgate.execution.process import give_back_memory
from evalgate.files import Appender, read_keys, read_lines, write_record
from evalgate.gates.stages import Stage, winning_tasks
from evalgate.judged.work import Judges, Opened
from evalgate.judging import choose_best, metrics_of, score_table, still_in
from evalgate.planning import Plan, task_metrics
from evalgate.refereeing import Refereeing, Waiting, set_aside
from evalgate.scoring import Scorer
from evalgate.store import BASE, CAPABILITY, RunFolder, load_run
from evalgate.suite.order import first_half, frozen_order
from evalgate.telling import planned_answers
from evalgate.validity import trained_systems

if TYPE_CHECKING:
    from evalgate.capability.harness import Harness


class Asking:
    """What a run asks its systems; everything goes to its folder."""

    def __init__(
        self,
        plan: Plan,
        folder: RunFolder,
        backend: LocalBackend,
        harness: Harness | None,
        progress: Progress,
        scorer: Scorer,
    ) -> None:
        self._plan, self._folder, self._progress = plan, folder, progress
        self._backend, self._harness = backend, harness
        self._answers: Generates = backend  # of examples only: what is timed or probed is never remembered
        self._kept = None if plan.cache is None else Cache(plan.cache, progress.note)
        if self._kept is not None:
            self._answers = Remembering(backend, self._kept)
        self._scorer = scorer
        self._referee = Refereeing(plan, folder, self._make_judges())
        self._prepared: dict[tuple[str, str], list[Ask]] = {}

    def answer(self, system: SystemSpec, *, adapter: str | None = None) -> None:
        """Let one system answer all held-out examples of its tasks."""
        for name in system.tasks:
            self._answer(system, name, adapter=adapter)

    def _answer(self, system: SystemSpec, name: str, *, adapter: str | None, half: bool = False) -> None:
        """Let one system answer a task's held-out examples in their frozen order; score every answer as it comes."""
        from evalgate.execution.local import predict
        from evalgate.systems.shown import shown_of

        path = self._folder.predictions(system.name, name)
        asks = {ask.example_id: ask for ask in self._asks(system, name)}
        self._folder.forget_others(system.name, name, {ask.digest for ask in asks.values()})
        task = self._plan.suite.tasks[name]
        detail(self._progress, f"{system.name} · {name}: answers in {path}")
        write_record(self._folder.shown(system.name, name), shown_of(system, task, self._asks(system, name)))
        self._folder.forget_unscored(system.name, name, {metric.spec.name for metric in task_metrics(task)})
        choose = first_half if half else frozen_order
        answers = predict(
            [asks[i] for i in choose(asks, task=name, data_digest=self._plan.suite.data_digest)],
            system=system.name,
            task=name,
            adapter=adapter,
            backend=self._plan.recorded.get((system.name, name), self._answers),
            path=path,
            progress=self._progress,
            seal=self._plan.seal,
        )
        with self._timed(system.name, name, path):
            waiting = self._score(system.name, task, answers)
            give_back_memory()
        for metric in waiting:
            self._referee.judge(system, task, metric, asks, adapter)

    def _timed(self, system: str, task: str, recorded: Path) -> AbstractContextManager[None]:
        from evalgate.execution.costs import timed

        def opening() -> float:
            return float(getattr(self._backend, "load_s", 0.0))

        return timed(self._folder.costs, system=system, task=task, recorded=recorded, opening=opening)

    def forget_stale(self, system: SystemSpec) -> None:
        """Drop answers that were given to other requests or by another adapter; before anything is judged."""
        for name in system.tasks:
            self._folder.forget_others(system.name, name, {ask.digest for ask in self._asks(system, name)})

    def prompts(self, system: SystemSpec, task: str) -> list[Ask]:
        """The held-out requests of a system."""
        return self._asks(system, task)

    def _asks(self, system: SystemSpec, task: str) -> list[Ask]:
        """The held-out requests, kept: each stage and latency need them."""
        from evalgate.systems.prompt import constrained, prepare
        from evalgate.systems.retrieval import index_name, shots_name

        key = (digest_of(system), task)
        if key not in self._prepared:
            found = self._plan.suite.tasks[task]
            if system.predictions:
                from evalgate.backends.recorded import recorded_asks

                sampling = constrained(Sampling(constraint=found.spec.constraint or "none"), found)
                self._prepared[key] = recorded_asks(system.predictions[task], self._plan.heldout(task), sampling)
                return self._prepared[key]
            retriever = self._plan.retrievers.get(index_name(task, system.prompts[task]))
            finder = self._plan.retrievers.get(shots_name(task, system.prompts[task]))
            self._prepared[key] = prepare(system, found, self._plan.heldout(task), retriever, finder)
        return self._prepared[key]

    def _score(self, system: str, task: Task, predictions: Iterable[Prediction]) -> list[Waiting]:
        """Score every answer; gives what models must be asked about first, which is not timed as answering."""
        path, examples = self._folder.scores(system, task.spec.name), self._plan.heldout(task.spec.name)
        done = {(s.example_id, s.metric) for s in read_keys(path, Score, self._plan.seal)}
        waiting = self._referee.waiting(system, task)
        with Appender(path, self._plan.seal) as file:
            if waiting:
                predictions = set_aside(waiting, predictions, examples, task, done=done, file=file)
            self._scorer.score(task, examples, predictions, done=done, file=file)
        return waiting

    def _make_judges(self) -> Judges:
        def remember(backend: LocalBackend) -> Generates:
            return backend if self._kept is None else Remembering(backend, self._kept)

        own = Opened(self._answers, self._backend, self._plan.files.digest)
        suite, files = self._plan.suite, self._plan.judges
        return Judges(suite, self._folder, own, files, remember, self._progress, self._plan.seal)

    def calibrate_judges(self) -> None:
        """Hold judges to people's judgements before anything is judged. Raises `judge-disagrees`."""
        self._referee.calibrate()

    def close(self) -> None:
        """Free the models that were opened to judge."""
        self._referee.close()

    def test_capability(self, system: str, *, adapter: str | None) -> None:
        """Ask the capability tasks of the base or of a candidate."""
        if self._harness is not None:
            path = self._folder.scores(system, CAPABILITY)
            with self._timed(system, CAPABILITY, path):
                self._harness.measure(
                    self._backend,
                    adapter=adapter,
                    system=system,
                    path=path,
                    progress=self._progress,
                    seal=self._plan.seal,
                    cache=self._kept,
                )
        spec = self._plan.suite.spec.capability
        if adapter is not None and spec is not None and spec.drift:
            from evalgate.capability.drift import measure_drift

            text = Path(self._plan.suite.folder) / spec.drift
            measure_drift(self._backend, adapter, text, self._folder.drift(system), system, self._progress)

    def measure(self, candidates: Sequence[SystemSpec]) -> None:
        """Ask the candidates stage by stage; under the run's early stop, one that has failed is asked no further."""
        left = {system.name: system for system in candidates}
        for stage, tasks in self._stages().items():
            self._outline(left)
            for system in left.values():
                for task in tasks:
                    if task == CAPABILITY:
                        self.test_capability(system.name, adapter=system.name)
                    else:
                        self._answer(system, task, adapter=system.name, half=stage == "half")
            left = self._left(left, stage)
        self.time_candidates([left[name] for name in self._plan.run.candidates if name in left])  # of seeds the first
        self._tell_known()

    def _outline(self, left: Collection[str]) -> None:
        n_questions = self._harness.n_items if self._harness is not None else 0
        others = trained_systems(self._plan.run).keys() - left
        outline(self._progress, planned_answers(self._plan, n_questions, others))

    def _tell_known(self) -> None:
        if isinstance(self._answers, Remembering) and (n := self._answers.n_known):
            of = n + self._answers.n_asked
            self._progress.note(f"{n:,} of {of:,} answers were known from {self._plan.cache} (--no-cache asks again)")

    def _stages(self) -> dict[Stage, list[str]]:
        """What is asked in each stage but the last; in the harm stage the cheapest first, by what baselines took.

        Measured seconds choose the order only, never what is measured: they differ from run to run.
        """
        from evalgate.execution.costs import cheapest_first

        suite, early = self._plan.suite, self._plan.run.early_stop
        winning = winning_tasks(suite.spec.gates)
        first = [name for name in suite.tasks if name in winning]
        rest = [name for name in suite.tasks if name not in winning]
        sizes = {name: len(self._plan.heldout(name)) for name in rest}
        if self._harness is not None:
            rest, sizes = [*rest, CAPABILITY], sizes | {CAPABILITY: self._harness.n_items}
        systems = {BASE, *self._plan.run.baselines}
        rest = cheapest_first(rest, read_lines(self._folder.costs, Cost), systems=systems, sizes=sizes)
        if not first:  # answers come first: they show whether an adapter was trained anew (`forget_others`)
            rest.sort(key=lambda name: name == CAPABILITY)
        half: dict[Stage, list[str]] = {"half": first} if early is not None and early.futility else {}
        return {**half, "gain": first, "harm": rest}

    def _left(self, systems: dict[str, SystemSpec], after: Stage) -> dict[str, SystemSpec]:
        early = self._plan.run.early_stop
        if early is None or not systems or (early.after_failure == "measure" and after != "half"):
            return systems
        candidates = still_in(load_run(self._folder.folder, self._plan.seal), after)
        names = {name for name, candidate in trained_systems(self._plan.run).items() if candidate in candidates}
        for name in sorted(systems.keys() - names):
            where = "at half of the held-out set" if after == "half" else "a required gate"
            self._progress.note(f"{name} has failed {where}: it is measured no further")
        return {name: system for name, system in systems.items() if name in names}

    def time_candidates(self, candidates: Sequence[SystemSpec]) -> None:
        """Time candidates against the best baseline of each task, in interleaved rounds."""
        from evalgate.execution.local import contests_of, measure_latency
        from evalgate.execution.merged import time_merged

        spec = self._plan.suite.spec.latency
        if spec is None or not candidates or not self._plan.baselines:
            return
        data = load_run(self._folder.folder, self._plan.seal)
        best = choose_best(data, score_table(data, metrics_of(data)))
        asks = {system.name: {task: self._asks(system, task) for task in best} for system in candidates}
        ours = {task: (name, self._asks(self._plan.run.systems[name], task)) for task, name in best.items()}
        with getattr(self._backend, "together", nullcontext)([*asks]):
            measure_latency(
                contests_of(ours, asks),
                n_pairs=spec.n_pairs,
                n_warmup=spec.n_warmup,
                n_repeats=spec.n_repeats,
                seed=self._plan.seed,
                backend=self._backend,
                paths={system.name: self._folder.latency(system.name) for system in candidates},
                progress=self._progress,
                seal=self._plan.seal,
            )
        if spec.merged:
            merged = [recipe.name for recipe in self._plan.recipes if recipe.merge]
            time_merged(
                asks, merged, spec, folder=self._folder, backend=self._backend, seed=self._plan.seed,
                progress=self._progress,
            )  # fmt: skip
