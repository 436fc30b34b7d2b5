"""Look-ups over a run's recordings, built once, for the first repeat of each example."""

from __future__ import annotations

from evalgate.core.data import Example, Passage, TaskSpec
from evalgate.core.metric_kinds import LABEL_METRICS
from evalgate.core.results import Prediction, Score
from evalgate.store import BASE, CAPABILITY, RunData, by_metric


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
        self._scores: dict[tuple[str, str], dict[str, dict[str, Score]]] = {
            (system, task): {
                metric: {score.example_id: score for score in rows if score.repeat == 0}
                for metric, rows in by_metric(scores).items()
            }
            for system, by_task in data.scores.items()
            for task, scores in by_task.items()
        }
        self._label_metrics = {place: sorted(LABEL_METRICS & found.keys()) for place, found in self._scores.items()}
        self._deltas: dict[tuple[str, str], list[tuple[float, Example]]] = {}
        self.item_metric = {task.name: self._item_metric(task) for task in self.tasks}
        self.best = {task.name: self._best_baseline(task.name) for task in self.tasks}
        self._add_capability()
        self.passages: dict[str, dict[str, Passage]] = {}
        for shown in data.shown:
            self.passages.setdefault(shown.task, {}).update((p.id, p) for p in shown.passages)

    def _add_capability(self) -> None:
        """Capability questions have one metric, and are compared with the base model."""
        asked = [s for s in self.systems if self._scores.get((s, CAPABILITY))]
        self.item_metric[CAPABILITY] = next((m for s in asked for m in self._scores[s, CAPABILITY]), "")
        self.best[CAPABILITY] = (
            BASE if BASE in asked else next((s for s in asked if s in self.data.run.baselines), None)
        )

    def _item_metric(self, task: TaskSpec) -> str:
        """The first metric whose items are plain numbers (one part), else the primary one.

        Macro-F1 and its kind have no value for a single example; accuracy beside it does.
        """
        for use in task.metrics:
            rows = [
                row for s in self.systems for row in self._scores.get((s, task.name), {}).get(use.name, {}).values()
            ]
            scored = [row for row in rows if row.status == "scored"]
            if scored and all(len(row.parts) == 1 for row in scored):
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

    def prediction(self, system: str, task: str, example_id: str) -> Prediction | None:
        """One answer, or None where it was never recorded."""
        return self._predictions.get((system, task), {}).get(example_id)

    def was_asked(self, system: str, task: str, example_id: str) -> bool:
        """Whether anything is recorded of a system's answer to an example."""
        scores = self._scores.get((system, task), {}).values()
        return self.prediction(system, task, example_id) is not None or any(example_id in rows for rows in scores)

    def answered(self, system: str, task: str) -> bool:
        """Whether anything at all is recorded of a system on a task."""
        return bool(self._predictions.get((system, task)) or self._scores.get((system, task)))

    def score(self, system: str, task: str, metric: str, example_id: str) -> Score | None:
        """One score, or None where it was never recorded."""
        return self._scores.get((system, task), {}).get(metric, {}).get(example_id)

    def scores(self, system: str, task: str, metric: str) -> list[Score]:
        """All scores of one metric."""
        return [*self._scores.get((system, task), {}).get(metric, {}).values()]

    def value(self, system: str, task: str, example_id: str) -> float | None:
        """An example's score in the task's item metric; None where unscored."""
        score = self.score(system, task, self.item_metric[task], example_id)
        return score.parts[0] if score and score.status == "scored" and score.parts else None

    def deltas(self, task: str, candidate: str) -> list[tuple[float, Example]]:
        """Candidate minus best baseline for each example that both scored, in the examples' order."""
        best = self.best[task]
        if best is None or best == candidate:
            return []
        if (task, candidate) not in self._deltas:
            rows = ((self.value(best, task, e.id), self.value(candidate, task, e.id), e) for e in self.examples(task))
            found = [(after - before, e) for before, after, e in rows if before is not None and after is not None]
            self._deltas[task, candidate] = found
        return self._deltas[task, candidate]

    def failure(self, system: str, task: str, example_id: str) -> str:
        """Why an answer is unscored or malformed, as a code; empty where nothing is wrong.

        A failed prediction or an unscored item metric comes first, then what `json_valid` found.
        """
        prediction = self.prediction(system, task, example_id)
        if prediction and prediction.failure:
            return prediction.failure.code
        score = self.score(system, task, self.item_metric[task], example_id)
        if score and score.failure:
            return score.failure.code
        valid = self.score(system, task, "json_valid", example_id)
        if valid and valid.failure:
            return valid.failure.code
        invalid = valid is not None and valid.parts[:1] != (1.0,)
        return (valid.detail or "invalid") if valid is not None and invalid else ""

    def predicted(self, system: str, task: str, example_id: str) -> tuple[str, str] | None:
        """(true label, predicted label), from the detail of the first score of labels that has one."""
        metrics = self._scores.get((system, task), {})
        for name in self._label_metrics.get((system, task), ()):
            score = metrics[name].get(example_id)
            if score is not None and score.detail is not None and "\t" in score.detail:
                true, _, predicted = score.detail.partition("\t")
                return true, predicted
        return None
