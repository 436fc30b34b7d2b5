"""Asking systems the held-out set, stage by stage: each answer and score is written as it comes, once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from evalgate.cache.answers import Remembering
from evalgate.cache.records import Cache
from evalgate.core.data import Sampling, SystemSpec, Task
from evalgate.core.protocols import Ask, Generates, JudgedMetric, LocalBackend, Progress
from evalgate.core.record import digest_of
from evalgate.core.results import Prediction, Score
from evalgate.core.serving import Cost
from evalgate.execution.process import give_back_memory
from evalgate.files import Appender, read_keys, read_lines
from evalgate.gates.stages import Stage, winning_tasks
from evalgate.judged.work import Judges, Opened
from evalgate.judging import choose_best, metrics_of, score_table, still_in
from evalgate.planning import Plan, task_metrics
from evalgate.store import BASE, CAPABILITY, RunFolder, load_run
from evalgate.suite.order import first_half, frozen_order
from evalgate.validity import trained_systems

if TYPE_CHECKING:
    from evalgate.capability.harness import Harness
    from evalgate.execution.local import Contest


# A metric that a model is asked for, and the answers that have no score of it yet.
Unjudged = tuple[JudgedMetric, list[Prediction]]


class Asking:
    """What a run asks its systems; everything goes to its folder."""

    def __init__(
        self, plan: Plan, folder: RunFolder, backend: LocalBackend, harness: Harness | None, progress: Progress
    ) -> None:
        self._plan, self._folder, self._progress = plan, folder, progress
        self._backend, self._harness = backend, harness
        self._answers: Generates = backend  # of examples only: what is timed or probed is never remembered
        self._kept = None if plan.cache is None else Cache(plan.cache, progress.note)
        if self._kept is not None:
            self._answers = Remembering(backend, self._kept)
        self._judges = self._make_judges()
        self._best: dict[str, str] = {}
        self._prepared: dict[tuple[str, str], list[Ask]] = {}

    def answer(self, system: SystemSpec, *, adapter: str | None = None) -> None:
        """Let one system answer all held-out examples of its tasks."""
        for name in system.tasks:
            self._answer(system, name, adapter=adapter)

    def _answer(self, system: SystemSpec, name: str, *, adapter: str | None, half: bool = False) -> None:
        """Let one system answer a task's held-out examples in their frozen order; score every answer as it comes."""
        from evalgate.execution.local import predict

        path = self._folder.predictions(system.name, name)
        asks = {ask.example_id: ask for ask in self._asks(system, name)}
        self._folder.forget_others(system.name, name, {ask.digest for ask in asks.values()})
        task = self._plan.suite.tasks[name]
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
            unjudged = self._score(system.name, task, answers)
            give_back_memory()
        for metric, predictions in unjudged:
            self._judge(system, task, metric, predictions, [asks[p.example_id] for p in predictions], adapter)

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

    def _score(self, system: str, task: Task, predictions: Iterable[Prediction]) -> list[Unjudged]:
        """Score every answer as it comes; gives what models must be asked about first, which is not timed as answering.

        An answer that is not there needs no judge.
        """
        made, by_id = task_metrics(task), {e.id: e for e in self._plan.heldout(task.spec.name)}
        wins = "preference" if system in self._plan.run.baselines else ""  # baselines are compared with, not judged
        metrics = [m for m in made if not wins or getattr(m, "asks", "") != wins]
        left: dict[str, Unjudged] = {
            m.spec.name: (cast("JudgedMetric", m), []) for m in metrics if getattr(m, "asks", "")
        }
        path = self._folder.scores(system, task.spec.name)
        done = {(s.example_id, s.metric) for s in read_keys(path, Score, self._plan.seal)}
        with Appender(path, self._plan.seal) as file:
            for prediction in predictions:
                missing = [m for m in metrics if (prediction.example_id, m.spec.name) not in done]
                for metric in missing:
                    if metric.spec.name in left and prediction.output is not None:
                        left[metric.spec.name][1].append(prediction)
                missing = [m for m in missing if prediction.output is None or m.spec.name not in left]
                file.write([m.score(by_id[prediction.example_id], prediction, task) for m in missing])
        return [*left.values()]

    def _judge(
        self,
        system: SystemSpec,
        task: Task,
        metric: JudgedMetric,
        predictions: list[Prediction],
        asks: list[Ask],
        adapter: str | None,
    ) -> None:
        """Ask a model about answers that have no score yet, and score each by what it says."""
        name, by_id = task.spec.name, {e.id: e for e in self._plan.heldout(task.spec.name)}
        if metric.asks == "openings":
            said = self._judges.openings(system.name, task, metric, asks, adapter)
        else:
            others = self._opponents(name) if metric.asks == "preference" and predictions else {}
            said = self._judges.judge(system.name, task, metric, predictions, others)
        answers = {p.example_id: p for p in predictions}
        with Appender(self._folder.scores(system.name, name), self._plan.seal) as file:
            for judgement in said:
                example_id = judgement.example_id
                file.write([metric.judged(by_id[example_id], answers[example_id], judgement)])

    def _opponents(self, task: str) -> dict[str, Prediction]:
        """The answers of the best baseline on a task, by example."""
        if not self._best:
            data = load_run(self._folder.folder, self._plan.seal)
            self._best = choose_best(data, score_table(data, metrics_of(data)))
        if task not in self._best:
            return {}
        path = self._folder.predictions(self._best[task], task)
        return {p.example_id: p for p in read_lines(path, Prediction, self._plan.seal)}

    def _make_judges(self) -> Judges:
        def remember(backend: LocalBackend) -> Generates:
            return backend if self._kept is None else Remembering(backend, self._kept)

        own = Opened(self._answers, self._backend, self._plan.files.digest)
        suite, files = self._plan.suite, self._plan.judges
        return Judges(suite, self._folder, own, files, remember, self._progress, self._plan.seal)

    def calibrate_judges(self) -> None:
        """Hold judges to people's judgements before anything is judged. Raises `judge-disagrees`."""
        self._judges.calibrate(gating=bool(self._plan.run.candidates))

    def close(self) -> None:
        """Free the models that were opened to judge."""
        self._judges.close()

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
            for system in left.values():
                for task in tasks:
                    if task == CAPABILITY:
                        self.test_capability(system.name, adapter=system.name)
                    else:
                        self._answer(system, task, adapter=system.name, half=stage == "half")
            left = self._left(left, stage)
        self.time_candidates([left[name] for name in self._plan.run.candidates if name in left])  # of seeds the first
        self._tell_known()

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
        from evalgate.execution.local import measure_latency

        spec = self._plan.suite.spec.latency
        if spec is None or not candidates or not self._plan.baselines:
            return
        data = load_run(self._folder.folder, self._plan.seal)
        best = choose_best(data, score_table(data, metrics_of(data)))
        measure_latency(
            [contest for task, baseline in best.items() for contest in self._contests(task, baseline, candidates)],
            n_pairs=spec.n_pairs,
            n_warmup=spec.n_warmup,
            n_repeats=spec.n_repeats,
            seed=self._plan.seed,
            backend=self._backend,
            paths={system.name: self._folder.latency(system.name) for system in candidates},
            progress=self._progress,
            seal=self._plan.seal,
        )

    def _contests(self, task: str, baseline: str, candidates: Sequence[SystemSpec]) -> list[Contest]:
        from evalgate.execution.local import Contest

        asks = {system.name: self._asks(system, task) for system in candidates}
        ours = self._asks(self._plan.run.systems[baseline], task)
        return [
            Contest(
                task=task,
                baseline=baseline,
                baseline_ask=ask,
                candidate_asks={name: theirs[i] for name, theirs in asks.items()},
            )
            for i, ask in enumerate(ours)
        ]
