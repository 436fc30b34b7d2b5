"""One run at work: what the main path's steps do, each going on where a killed run stopped."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from evalgate.core.data import Recipe, Split, SystemSpec, Task
from evalgate.core.errors import UsageError
from evalgate.core.protocols import Ask, LocalBackend, Progress
from evalgate.core.results import Prediction, Run, Score
from evalgate.judging import choose_best, metrics_of, score_table
from evalgate.looks import training_rows
from evalgate.planning import Plan, bound, candidate_draft, task_metrics
from evalgate.sealing import IDENTITY_FILE
from evalgate.store import CAPABILITY, Appender, RunFolder, load_run, read_keys, read_record, write_record
from evalgate.suite.ledger import lost_look, open_ledger, take

if TYPE_CHECKING:
    from evalgate.execution.local import Contest


# Read by libraries when they are first imported. A short spin keeps OpenMP's threads from fighting where cores are
# shared; none at all (OMP_WAIT_POLICY=PASSIVE) makes training on idle cores 1.3 times slower (docs/log.md).
ENVIRONMENT = {"GOMP_SPINCOUNT": "20000", "TQDM_DISABLE": "1", "TOKENIZERS_PARALLELISM": "false"}


def settle_environment() -> None:
    """Set what libraries read from the environment, unless the user has; before torch and tqdm are imported."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


OTHER_FIX = "give this run another folder with `-o FOLDER`, or start over here with `--no-resume`"


class Job:
    """One run at work: the plan, the open model, and the folder that everything is written to.

    A caller may bring its own backend; otherwise the base model is opened with transformers.
    """

    def __init__(self, plan: Plan, progress: Progress, backend: LocalBackend | None = None) -> None:
        self.plan, self.progress, self._given = plan, progress, backend
        self.folder = RunFolder(Path(plan.folder), plan.seal)
        self.systems: dict[str, SystemSpec] = {s.name: s for s in plan.baselines}

    def start(self, *, resume: bool) -> None:
        """Write the run's identity and the examples that are asked, then open the model and the capability tasks."""
        from evalgate.backends.hf import HFBackend
        from evalgate.capability.harness import Harness

        recorded = self._recorded() if resume else None
        if not resume:
            self.folder.clear()
        self.backend: LocalBackend = self._given or HFBackend(self.plan.binding.model, self.plan.files)
        self.run = msgspec.structs.replace(self.plan.run, serving=self.backend.identity)
        if recorded is not None:
            self._refuse_other_serving(recorded)
            self._keep_look(recorded)
            self._warn_of_seal()
        write_record(self.folder.run_file, self.run)
        for name in self.plan.suite.tasks:
            self.folder.write_examples(name, self.plan.heldout(name))
        spec = self.plan.suite.spec.capability
        if spec is not None and self.plan.limit is not None:
            spec = msgspec.structs.replace(spec, limit=self.plan.limit)
        self.harness = Harness(spec, Path(self.plan.suite.folder)) if spec else None
        if self.harness is not None:
            self.folder.write_examples(CAPABILITY, self.harness.examples())

    def _recorded(self) -> Run | None:
        """The run that this folder holds; another one (other model, other data) must not be taken for this one."""
        path = self.folder.run_file
        if not path.exists():
            return None
        other = read_record(path, Run, fix=OTHER_FIX)
        if other.id != self.plan.run.id:
            raise UsageError(
                f"the folder holds another run: {other.id}, not {self.plan.run.id}; "
                "the data, model, systems, recipes, seed or limit differ",
                code="other-run",
                fix=OTHER_FIX,
                where=str(path),
            )
        return other

    def _refuse_other_serving(self, recorded: Run) -> None:
        """Answers given in another precision or on another device are not the same system's."""
        names = ("backend", "dtype", "quantization", "device")
        was, now = ({k: v for k, v in r.serving.items() if k in names} for r in (recorded, self.run))
        if was and was != now:
            changed = [f"{k} {was.get(k)}, now {now.get(k)}" for k in names if was.get(k) != now.get(k)]
            raise UsageError(
                f"the folder's answers were given under other conditions: {'; '.join(changed)}",
                code="other-serving",
                fix=OTHER_FIX,
                where=str(self.folder.run_file),
            )

    def _keep_look(self, recorded: Run) -> None:
        """The look that this folder has taken; a ledger that lacks it has lost its end."""
        if self.plan.claim is not None and recorded.look is not None:
            ledger = open_ledger(Path(self.plan.suite.folder))
            if recorded.look.entry not in ledger.entries:
                raise lost_look(Path(self.plan.suite.folder), recorded.look.number)
            self.run = msgspec.structs.replace(self.run, look=ledger.taken.get(self.plan.claim.key))

    def _warn_of_seal(self) -> None:
        """Say before anything is asked that the end of a resumed run needs the owner's key."""
        if self.plan.seal is not None and not self.plan.seal.opens and (self.folder.folder / "scores").exists():
            self.progress.note(
                "this run was begun by another process, and what that scored is sealed: answers are completed now, but "
                f"timing and judging will ask for the owner's key ({IDENTITY_FILE})"
            )

    def answer(self, system: SystemSpec, *, adapter: str | None) -> None:
        """Let one system answer the held-out examples of its tasks; score every answer as it comes."""
        from evalgate.execution.local import predict

        for name in system.prompts:
            path = self.folder.predictions(system.name, name)
            asks = self._asks(system, name, "heldout")
            self.folder.forget_others(system.name, name, {ask.digest for ask in asks})
            metrics = {metric.spec.name for metric in task_metrics(self.plan.suite.tasks[name])}
            self.folder.forget_unscored(system.name, name, metrics)
            answers = predict(
                asks,
                system=system.name,
                task=name,
                adapter=adapter,
                backend=self.backend,
                path=path,
                progress=self.progress,
                seal=self.plan.seal,
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
        done = {(s.example_id, s.metric) for s in read_keys(path, Score, self.plan.seal)}
        with Appender(path, self.plan.seal) as file:
            for prediction in predictions:
                missing = [m for m in metrics if (prediction.example_id, m.spec.name) not in done]
                file.write([m.score(by_id[prediction.example_id], prediction, task) for m in missing])

    def test_capability(self, system: str, *, adapter: str | None) -> None:
        """Ask the capability tasks of the base or of a candidate."""
        if self.harness is not None:
            path = self.folder.scores(system, CAPABILITY)
            self.harness.measure(
                self.backend, adapter=adapter, system=system, path=path, progress=self.progress, seal=self.plan.seal
            )

    def train(self, recipe: Recipe) -> SystemSpec:
        """Train a candidate unless its adapter is there; returns the system that the adapter is part of."""
        from evalgate.training.trainer import train

        plan, folder = self.plan, self.folder.adapter(recipe.name)
        untrained = plan.run.systems[recipe.name]
        card = train(
            recipe,
            training_rows(untrained, plan.suite, "train", plan.retrievers),
            training_rows(untrained, plan.suite, "dev", plan.retrievers),
            model_path=plan.files.path,
            revision=plan.files.revision,
            base_digest=plan.files.digest,
            folder=folder,
            progress=self.progress,
        )
        self.backend.add_adapter(recipe.name, str(folder))
        system = bound(candidate_draft(recipe), plan.binding, card.adapter_digest)
        self.systems[recipe.name] = system
        write_record(self.folder.run_file, msgspec.structs.replace(self.run, systems=self.run.systems | self.systems))
        return system

    def take_look(self) -> None:
        """Count this look in the suite's ledger before a candidate sees the held-out set; the same one counts once."""
        if self.plan.claim is not None:
            self.run = msgspec.structs.replace(self.run, look=take(Path(self.plan.suite.folder), self.plan.claim))
            write_record(
                self.folder.run_file, msgspec.structs.replace(self.run, systems=self.run.systems | self.systems)
            )

    def time_candidates(self) -> None:
        """Time all candidates against the best baseline of each task, in interleaved rounds."""
        from evalgate.execution.local import measure_latency

        spec = self.plan.suite.spec.latency
        names = [recipe.name for recipe in self.plan.recipes]
        if spec is None or not names:
            return
        data = load_run(self.folder.folder, self.plan.seal)
        best = choose_best(data, score_table(data, metrics_of(data)))
        measure_latency(
            [contest for task, baseline in best.items() for contest in self._contests(task, baseline, names)],
            n_pairs=spec.n_pairs,
            n_warmup=spec.n_warmup,
            seed=self.plan.seed,
            backend=self.backend,
            paths={name: self.folder.latency(name) for name in names},
            progress=self.progress,
            seal=self.plan.seal,
        )

    def _contests(self, task: str, baseline: str, names: list[str]) -> list[Contest]:
        from evalgate.execution.local import Contest

        asks = {name: self._asks(self.systems[name], task, "heldout") for name in names}
        ours = self._asks(self.systems[baseline], task, "heldout")
        return [
            Contest(
                task=task,
                baseline=baseline,
                baseline_ask=ask,
                candidate_asks={name: theirs[i] for name, theirs in asks.items()},
            )
            for i, ask in enumerate(ours)
        ]
