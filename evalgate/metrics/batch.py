"""Many answers scored together: what metrics prepare of their texts is made once and shared by all metrics of the task.

A metric may have `score_batch` beside `score`; both give equal scores, and a metric without it is asked one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from evalgate.core.content import text_of
from evalgate.core.data import Example, Task
from evalgate.core.protocols import Metric
from evalgate.core.results import Prediction, Score

T = TypeVar("T")
Item = tuple[Example, Prediction]
# So many answers fill the registers of NumPy's loops; the characters bound what their prepared texts hold in memory.
BATCH_ANSWERS, BATCH_CHARS = 128, 1 << 19
# What stands for one answer, and beside it for many at once.
_SIDES = (("score", "score_batch"), ("against", "against_batch"), ("counts", "counts_batch"), ("value", "values_batch"))


class Batch:
    """Answers to one task's examples, and what has been prepared of them for all metrics."""

    def __init__(self, task: Task, items: Sequence[Item]) -> None:
        self.task, self.items = task, items
        self._kept: dict[Hashable, Any] = {}

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made once under its key."""
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    def texts(self, key: Hashable, make: Callable[[str], T], texts: Iterable[str]) -> list[T]:
        """`make` of each text, called once for equal texts under one key."""
        empty: dict[str, T] = {}
        known = self.kept(("texts", key), lambda: empty)
        found = []
        for text in texts:
            value = known.get(text)
            if value is None:
                value = known[text] = make(text)
            found.append(value)
        return found

    @property
    def inputs(self) -> list[str]:
        """The whole input of each item."""
        return self.kept("inputs", lambda: [text_of(example) for example, _ in self.items])


def score_together(metrics: Sequence[Metric], task: Task, items: Sequence[Item]) -> list[list[Score]]:
    """Every metric's score of each answer, in the order of answers and metrics; equal to what each `score` gives."""
    if len(items) < 2:
        return [[metric.score(*item, task) for metric in metrics] for item in items]
    batch, columns = Batch(task, items), []
    for metric in metrics:
        whole = getattr(metric, "score_batch", None)
        if whole is None or not _sound(type(metric)):
            columns.append([metric.score(*item, task) for item in items])
        else:
            columns.append(whole(batch))
    return [list(row) for row in zip(*columns, strict=True)]


def in_batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Items in their order, so many together as are scored at once."""
    batch: list[Item] = []
    left = BATCH_CHARS
    for example, prediction in items:
        batch.append((example, prediction))
        left -= len(prediction.output or "") + len(text_of(example)) + sum(map(len, example.references))
        if len(batch) == BATCH_ANSWERS or left <= 0:
            yield batch
            batch, left = [], BATCH_CHARS
    if batch:
        yield batch


def _sound(kind: type[object]) -> bool:
    """Whether no class overrides what scores one answer and inherits what scores many."""
    order = kind.__mro__

    def place(name: str) -> int:
        return next((i for i, owner in enumerate(order) if name in vars(owner)), len(order))

    return all(place(many) <= place(one) for one, many in _SIDES if place(many) < len(order))
