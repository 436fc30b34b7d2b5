"""Metrics that a model is asked for: which answers wait for it, and their scores by what it says of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from evalgate.core.data import Example, SystemSpec, Task
from evalgate.core.protocols import Ask, JudgedMetric
from evalgate.core.results import Prediction
from evalgate.files import Appender, read_lines
from evalgate.judged.work import Judges
from evalgate.judging import choose_best, metrics_of, score_table
from evalgate.planning import Plan, task_metrics
from evalgate.store import RunFolder, load_run


class Waiting(NamedTuple):
    """A metric that a model is asked for, and the answers that have no score of it yet."""

    metric: JudgedMetric
    predictions: list[Prediction]


class Refereeing:
    """What a run asks its judges, and systems about their own answers; scores go to the run's folder."""

    def __init__(self, plan: Plan, folder: RunFolder, judges: Judges) -> None:
        self._plan, self._folder, self._judges = plan, folder, judges
        self._best: dict[str, str] = {}

    def waiting(self, system: str, task: Task) -> list[Waiting]:
        """The task's metrics that a model is asked for; nobody asks whether a baseline is better than a baseline."""
        wins = "preference" if system in self._plan.run.baselines else ""
        asks = [(getattr(metric, "asks", ""), metric) for metric in task_metrics(task)]
        return [Waiting(cast("JudgedMetric", metric), []) for by, metric in asks if by and by != wins]

    def judge(
        self, system: SystemSpec, task: Task, waiting: Waiting, asks: Mapping[str, Ask], adapter: str | None
    ) -> None:
        """Ask a model about the answers that wait, and score each by what it says."""
        metric, predictions = waiting
        name, by_id = task.spec.name, {e.id: e for e in self._plan.heldout(task.spec.name)}
        if metric.asks == "openings":
            own = [asks[prediction.example_id] for prediction in predictions]
            said = self._judges.openings(system.name, task, metric, own, adapter)
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

    def calibrate(self) -> None:
        """Hold judges to people's judgements before anything is judged. Raises `judge-disagrees`."""
        self._judges.calibrate(gating=bool(self._plan.run.candidates))

    def close(self) -> None:
        """Free the models that were opened to judge."""
        self._judges.close()


def set_aside(
    waiting: Sequence[Waiting],
    predictions: Iterable[Prediction],
    examples: Iterable[Example],
    task: Task,
    *,
    done: Collection[tuple[str, str]],
    file: Appender,
) -> Iterator[Prediction]:
    """The same answers, noted where they wait for a model; one that is missing needs no judge and is unscored."""
    by_id = {example.id: example for example in examples}
    for prediction in predictions:
        for metric, noted in waiting:
            if (prediction.example_id, metric.spec.name) in done:
                continue
            if prediction.output is None:
                file.write([metric.score(by_id[prediction.example_id], prediction, task)])
            else:
                noted.append(prediction)
        yield prediction
