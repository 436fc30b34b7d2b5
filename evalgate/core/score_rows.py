"""Recorded scores by column: tables, gates and reports ask the same of a million lines.

Shapes: `n` scores of one system in one metric, `k` parts.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from evalgate.core.results import Failure, Score

T = TypeVar("T")
# So few lines at once stay in a core's cache until they are columns.
CHUNK_BYTES = 1 << 17


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
        chosen = np.array(places, dtype=np.int64)
        return ScoreColumn(
            ids=tuple([self.ids[place] for place in places]),
            parts=self.parts[chosen],
            scored=self.scored[chosen],
            repeats=_moved(self.repeats, places),
            clusters=_moved(self.clusters, places),
            details=_moved(self.details, places),
            failures=_moved(self.failures, places),
        )


def _moved(by_place: dict[int, T], places: Sequence[int]) -> dict[int, T]:
    return {new: by_place[old] for new, old in enumerate(places) if old in by_place} if by_place else {}


@dataclass(slots=True)
class _Growing:
    """A column that is being read; `empty` and `lost` are places without parts, and of another status than scored."""

    ids: list[str] = field(default_factory=list)
    parts: array[float] = field(default_factory=lambda: array("d"))
    sizes: set[int] = field(default_factory=set)
    empty: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    repeats: dict[int, int] = field(default_factory=dict)
    clusters: dict[int, str] = field(default_factory=dict)
    details: dict[int, str] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)

    def add(self, ids: Sequence[str], parts: bytes, sizes: Iterable[int]) -> None:
        """Put scores at the end."""
        self.ids += ids
        self.parts.frombytes(parts)
        self.sizes.update(sizes)

    def mark(self, place: int, row: Score) -> None:
        """Keep what hardly any score has."""
        if row.status != "scored":
            self.lost.append(place)
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
        """What was read; equal ids are kept once. Raises `msgspec.ValidationError` for unequal numbers of parts."""
        ids = tuple(self.ids)
        k, n = max(self.sizes, default=0), len(ids)
        if self.sizes - {0, k}:
            raise msgspec.ValidationError(f"scores of one metric have {sorted(self.sizes)} parts")
        there = np.ones(n, dtype=np.bool_)
        there[self.empty] = False
        parts = np.full((n, k), np.nan)
        if k:
            parts[there] = np.frombuffer(self.parts, dtype=np.float64).reshape(-1, k)
        scored = there.copy()
        scored[self.lost] = False
        parts[~scored] = np.nan
        return ScoreColumn(
            ids=shared.setdefault(ids, ids), parts=parts, scored=scored, repeats=self.repeats, clusters=self.clusters,
            details=self.details, failures=self.failures,
        )  # fmt: skip


class _Reader:
    """Turns rows into columns."""

    def __init__(self) -> None:
        self.unscored: list[Score] = []
        self._known: dict[str, str] = {}
        self._found: dict[str, _Growing] = {}

    def columns(self, chunks: Iterable[Sequence[Score]]) -> dict[str, ScoreColumn]:
        """Columns by metric."""
        rest: Sequence[Score] = ()
        for chunk in chunks:
            rows = [*rest, *chunk]
            names = [row.metric for row in rows]
            # A run scores an example in all metrics before the next.
            period = names.index(names[0], 1) if names[0] in names[1:] else len(names)
            whole = len(rows) - len(rows) % period
            rest = rows[whole:]
            self._read(rows[:whole], names[:whole], period)
        if rest:
            self._read(rest, [row.metric for row in rest], len(rest))
        shared: dict[tuple[str, ...], tuple[str, ...]] = {}
        return {metric: growing.column(shared) for metric, growing in self._found.items()}

    def _read(self, rows: Sequence[Score], names: list[str], period: int) -> None:
        """Put rows into the columns of their metrics; those in which the metrics repeat after `period` all at once."""
        n = len(rows) // period
        ids, parts = [row.example_id for row in rows], [row.parts for row in rows]
        sizes = [*map(len, parts)]
        regular = names == names[:period] * n and sizes == sizes[:period] * n and len({*names[:period]}) == period
        if not regular or any(ids[j::period] != ids[::period] for j in range(1, period)):
            self._read_mixed(rows)
            return
        table = np.fromiter(chain.from_iterable(parts), dtype=np.float64, count=sum(sizes)).reshape(n, -1)
        heads = self._interned(ids[::period])
        columns = [self._found.setdefault(name, _Growing()) for name in names[:period]]
        starts, at = [len(column.ids) for column in columns], 0
        for column, size in zip(columns, sizes, strict=False):
            column.add(heads, table[:, at : at + size].tobytes(), (size,))
            at += size
        for i, row in self._marked(rows):
            columns[i % period].mark(starts[i % period] + i // period, row)

    def _read_mixed(self, rows: Sequence[Score]) -> None:
        """Put rows in any order into the columns of their metrics."""
        grouped: dict[str, list[Score]] = {}
        for row in rows:
            grouped.setdefault(row.metric, []).append(row)
        for name, own in grouped.items():
            column, parts = self._found.setdefault(name, _Growing()), [row.parts for row in own]
            start = len(column.ids)
            flat = array("d", chain.from_iterable(parts)).tobytes()
            column.add(self._interned([row.example_id for row in own]), flat, map(len, parts))
            for i, row in enumerate(own, start):
                column.mark(i, row)
        self.unscored += [row for row in rows if row.status == "unscored"]

    def _interned(self, ids: list[str]) -> list[str]:
        """The same ids, each kept once."""
        return [*map(self._known.setdefault, ids, ids)]

    def _marked(self, rows: Sequence[Score]) -> list[tuple[int, Score]]:
        """Those of which anything is to be marked; one pass, since a loop of statements takes twice as long."""
        marked = [
            (i, row)
            for i, row in enumerate(rows)
            if row.detail is not None or row.cluster is not None or row.repeat or row.status != "scored"
            or not row.parts or row.failure is not None
        ]  # fmt: skip
        self.unscored += [row for _, row in marked if row.status == "unscored"]
        return marked


class ScoreRows(Sequence[Score]):
    """The scores of one file: columns, read once; the rows themselves only where somebody asks for them."""

    def __init__(self, data: bytes) -> None:
        """Read whole JSON lines. Raises what msgspec raises for the first wrong one."""
        self._data, self._n = data, data.count(b"\n")
        self._rows: list[Score] | None = None
        reader = _Reader()
        self.unscored = reader.unscored
        try:
            self.columns = reader.columns(map(msgspec.json.Decoder(Score).decode_lines, _chunks(data)))
        except (msgspec.ValidationError, msgspec.DecodeError):
            self._all()  # names the line's place in the whole file
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
        if self._rows is not None:
            return iter(self._rows)
        return chain.from_iterable(map(msgspec.json.Decoder(Score).decode_lines, _chunks(self._data)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all() == list(other)

    __hash__ = None  # type: ignore[assignment]


def columns_of(rows: Sequence[Score]) -> dict[str, ScoreColumn]:
    """One system's scores by metric."""
    return rows.columns if isinstance(rows, ScoreRows) else _Reader().columns([rows] if rows else [])


def unscored_of(rows: Sequence[Score]) -> list[Score]:
    """The rows that could not be scored, in their order."""
    return rows.unscored if isinstance(rows, ScoreRows) else [row for row in rows if row.status == "unscored"]


def _chunks(data: bytes) -> Iterator[memoryview]:
    view, start = memoryview(data), 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + CHUNK_BYTES) + 1 or data.find(b"\n", start) + 1 or len(data)
        yield view[start:end]
        start = end
