"""One run at work: what the main path's steps do, each going on where a killed run stopped."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from evalgate.core.content import content_digest, text_of
from evalgate.core.data import Recipe, Split, SystemSpec, Task
from evalgate.core.errors import UsageError
from evalgate.core.protocols import Ask, LocalBackend, Progress
from evalgate.core.record import digest_of
from evalgate.core.results import AdapterProbe, Cost, Prediction, Run, Score, TrainedRow
from evalgate.gates.stages import Stage, winning_tasks
from evalgate.judging import choose_best, metrics_of, score_table, still_in
from evalgate.planning import Plan, bound, candidate_draft, refuse_impossible, task_metrics
from evalgate.store import (
    BASE,
    CAPABILITY,
    Appender,
    RunFolder,
    load_run,
    read_lines,
    read_record,
    write_lines,
    write_record,
)
from evalgate.suite.order import first_half, frozen_order

if TYPE_CHECKING:
    from evalgate.execution.local import Contest
    from evalgate.training.data import TrainRow


# Read by libraries when they are first imported. A short spin keeps OpenMP's threads from fighting where cores are
# shared; none at all (OMP_WAIT_POLICY=PASSIVE) makes training on idle cores 1.3 times slower (docs/log.md).
ENVIRONMENT = {"GOMP_SPINCOUNT": "20000", "TQDM_DISABLE": "1", "TOKENIZERS_PARALLELISM": "false"}


def settle_environment() -> None:
    """Set what libraries read from the environment, unless the user has; before torch and tqdm are imported."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def give_back_memory() -> None:
    """Hand what a finished stage left behind back to the system: glibc keeps it, and the next stage adds its own.

    A whole run kept 1 GB that way (docs/log.md). A C library without `malloc_trim` changes nothing.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


# Answers whose likelihood is asked with and without an adapter: one is enough to see that it is active.
N_PROBES = 4
OTHER_FIX = "give this run another folder with `-o FOLDER`, or start over here with `--no-resume`"


class Job:
    """One run at work: the plan, the open model, and the folder that everything is written to.

    A caller may bring its own backend; otherwise the base model is opened with transformers.
    """

    def __init__(self, plan: Plan, progress: Progress, backend: LocalBackend | None = None) -> None:
        self.plan, self.progress, self._given = plan, progress, backend
        self.folder = RunFolder(Path(plan.folder))
        self.systems: dict[str, SystemSpec] = {s.name: s for s in plan.baselines}
        self._prepared: dict[tuple[str, str], list[Ask]] = {}

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
        write_record(self.folder.run_file, self.run)
        for name in self.plan.suite.tasks:
            self.folder.write_examples(name, self.plan.heldout(name))
        spec = self.plan.suite.spec.capability
        if spec is not None and self.plan.limit is not None:
            spec = msgspec.structs.replace(spec, limit=self.plan.limit)
        self.harness = Harness(spec, Path(self.plan.suite.folder)) if spec else None
        if self.harness is not None:
            examples = self.harness.examples()
            if self.plan.limit is None:
                n_candidates = len(self.plan.run.candidates)
                refuse_impossible(self.plan.suite, n_candidates, n_capability=len(examples))
            self.folder.write_examples(CAPABILITY, examples)

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

    def answer(self, system: SystemSpec, *, adapter: str | None = None) -> None:
        """Let one system answer all held-out examples of its tasks."""
        for name in system.prompts:
            self._answer(system, name, adapter=adapter)

    def _answer(self, system: SystemSpec, name: str, *, adapter: str | None, half: bool = False) -> None:
        """Let one system answer a task's held-out examples in their frozen order; score every answer as it comes."""
        from evalgate.execution.local import predict

        path = self.folder.predictions(system.name, name)
        asks = {ask.example_id: ask for ask in self._asks(system, name, "heldout")}
        self.folder.forget_others(system.name, name, {ask.digest for ask in asks.values()})
        choose = first_half if half else frozen_order
        answers = predict(
            [asks[i] for i in choose(asks, task=name, data_digest=self.plan.suite.data_digest)],
            system=system.name,
            task=name,
            adapter=adapter,
            backend=self.backend,
            path=path,
            progress=self.progress,
        )
        with self._timed(system.name, name, path):
            self._score(system.name, self.plan.suite.tasks[name], answers)
            give_back_memory()

    def _timed(self, system: str, task: str, recorded: Path) -> AbstractContextManager[None]:
        from evalgate.execution.costs import timed

        return timed(self.folder.costs, system=system, task=task, recorded=recorded)

    def _asks(self, system: SystemSpec, task: str, split: Split) -> list[Ask]:
        from evalgate.systems.prompt import prepare

        found, retriever = self.plan.suite.tasks[task], self.plan.retrievers.get(task)
        if split != "heldout":
            return prepare(system, found, found.splits.get(split, ()), retriever)
        key = (digest_of(system), task)  # these are needed for each stage and for latency
        if key not in self._prepared:
            self._prepared[key] = prepare(system, found, self.plan.heldout(task), retriever)
        return self._prepared[key]

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
            with self._timed(system, CAPABILITY, path):
                self.harness.measure(self.backend, adapter=adapter, system=system, path=path, progress=self.progress)

    def train(self, recipe: Recipe) -> SystemSpec:
        """Train a candidate unless its adapter is there; returns the system that the adapter is part of."""
        from evalgate.training.trainer import train

        plan, folder = self.plan, self.folder.adapter(recipe.name)
        untrained = plan.run.systems[recipe.name]
        rows = self._rows(untrained, "train")
        card = train(
            recipe,
            rows,
            self._rows(untrained, "dev"),
            model_path=plan.files.path,
            revision=plan.files.revision,
            base_digest=plan.files.digest,
            folder=folder,
            progress=self.progress,
        )
        give_back_memory()
        self.backend.add_adapter(recipe.name, str(folder))
        self._remember(recipe, card.adapter_digest, rows)
        system = bound(candidate_draft(recipe), plan.binding, card.adapter_digest)
        self.systems[recipe.name] = system
        write_record(self.folder.run_file, msgspec.structs.replace(self.run, systems=self.run.systems | self.systems))
        for name in system.prompts:  # before anything is judged: answers of an adapter that was trained anew are stale
            asks = self._asks(system, name, "heldout")
            self.folder.forget_others(system.name, name, {ask.digest for ask in asks})
        return system

    def _remember(self, recipe: Recipe, adapter_digest: str, rows: list[TrainRow]) -> None:
        """Record what the adapter was trained on and what it changes, so that a recording shows a leak or a no-op."""
        from evalgate.training.replay import with_replay

        asked = {(name, e.id): text_of(e) for name, task in self.plan.suite.tasks.items()
                 for e in task.splits.get("train", ())}  # fmt: skip
        trained = [
            TrainedRow(
                id=row.id,
                task=row.task,
                content_digest=content_digest(asked.get((row.task, row.id), row.messages[-1].content)),
            )
            for row in with_replay(recipe, rows)
        ]
        write_lines(self.folder.trained(recipe.name), trained)
        pairs = [(row.messages[-1].content, row.completion) for row in rows[:N_PROBES]]
        base, tuned = (tuple(self.backend.loglikelihood(pairs, adapter=name)) for name in (None, recipe.name))
        probe = AdapterProbe(adapter_digest=adapter_digest, base=base, tuned=tuned)
        write_record(self.folder.probe(recipe.name), probe)

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
        self.time_candidates([name for name in self.run.candidates if name in left])  # of seeds the one that may ship

    def _stages(self) -> dict[Stage, list[str]]:
        """What is asked in each stage but the last; in the harm stage the cheapest first, by what baselines took.

        Measured seconds choose the order only, never what is measured: they differ from run to run.
        """
        from evalgate.execution.costs import cheapest_first

        suite, early = self.plan.suite, self.run.early_stop
        winning = winning_tasks(suite.spec.gates)
        first = [name for name in suite.tasks if name in winning]
        rest = [name for name in suite.tasks if name not in winning]
        sizes = {name: len(self.plan.heldout(name)) for name in rest}
        if self.harness is not None:
            rest, sizes = [*rest, CAPABILITY], sizes | {CAPABILITY: self.harness.n_items}
        systems = {BASE, *self.plan.run.baselines}
        rest = cheapest_first(rest, read_lines(self.folder.costs, Cost), systems=systems, sizes=sizes)
        if not first:  # answers come first: they show whether an adapter was trained anew (`forget_others`)
            rest.sort(key=lambda name: name == CAPABILITY)
        half: dict[Stage, list[str]] = {"half": first} if early is not None and early.futility else {}
        return {**half, "gain": first, "harm": rest}

    def _left(self, systems: dict[str, SystemSpec], after: Stage) -> dict[str, SystemSpec]:
        early = self.run.early_stop
        if early is None or not systems or (early.after_failure == "measure" and after != "half"):
            return systems
        candidates, seeds = still_in(load_run(self.folder.folder), after), self.run.seeds
        names = {seed for name in candidates for seed in seeds.get(name, (name,))}
        for name in sorted(systems.keys() - names):
            where = "at half of the held-out set" if after == "half" else "a required gate"
            self.progress.note(f"{name} has failed {where}: it is measured no further")
        return {name: system for name, system in systems.items() if name in names}

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

    def time_candidates(self, names: list[str]) -> None:
        """Time candidates against the best baseline of each task, in interleaved rounds."""
        from evalgate.execution.local import measure_latency

        spec = self.plan.suite.spec.latency
        if spec is None or not names:
            return
        data = load_run(self.folder.folder)
        best = choose_best(data, score_table(data, metrics_of(data)))
        measure_latency(
            [contest for task, baseline in best.items() for contest in self._contests(task, baseline, names)],
            n_pairs=spec.n_pairs,
            n_warmup=spec.n_warmup,
            seed=self.plan.seed,
            backend=self.backend,
            paths={name: self.folder.latency(name) for name in names},
            progress=self.progress,
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
