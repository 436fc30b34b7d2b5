"""Scores of a run's answers: one by one as they come, or many together, in worker processes where there is enough work.

Whichever way, the same scores stand in the same order in the same file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress

import msgspec

from evalgate import plugins
from evalgate.core.data import Example, Task
from evalgate.core.protocols import Metric
from evalgate.core.record import Record, to_json_line
from evalgate.core.results import Prediction
from evalgate.execution.process import no_collections
from evalgate.execution.workers import MOST, Workers, serve, usable_cores
from evalgate.files import Appender
from evalgate.metrics.batch import Item, in_batches, score_together

# Starting a worker takes as long as scoring so many answers by itself.
WORTH_A_WORKER = 1_000
# From so many on, answers are scored together; fewer are scored and written one by one, so that a kill costs nothing.
MANY = 2_000


class _Work(Record, frozen=True, kw_only=True):
    """What a worker is told: a task, or answers to one that it knows."""

    name: str
    task: Task | None = None
    predictions: tuple[Prediction, ...] = ()


class Scorer:
    """Scores answers to tasks; its worker processes are started with the first large task and live until `close`."""

    def __init__(self, cores: int | None = None) -> None:
        self._cores = usable_cores() if cores is None else cores
        self._workers: Workers | None = None
        self._known: dict[str, Task] = {}

    def close(self) -> None:
        """End the worker processes."""
        if self._workers is not None:
            self._workers.close()
        self._workers, self._known = None, {}

    def score(
        self,
        task: Task,
        examples: Sequence[Example],
        predictions: Iterable[Prediction],
        *,
        done: Collection[tuple[str, str]],
        file: Appender,
    ) -> None:
        """Write what is missing of every metric's score of every answer; `done` has pairs of example and metric.

        Metrics that a model is asked for are left out.
        """
        metrics, by_id = _own_metrics(task), {example.id: example for example in examples}
        missing = _missing(task, metrics, ((by_id[p.example_id], p) for p in predictions), done, file)
        n_left = len(examples) - len(done) // max(1, len(task.spec.metrics))
        # A sealed answer without all its scores would be asked again.
        if n_left < MANY or file.sealed:
            for example, prediction in missing:
                file.write([metric.score(example, prediction, task) for metric in metrics])
            return
        batches = in_batches(missing)
        n_workers = min(self._cores, MOST, n_left // WORTH_A_WORKER)
        if n_workers < 2 or not all(map(_may_leave, metrics)):
            for batch in batches:
                file.append(_lines(metrics, task, batch))
            return
        for lines in self._by_workers(n_workers, metrics, task, examples, batches):
            file.append(lines)

    def _by_workers(
        self, n: int, metrics: Sequence[Metric], task: Task, examples: Sequence[Example], batches: Iterable[list[Item]]
    ) -> Iterator[bytes]:
        workers = self._workers = self._workers or Workers("evalgate.scoring", n)
        name = task.spec.name
        sent: list[list[Item]] = []
        if self._known.get(name) is not task:
            workers.tell(msgspec.msgpack.encode(_Work(name=name, task=_slim(task, examples))))
            self._known[name] = task

        def pieces() -> Iterator[bytes]:
            for batch in batches:
                sent.append(batch)
                work = _Work(name=name, predictions=tuple(prediction for _, prediction in batch))
                yield msgspec.msgpack.encode(work)

        try:
            for lines in workers.map(pieces()):
                batch = sent.pop(0)
                yield _lines(metrics, task, batch) if lines is None else lines
        except BaseException:
            self.close()  # what workers still answer belongs to nothing
            raise


def main() -> None:
    """Be a worker: know tasks, score answers to them."""
    decoder = msgspec.msgpack.Decoder(_Work)
    known: dict[str, tuple[Task, list[Metric], dict[str, Example]]] = {}

    def answer(message: bytes) -> bytes:
        work = decoder.decode(message)
        if work.task is not None:
            by_id = {example.id: example for example in work.task.splits["heldout"]}
            known[work.name] = work.task, _own_metrics(work.task), by_id
            return b""
        task, metrics, by_id = known[work.name]
        return _lines(metrics, task, [(by_id[p.example_id], p) for p in work.predictions])

    serve(answer)


def _own_metrics(task: Task) -> list[Metric]:
    """The task's metrics but those that a model is asked for."""
    return [metric for metric in plugins.metrics(task.spec) if not getattr(metric, "asks", "")]


def _missing(
    task: Task,
    metrics: Sequence[Metric],
    items: Iterable[Item],
    done: Collection[tuple[str, str]],
    file: Appender,
) -> Iterator[Item]:
    """The answers without any score; of one whose scores were cut by a crash, the others are written here."""
    for example, prediction in items:
        left = [m for m in metrics if (prediction.example_id, m.spec.name) not in done]
        if len(left) == len(metrics):
            yield example, prediction
        elif left:
            file.write([metric.score(example, prediction, task) for metric in left])


def _lines(metrics: Sequence[Metric], task: Task, batch: Sequence[Item]) -> bytes:
    with no_collections():  # what metrics prepare refers to nothing in circles
        return b"".join(to_json_line(score) for scores in score_together(metrics, task, batch) for score in scores)


def _may_leave(metric: Metric) -> bool:
    """Whether a worker may have its own one: not those of plugins, which may keep what they must not keep twice."""
    return type(metric).__module__.startswith("evalgate.") and not getattr(metric, "holds_model", False)


def _slim(task: Task, examples: Sequence[Example]) -> Task:
    """A task as a worker needs it: of the splits that are not asked, only the labels."""
    labels = tuple(Example(id=label, inputs={}, label=label) for label in task.labels)
    return msgspec.structs.replace(task, splits={"heldout": tuple(examples), "labels": labels}, corpus=())


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
