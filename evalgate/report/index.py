"""Look-ups over a run's recordings, built once, for the first repeat of each example."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evalgate.core.data import Example, Passage, TaskSpec
from evalgate.core.metric_kinds import LABEL_METRICS
from evalgate.core.results import Prediction
from evalgate.core.score_rows import ScoreColumn, columns_of
from evalgate.store import BASE, CAPABILITY, RunData

Array = NDArray[np.float64]


class Index:
    """Who answered and scored what. `value` is an example's score in the task's item metric."""

    def __init__(self, data: RunData) -> None:
        self.data = data
        self.tasks: tuple[TaskSpec, ...] = data.run.suite.tasks
        self.systems = [*dict.fromkeys([*data.run.baselines, *data.run.candidates, *data.run.systems])]
        self._predictions = {
            (system, task): {p.example_id: p for p in rows if p.repeat == 0}
            for system, tasks in data.predictions.items()
            for task, rows in tasks.items()
        }
        self._columns = {
            (system, task): columns_of(scores)
            for system, by_task in data.scores.items()
            for task, scores in by_task.items()
        }
        self._values: dict[tuple[str, str, str], dict[str, float]] = {}
        self._failures: dict[tuple[str, str], dict[str, str]] = {}
        self._labels: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
        self._asked: dict[tuple[str, str], set[str]] = {}
        self._deltas: dict[tuple[str, str], list[tuple[float, Example]]] = {}
        self.item_metric = {task.name: self._item_metric(task) for task in self.tasks}
        self.best = {task.name: self._best_baseline(task.name) for task in self.tasks}
        self._add_capability()
        self.passages: dict[str, dict[str, Passage]] = {}
        for shown in data.shown:
            self.passages.setdefault(shown.task, {}).update((p.id, p) for p in shown.passages)

    def _add_capability(self) -> None:
        """Capability questions have one metric, and are compared with the base model."""
        asked = [s for s in self.systems if self._columns.get((s, CAPABILITY))]
        self.item_metric[CAPABILITY] = next((m for s in asked for m in self._columns[s, CAPABILITY]), "")
        self.best[CAPABILITY] = (
            BASE if BASE in asked else next((s for s in asked if s in self.data.run.baselines), None)
        )

    def _item_metric(self, task: TaskSpec) -> str:
        """The first metric whose items are plain numbers (one part), else the primary one.

        Macro-F1 and its kind have no value for a single example; accuracy beside it does.
        """
        for use in task.metrics:
            found = [self._columns.get((s, task.name), {}).get(use.name) for s in self.systems]
            scored = [column for column in found if column is not None and column.scored.any()]
            if scored and all(column.parts.shape[1] == 1 for column in scored):
                return use.name
        return task.primary if task.metrics else ""

    def _best_baseline(self, task: str) -> str | None:
        """The best baseline of a task, by the decision; keys may name a task or a `task.metric`."""
        best = self.data.decision.best_baselines if self.data.decision else {}
        metric = f"{task}.{self.item_metric[task]}"
        near = [name for key, name in best.items() if key.partition(".")[0] == task]
        name = best.get(task) or best.get(metric) or (near[0] if near else None)
        return name or next(iter(self.data.run.baselines), None)

    def examples(self, task: str) -> list[Example]:
        """The held-out examples that were asked, in their order."""
        return self.data.examples.get(task, [])

    def predictions(self, system: str, task: str) -> dict[str, Prediction]:
        """One system's answers by example."""
        return self._predictions.get((system, task), {})

    def prediction(self, system: str, task: str, example_id: str) -> Prediction | None:
        """One answer, or None where it was never recorded."""
        return self.predictions(system, task).get(example_id)

    def asked(self, system: str, task: str) -> set[str]:
        """The examples of which anything is recorded of a system's answer."""
        if (system, task) not in self._asked:
            columns = self._columns.get((system, task), {}).values()
            # Mostly the same ids for each metric.
            known = {column.ids for column in columns if not column.repeats}
            repeated = [places(column) for column in columns if column.repeats]
            self._asked[system, task] = {*self.predictions(system, task)}.union(*known, *repeated)
        return self._asked[system, task]

    def answered(self, system: str, task: str) -> bool:
        """Whether anything at all is recorded of a system on a task."""
        return bool(self._predictions.get((system, task)) or self._columns.get((system, task)))

    def parts(self, system: str, task: str, metric: str) -> Array:
        """What was scored in one metric, `[n, k]`."""
        column = self._columns.get((system, task), {}).get(metric)
        if column is None:
            return np.empty((0, 0))
        found = column.parts[[*places(column).values()]]
        return found[column.scored[[*places(column).values()]]]

    def values(self, system: str, task: str, metric: str | None = None) -> dict[str, float]:
        """Each scored example's first part, by default in the task's item metric."""
        place = system, task, metric if metric is not None else self.item_metric[task]
        if place not in self._values:
            column = self._columns.get((system, task), {}).get(place[2])
            found = column.values if column is not None else []
            rows = places(column).items() if column is not None else ()
            self._values[place] = {i: value for i, at in rows if (value := found[at]) is not None}
        return self._values[place]

    def value(self, system: str, task: str, example_id: str) -> float | None:
        """An example's score in the task's item metric; None where unscored."""
        return self.values(system, task).get(example_id)

    def deltas(self, task: str, candidate: str) -> list[tuple[float, Example]]:
        """Candidate minus best baseline for each example that both scored, in the examples' order."""
        best = self.best[task]
        if best is None or best == candidate:
            return []
        if (task, candidate) not in self._deltas:
            old, new = self.values(best, task), self.values(candidate, task)
            rows = ((old.get(e.id), new.get(e.id), e) for e in self.examples(task))
            found = [(after - before, e) for before, after, e in rows if before is not None and after is not None]
            self._deltas[task, candidate] = found
        return self._deltas[task, candidate]

    def failures(self, system: str, task: str) -> dict[str, str]:
        """Why answers are unscored or malformed, as codes; without those of which nothing is wrong.

        A failed prediction or an unscored item metric comes first, then what `json_valid` found.
        """
        if (system, task) not in self._failures:
            columns = self._columns.get((system, task), {})
            item, valid = columns.get(self.item_metric[task]), columns.get("json_valid")
            found = _invalid(valid) if valid is not None else {}
            for column in (valid, item):
                if column is not None and column.failures:
                    found |= {i: column.failures[at].code for i, at in places(column).items() if at in column.failures}
            found |= {i: p.failure.code for i, p in self.predictions(system, task).items() if p.failure}
            self._failures[system, task] = found
        return self._failures[system, task]

    def failure(self, system: str, task: str, example_id: str) -> str:
        """One answer's; empty where nothing is wrong."""
        return self.failures(system, task).get(example_id, "")

    def labels(self, system: str, task: str) -> dict[str, tuple[str, str]]:
        """(true label, predicted label), from the detail of the first score of labels that has one."""
        if (system, task) not in self._labels:
            columns = self._columns.get((system, task), {})
            found: dict[str, tuple[str, str]] = {}
            for column in (columns[name] for name in sorted(LABEL_METRICS & columns.keys(), reverse=True)):
                details = column.details
                for i, at in places(column).items():
                    true, tab, predicted = details.get(at, "").partition("\t")
                    if tab:
                        found[i] = true, predicted
            self._labels[system, task] = found
        return self._labels[system, task]


def places(column: ScoreColumn) -> dict[str, int]:
    """Where each example's first repeat stands."""
    if not column.repeats:
        return dict(zip(column.ids, range(len(column.ids)), strict=True))
    return {i: at for at, i in enumerate(column.ids) if at not in column.repeats}


def _invalid(valid: ScoreColumn) -> dict[str, str]:
    """What `json_valid` found wrong."""
    right = valid.parts[:, 0] == 1 if valid.parts.size else valid.scored
    return {i: valid.details.get(at) or "invalid" for i, at in places(valid).items() if not right[at]}
