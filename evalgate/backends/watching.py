"""Which rows of a batch have ended, as the host learns it without ever making a GPU wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

# How many steps the host stays behind a GPU: the next ones are under way while it looks at an earlier one.
LAG_STEPS = 2
# Looking for stop strings decodes every row, so large batches are looked at every few steps.
FEW_ROWS, STEPS_BETWEEN_SEARCHES = 8, 8


def first_end(
    ids: Sequence[int], *, ends: frozenset[int], marks: Sequence[str], decode: Callable[[Sequence[int]], str]
) -> int | None:
    """How many tokens an answer has up to its end, which is an end token or completes a stop string; None: no end."""
    cut = next((k + 1 for k, token in enumerate(ids) if token in ends), None)
    whole = list(ids if cut is None else ids[:cut])

    def holds(n: int) -> bool:
        text = decode(whole[:n])
        return any(mark in text for mark in marks)

    if not marks or not holds(len(whole)):
        return cut
    low, high = 1, len(whole)  # the shortest beginning that holds a mark
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


class Watch:
    """The new tokens of a batch, copied to the host step by step."""

    def __init__(
        self,
        n_rows: int,
        n_steps: int,
        *,
        ends: frozenset[int],
        marks: Sequence[str],
        decode: Callable[[Sequence[int]], str],
        gpu: bool,
    ) -> None:
        import torch

        self._tokens = torch.zeros((n_steps, n_rows), dtype=torch.long, pin_memory=gpu)
        self._events: list[Any] = []
        self._live = set(range(n_rows))
        self._ends, self._marks, self._decode, self._gpu = ends, marks, decode, gpu
        self._n_put = self._n_seen = 0

    def put(self, chosen: Any) -> None:
        """Begin to copy the tokens[r] of one more step."""
        import torch

        self._tokens[self._n_put].copy_(chosen, non_blocking=True)
        self._n_put += 1
        if self._gpu:
            self._events.append(torch.cuda.Event())
            self._events[-1].record()

    def newly_stopped(self) -> list[int]:
        """Rows in which the host has just found a stop string; end tokens a GPU finds by itself."""
        before = self._n_seen
        self._catch_up(self._n_put - LAG_STEPS if self._gpu else self._n_put)
        for step in self._tokens[before : self._n_seen].tolist():
            self._live -= {i for i in self._live if step[i] in self._ends}
        due = len(self._live) <= FEW_ROWS or self._n_seen % STEPS_BETWEEN_SEARCHES == 0
        if not (self._marks and due and self._n_seen > before):
            return []
        columns = self._tokens[: self._n_seen].T.tolist()
        stopped = [i for i in sorted(self._live) if self._first_end(columns[i]) is not None]
        self._live -= set(stopped)
        return stopped

    @property
    def over(self) -> bool:
        """Whether the host knows of every row that it has ended."""
        return not self._live

    def answers(self) -> list[list[int]]:
        """Each row's tokens up to its end."""
        self._catch_up(self._n_put)
        return [row[: self._first_end(row)] for row in self._tokens[: self._n_put].T.tolist()]

    def _catch_up(self, n: int) -> None:
        if self._gpu and n > 0:
            self._events[n - 1].synchronize()
        self._n_seen = max(self._n_seen, n)

    def _first_end(self, ids: list[int]) -> int | None:
        return first_end(ids, ends=self._ends, marks=self._marks, decode=self._decode)
