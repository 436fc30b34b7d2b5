"""What a model in training is asked at its checkpoints: dev examples as its system will ask them, and general text.

Nothing here can see the held-out set: the tasks come without it (`searching.dev_only`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from evalgate import plugins
from evalgate.backends.model_files import ModelFiles
from evalgate.core.data import Example, GateSpec, ModelSpec, SystemSpec, Task
from evalgate.core.drafts import Checkpoints
from evalgate.core.protocols import Ask, Metric, Retriever
from evalgate.core.record import digest_of
from evalgate.core.results import Prediction, Score
from evalgate.core.seeds import rng
from evalgate.core.training import Examined
from evalgate.systems.prompt import prepare
from evalgate.systems.retrieval import index_name, shots_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalgate.backends.live import LiveModel
    from evalgate.core.capability import Drift
    from evalgate.core.protocols import Ticker

# Raised when a checkpoint is looked at otherwise: what was chosen before is chosen again.
VERSION = 1


class Examiner:
    """Looks at one candidate in training: greedy answers to its tasks' dev items, and the drift on a text.

    At most `dev_items` of each task are asked, the same for every seed and checkpoint. A task is scored by the first of
    its metrics that a gate judges; tasks that no gate judges, or only by what a model must be asked, are left out.
    """

    def __init__(
        self,
        system: SystemSpec,
        tasks: Mapping[str, Task],
        gates: Sequence[GateSpec],
        settings: Checkpoints,
        retrievers: Mapping[str, Retriever],
        *,
        seed: int,
        spec: ModelSpec,
        files: ModelFiles,
        text: Path,
    ) -> None:
        from evalgate.capability.drift import read_documents

        self._system, self._spec, self._files = system, spec, files
        self._metrics: dict[str, Metric] = {}
        self._tasks: dict[str, Task] = {}
        self._asks: dict[str, list[Ask]] = {}
        self._examples: dict[str, dict[str, Example]] = {}
        for name, prompt in system.prompts.items():
            chosen = _items(tasks[name], settings.dev_items, seed)
            metric = metric_of(tasks[name], gates)
            if metric is None or not chosen:
                continue
            self._tasks[name], self._metrics[name] = tasks[name], metric
            self._examples[name] = {e.id: e for e in chosen}
            found, finder = retrievers.get(index_name(name, prompt)), retrievers.get(shots_name(name, prompt))
            self._asks[name] = prepare(system, tasks[name], chosen, found, finder)
        self._documents = read_documents(text)
        self._base_nats: list[float] | None = None

    @cached_property
    def identity(self) -> str:
        """A digest of the questions, the answers that they are scored by, the metrics and the text."""
        asked = {
            name: [[ask.example_id, ask.digest, self._examples[name][ask.example_id]] for ask in asks]
            for name, asks in self._asks.items()
        }
        signatures = {name: metric.spec for name, metric in self._metrics.items()}
        return digest_of([VERSION, asked, signatures, self._documents])

    @property
    def metrics(self) -> dict[str, str]:
        """By task the metric that dev answers are scored by."""
        return {name: metric.spec.name for name, metric in self._metrics.items()}

    @property
    def n_items(self) -> dict[str, int]:
        """By task how many dev items are asked."""
        return {name: len(asks) for name, asks in self._asks.items()}

    @cached_property
    def _live(self) -> LiveModel:
        from evalgate.backends.live import LiveModel

        return LiveModel(self._spec, self._files)

    def base(self, module: Any) -> None:
        """Read the text with the base itself, as whole models will be compared with it."""
        with self._live.lent(module):
            self._base_nats = [drift.nats for drift in self._drifts()]

    def __call__(self, module: Any) -> Examined:
        """Ask the module as it is now; a whole text's drift is the mean over its tokens."""
        with self._live.lent(module):
            scores = {name: self._scores(name) for name in self._asks}
            drifts = self._drifts()
        base = self._base_nats if self._base_nats is not None else [drift.base_nats for drift in drifts]
        n_tokens = sum(drift.n_tokens for drift in drifts)
        drift = sum(d.nats - nats for d, nats in zip(drifts, base, strict=True)) / n_tokens if n_tokens else None
        return Examined(scores=scores, drift=drift)

    def _drifts(self) -> list[Drift]:
        from evalgate.backends.live import LIVE
        from evalgate.capability.drift import document_drift

        return [document_drift(self._live, LIVE, str(i), text) for i, text in enumerate(self._documents)]

    def _scores(self, name: str) -> tuple[float, ...]:
        """A task's items in a fixed order: what each adds to the metric, more being better."""
        from evalgate.backends.live import LIVE
        from evalgate.execution.local import predict

        task, metric, by_id = self._tasks[name], self._metrics[name], self._examples[name]
        with TemporaryDirectory() as folder:
            answers = predict(
                self._asks[name],
                system=self._system.name,
                task=name,
                adapter=LIVE,
                backend=self._live,
                path=Path(folder) / "answers.jsonl",
                progress=_Silent(),
            )
            found: dict[str, Prediction] = {answer.example_id: answer for answer in answers}
        return shares([metric.score(example, found[i], task) for i, example in by_id.items()], metric)


def metric_of(task: Task, gates: Sequence[GateSpec]) -> Metric | None:
    """The first metric of a task that a gate judges and that is a fraction which no model must be asked for."""
    uses = {use.name: use for use in task.spec.metrics}
    for gate in gates:
        if gate.task == task.spec.name and gate.metric_name in uses:
            metric = plugins.metric(uses[gate.metric_name], task.spec)
            if metric.spec.unit == "fraction" and metric.spec.better != "neither" and not getattr(metric, "asks", ""):
                return metric
    return None


def shares(scores: Sequence[Score], metric: Metric) -> tuple[float, ...]:
    """What each item adds to a metric: its value where that is a mean, else its jackknife pseudo-value.

    n T - (n - 1) T without the item (Tukey 1958), so that means and paired differences serve for macro-F1, too. More is
    better; an item without a score counts as the worst, 0.
    """
    there = [score.parts for score in scores if score.status == "scored"]
    n, parts = len(there), np.asarray(there, dtype=np.float64)
    if metric.is_mean or n < 2:
        values = [float(metric.combine(parts[i : i + 1])) for i in range(n)]
    else:
        whole = float(metric.combine(parts))
        values = [n * whole - (n - 1) * float(metric.combine(np.delete(parts, i, axis=0))) for i in range(n)]
    signed = iter(values if metric.spec.better == "higher" else [1.0 - value for value in values])
    return tuple(round(next(signed), 6) if score.status == "scored" else 0.0 for score in scores)


def _items(task: Task, most: int, seed: int) -> list[Example]:
    rows = task.splits.get("dev", ())
    order = rng(seed, "training", "dev items", task.spec.name).permutation(len(rows))[:most]
    return [rows[i] for i in sorted(order)]


def _nothing(n: int = 1) -> None:
    pass


class _Silent:
    """Progress of a part of a training, which shows its own."""

    @contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[Ticker]:
        """Nothing is shown."""
        yield _nothing

    def note(self, text: str) -> None:
        """Nothing is told: a model that has not learned to answer yet is no news."""
