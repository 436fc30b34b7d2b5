"""Laws of scores by column: they say what the rows say, however a file is cut, and sums of draws lose no bit."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from evalgate.core.record import to_json_line
from evalgate.core.results import Failure, Score
from evalgate.core.score_rows import ScoreColumn, ScoreRows, columns_of, unscored_of
from evalgate.stats.draws import resampled

N_PARTS = {"a": 1, "b": 3, "c": 2}


@st.composite
def scores(draw: st.DrawFn, metrics: tuple[str, ...] = tuple(N_PARTS)) -> list[Score]:
    """Rows as a run writes them (each example in all metrics), or in any order with rows left out."""
    whole = [(i, m) for i in range(draw(st.integers(0, 8))) for m in metrics]
    places = whole if draw(st.booleans()) else draw(st.lists(st.sampled_from(whole or [(0, "a")]), max_size=20))
    return [draw(rows(f"e{i}", metric)) for i, metric in places]


@st.composite
def rows(draw: st.DrawFn, example_id: str, metric: str) -> Score:
    rare = draw(st.integers(0, 5)) == 0
    lost = rare and draw(st.booleans())
    part = st.floats(-4, 4)
    return Score(
        example_id=example_id, system="s", task="t", metric=metric, status="unscored" if lost else "scored",
        parts=() if lost else tuple(draw(st.lists(part, min_size=N_PARTS[metric], max_size=N_PARTS[metric]))),
        failure=Failure(code="lost") if lost else None, repeat=draw(st.integers(0, 2)) if rare else 0,
        cluster=draw(st.sampled_from([None, "x", "y"])) if rare else None,
        detail=draw(st.sampled_from([None, "A\tB"])) if rare else None,
    )  # fmt: skip


def told(column: ScoreColumn) -> list[tuple[object, ...]]:
    """A column as rows again."""
    return [
        (
            example_id, tuple(column.parts[at].tolist()) if column.scored[at] else (), column.repeats.get(at, 0),
            column.clusters.get(at), column.details.get(at), column.failures.get(at),
        )
        for at, example_id in enumerate(column.ids)
    ]  # fmt: skip


SCORED = Score(example_id="e0", system="s", task="t", metric="a", parts=(0.5,))
LOST = replace(SCORED, status="unscored", parts=(), failure=Failure(code="lost"))


@given(scores(), st.integers(1, 4_000))
@example([replace(SCORED, metric="b"), SCORED, LOST], 4_000)
def test_columns_say_what_the_rows_say_however_the_file_is_cut(found: list[Score], chunk: int) -> None:
    with patch("evalgate.core.score_rows.CHUNK_BYTES", chunk):
        read = ScoreRows(b"".join(map(to_json_line, found)))
    assert read == found and len(read) == len(found) and list(read) == found
    assert unscored_of(read) == unscored_of(found) == [row for row in found if row.status == "unscored"]
    for columns in (columns_of(read), columns_of(found)):
        assert columns.keys() == {row.metric for row in found}
        for metric, column in columns.items():
            own = [row for row in found if row.metric == metric]
            assert told(column) == [(r.example_id, r.parts, r.repeat, r.cluster, r.detail, r.failure) for r in own]
            assert column.values == [r.parts[0] if r.parts else None for r in own]


@given(scores(("b",)), st.randoms(use_true_random=False))
def test_chosen_places_are_a_column_of_these_rows(found: list[Score], random: object) -> None:
    places = [place for place in range(len(found)) if random.random() < 0.6]  # type: ignore[attr-defined]
    random.shuffle(places)  # type: ignore[attr-defined]
    if places:
        (column,) = columns_of(found).values()
        (expected,) = columns_of([found[place] for place in places]).values()
        assert told(column.at(places)) == told(expected)


@given(st.integers(1, 60), st.integers(0, 2**31), st.sampled_from([1, 700, 280_000, 2**24]))
def test_sums_of_draws_are_those_of_64_bits_to_the_last_one(n: int, seed: int, scale: int) -> None:
    totals = np.random.default_rng(seed).integers(-scale, scale, size=(n, 3)).astype(np.float64)
    for table in (totals, totals + 0.25):
        found = np.concatenate([*resampled(table, 20, seed, "law")])
        chosen = [np.concatenate([*resampled(np.eye(n), 20, seed, "law")])]
        assert np.array_equal(found, chosen[0] @ table)
