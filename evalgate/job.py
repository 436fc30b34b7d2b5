"""One run at work: what the main path's steps do, each going on where a killed run stopped."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from evalgate.core.data import Recipe, Split, SystemSpec, Task
from evalgate.core.protocols import Ask, Progress
from evalgate.core.results import Prediction, Score
from evalgate.judging import choose_best, metrics_of, score_table
from evalgate.planning import Plan, bound, candidate_draft, task_metrics
from evalgate.store import CAPABILITY, Appender, RunFolder, load_run, read_lines, write_record

if TYPE_CHECKING:
    from evalgate.execution.local import Contest
    from evalgate.training.data import TrainRow


class Job:
    """One run at work: the plan, the open model, and the folder that everything is written to."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self.plan, self.progress = plan, progress
        self.folder = RunFolder(Path(plan.folder))
        self.systems: dict[str, SystemSpec] = {s.name: s for s in plan.baselines}

    def start(self, *, resume: bool) -> None:
        """Write the run's identity and the examples that are asked, then open the model and the capability tasks."""
        from evalgate.backends.hf import HFBackend
        from evalgate.capability.harness import Harness

        if not resume:
            self.folder.clear()
        write_record(self.folder.run_file, self.plan.run)
        for name in self.plan.suite.tasks:
            self.folder.write_examples(name, self.plan.heldout(name))
        self.backend = HFBackend(self.plan.binding.model, self.plan.files)
        spec = self.plan.suite.spec.capability
        if spec is not None and self.plan.limit is not None:
            spec = msgspec.structs.replace(spec, limit=self.plan.limit)
        self.harness = Harness(spec, Path(self.plan.suite.folder)) if spec else None
        if self.harness is not None:
            self.folder.write_examples(CAPABILITY, self.harness.examples())

    def answer(self, system: SystemSpec, *, adapter: str | None) -> None:
        """Let one system answer the held-out examples of its tasks; score every answer as it comes."""
        from evalgate.execution.local import predict

        for name in system.prompts:
            path = self.folder.predictions(system.name, name)
            asks = self._asks(system, name, "heldout")
            self.folder.forget_others(system.name, name, {ask.digest for ask in asks})
            answers = predict(
                asks,
                system=system.name,
                task=name,
                adapter=adapter,
                backend=self.backend,
                path=path,
                progress=self.progress,
            )
            self._score(system.name, self.plan.suite.tasks[name], answers)

    def _asks(self, system: SystemSpec, task: str, split: Split) -> list[Ask]:
        from evalgate.systems.prompt import prepare

        found = self.plan.suite.tasks[task]
        examples = self.plan.heldout(task) if split == "heldout" else found.splits.get(split, ())
        return prepare(system, found, examples, self.plan.retrievers.get(task))

    def _score(self, system: str, task: Task, predictions: Iterable[Prediction]) -> None:
        metrics, by_id = task_metrics(task), {e.id: e for e in self.plan.heldout(task.spec.name)}
        path = self.folder.scores(system, task.spec.name)
        done = {(s.example_id, s.metric) for s in read_lines(path, Score)}
        with Appender(path) as file:
            for prediction in predictions:
                missing = [m for m in metrics if (prediction.example_id, m.spec.name) not in done]
                file.write([m.score(by_id[prediction.example_id], prediction, task) for m in missing])

    def test_capability(self, system: str, *, adapter: str | None) -> None:
        """Ask the capability tasks of the base or of a candidate."""
        if self.harness is not None:
            path = self.folder.scores(system, CAPABILITY)
            self.harness.measure(self.backend, adapter=adapter, system=system, path=path, progress=self.progress)

    def train(self, recipe: Recipe) -> SystemSpec:
        """Train a candidate unless its adapter is there; returns the system that the adapter is part of."""
        from evalgate.training.trainer import train

        plan, folder = self.plan, self.folder.adapter(recipe.name)
        untrained = plan.run.systems[recipe.name]
        card = train(
            recipe,
            self._rows(untrained, "train"),
            self._rows(untrained, "dev"),
            model_path=plan.files.path,
            revision=plan.files.revision,
            base_digest=plan.files.digest,
            folder=folder,
            progress=self.progress,
        )
        self.backend.add_adapter(recipe.name, str(folder))
        system = bound(candidate_draft(recipe), plan.binding, card.adapter_digest)
        self.systems[recipe.name] = system
        write_record(self.folder.run_file, msgspec.structs.replace(plan.run, systems=plan.run.systems | self.systems))
        return system

    def _rows(self, system: SystemSpec, split: Split) -> list[TrainRow]:
        """A split as the system would be asked it, with the answers to learn; tasks without references give none."""
        from evalgate.systems.prompt import answer_of
        from evalgate.training.data import TrainRow

        rows = []
        for name in system.prompts:
            examples = {e.id: e for e in self.plan.suite.tasks[name].splits.get(split, ())}
            for ask in self._asks(system, name, split):
                if completion := answer_of(examples[ask.example_id]):
                    messages = ask.request.messages
                    rows.append(TrainRow(id=ask.example_id, task=name, messages=messages, completion=completion))
        return rows

    def time_candidates(self) -> None:
        """Time each candidate against the best baseline of each task, in interleaved pairs."""
        from evalgate.execution.local import measure_latency

        spec = self.plan.suite.spec.latency
        if spec is None or not self.plan.recipes:
            return
        data = load_run(self.folder.folder)
        best = choose_best(data, score_table(data, metrics_of(data)))
        for recipe in self.plan.recipes:
            measure_latency(
                self._contests(recipe.name, best),
                n_pairs=spec.n_pairs,
                n_warmup=spec.n_warmup,
                seed=self.plan.seed,
                backend=self.backend,
                path=self.folder.latency(recipe.name),
                progress=self.progress,
            )

    def _contests(self, candidate: str, best: dict[str, str]) -> list[Contest]:
        from evalgate.execution.local import Contest

        contests = []
        for task, baseline in best.items():
            pairs = zip(
                self._asks(self.systems[baseline], task, "heldout"),
                self._asks(self.systems[candidate], task, "heldout"),
                strict=True,
            )
            contests += [
                Contest(
                    task=task,
                    baseline=baseline,
                    candidate=candidate,
                    baseline_ask=ours,
                    candidate_ask=theirs,
                    candidate_adapter=candidate,
                )
                for ours, theirs in pairs
            ]
        return contests
