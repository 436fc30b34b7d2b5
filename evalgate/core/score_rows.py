"""Recorded scores by column: tables, gates and reports ask the same of a million lines.

Shapes: `n` scores of one system in one metric, `k` parts.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from evalgate.core.results import Failure, Score

# So few lines at once stay in a core's cache until they are columns.
CHUNK_BYTES = 1 << 17
Intern = Callable[[str, str], str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreColumn:
    """One system's scores in one metric, in their order; `parts[n, k]` has NaN where nothing was scored.

    What hardly any score has stands by place: repeats but 0, clusters, details, failures.
    """

    ids: tuple[str, ...]
    parts: NDArray[np.float64]
    scored: NDArray[np.bool_]
    repeats: dict[int, int]
    clusters: dict[int, str]
    details: dict[int, str]
    failures: dict[int, Failure]

    @property
    def values(self) -> list[float | None]:
        """The first part of each score; None where nothing was scored."""
        found: list[float | None] = self.parts[:, 0].tolist() if self.parts.size else [None] * len(self.ids)
        for place in np.flatnonzero(~self.scored).tolist():
            found[place] = None
        return found

    def at(self, places: Sequence[int]) -> ScoreColumn:
        """The scores at some places, in that order."""
        chosen, moved = np.array(places, dtype=np.int64), {old: new for new, old in enumerate(places)}
        return ScoreColumn(
            ids=tuple([self.ids[place] for place in places]),
            parts=self.parts[chosen],
            scored=self.scored[chosen],
            repeats={moved[i]: v for i, v in self.repeats.items() if i in moved},
            clusters={moved[i]: v for i, v in self.clusters.items() if i in moved},
            details={moved[i]: v for i, v in self.details.items() if i in moved},
            failures={moved[i]: v for i, v in self.failures.items() if i in moved},
        )


@dataclass(slots=True)
class _Growing:
    """A column that is being read."""

    ids: list[str] = field(default_factory=list)
    parts: array[float] = field(default_factory=lambda: array("d"))
    sizes: set[int] = field(default_factory=set)
    empty: list[int] = field(default_factory=list)
    unscored: list[int] = field(default_factory=list)
    repeats: dict[int, int] = field(default_factory=dict)
    clusters: dict[int, str] = field(default_factory=dict)
    details: dict[int, str] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)

    def add(self, rows: Sequence[Score], intern: Intern) -> bool:
        """Put scores at the end; tells whether all were scored."""
        start = len(self.ids)
        ids, parts = [row.example_id for row in rows], [row.parts for row in rows]
        self.ids += map(intern, ids, ids)
        self.parts.extend(chain.from_iterable(parts))
        self.sizes.update(map(len, parts))
        # In one pass what hardly any row has; several passes or a loop of statements take twice as long.
        marked = [
            (place, row)
            for place, row in enumerate(rows, start)
            if row.detail is not None or row.cluster is not None or row.repeat or row.status != "scored"
            or not row.parts or row.failure is not None
        ]  # fmt: skip
        for place, row in marked:
            self._mark(place, row)
        return all(row.status == "scored" for _, row in marked)

    def _mark(self, place: int, row: Score) -> None:
        if row.status != "scored":
            self.unscored.append(place)
        if not row.parts:
            self.empty.append(place)
        if row.repeat:
            self.repeats[place] = row.repeat
        if row.cluster is not None:
            self.clusters[place] = row.cluster
        if row.detail is not None:
            self.details[place] = row.detail
        if row.failure is not None:
            self.failures[place] = row.failure

    def column(self, shared: dict[tuple[str, ...], tuple[str, ...]]) -> ScoreColumn:
        """What was read; equal ids are kept once. Raises `ValueError` for unequal numbers of parts."""
        ids = tuple(self.ids)
        k, n = max(self.sizes, default=0), len(self.ids)
        if self.sizes - {0, k}:
            raise ValueError(f"scores of one metric have {sorted(self.sizes)} parts")
        there = np.ones(n, dtype=np.bool_)
        there[self.empty] = False
        parts = np.full((n, k), np.nan)
        if k:
            parts[there] = np.frombuffer(self.parts, dtype=np.float64).reshape(-1, k)
        scored = there.copy()
        scored[self.unscored] = False
        parts[~scored] = np.nan
        return ScoreColumn(
            ids=shared.setdefault(ids, ids), parts=parts, scored=scored, repeats=self.repeats, clusters=self.clusters,
            details=self.details, failures=self.failures,
        )  # fmt: skip


def _columns(chunks: Iterable[Sequence[Score]]) -> tuple[dict[str, ScoreColumn], list[Score]]:
    """Columns by metric, and the unscored rows in their order."""
    known: dict[str, str] = {}
    found: dict[str, _Growing] = {}
    unscored: list[Score] = []
    for rows in chunks:
        grouped: dict[str, list[Score]] = {}
        for row in rows:
            own = grouped.get(row.metric)
            if own is None:
                own = grouped[row.metric] = []
            own.append(row)
        whole = [found.setdefault(m, _Growing()).add(own, known.setdefault) for m, own in grouped.items()]
        if not all(whole):
            unscored += [row for row in rows if row.status == "unscored"]
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    return {metric: growing.column(shared) for metric, growing in found.items()}, unscored


class ScoreRows(Sequence[Score]):
    """The scores of one file: columns, read once; the rows themselves only where somebody asks for them."""

    def __init__(self, data: bytes) -> None:
        """Read whole JSON lines. Raises what msgspec raises for the first wrong one."""
        self._data, self._n = data, data.count(b"\n")
        self._rows: list[Score] | None = None
        try:
            self.columns, self.unscored = _columns(map(msgspec.json.Decoder(Score).decode_lines, _chunks(data)))
        except (msgspec.ValidationError, msgspec.DecodeError):
            self._all()  # names the line's place in the file
            raise

    def _all(self) -> list[Score]:
        if self._rows is None:
            self._rows = msgspec.json.Decoder(Score).decode_lines(self._data)
        return self._rows

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, place: int) -> Score: ...
    @overload
    def __getitem__(self, place: slice) -> list[Score]: ...
    def __getitem__(self, place: int | slice) -> Score | list[Score]:
        return self._all()[place]

    def __iter__(self) -> Iterator[Score]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all() == list(other)

    __hash__ = None  # type: ignore[assignment]


def columns_of(rows: Sequence[Score]) -> dict[str, ScoreColumn]:
    """One system's scores by metric."""
    return rows.columns if isinstance(rows, ScoreRows) else _columns([rows])[0]


def unscored_of(rows: Sequence[Score]) -> list[Score]:
    """The rows that could not be scored, in their order."""
    return rows.unscored if isinstance(rows, ScoreRows) else [row for row in rows if row.status == "unscored"]


def _chunks(data: bytes) -> Iterator[memoryview]:
    view, start = memoryview(data), 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + CHUNK_BYTES) + 1 or data.find(b"\n", start) + 1 or len(data)
        yield view[start:end]
        start = end
