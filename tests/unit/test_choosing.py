"""Which checkpoint is kept, when training stops early, and what is called overfitting."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from evalgate.core.drafts import Checkpoints
from evalgate.core.training import CurvePoint, Evaluation, Examined
from evalgate.training.choosing import (
    best_of,
    chosen,
    compared,
    difference,
    evaluation_steps,
    exhausted,
    held,
    overfitting,
)

SETTINGS = Checkpoints(max_drift=0.1, patience=2)
shares = st.floats(0, 1, width=16)


def at(step: int, *values: float, drift: float | None = 0.0, **more: float) -> Evaluation:
    """One task of eight items, of which as many as asked for are right, or the values themselves."""
    items = values if len(values) > 1 else tuple(1.0 if k < round(8 * values[0]) else 0.0 for k in range(8))
    return Evaluation(step=step, seen=Examined(scores={"route": items}, drift=drift), **more)


def falling(end: int = 40) -> list[CurvePoint]:
    return [CurvePoint(step=s, loss=2.0 - s / 50) for s in range(1, end + 1)]


@pytest.mark.parametrize(
    ("n_steps", "evaluations", "steps"),
    [(20, 4, (5, 10, 15, 20)), (242, 4, (60, 121, 182, 242)), (3, 4, (1, 2, 3)), (1, 4, (1,)), (7, 1, (7,))],
)
def test_evaluations_are_spread_evenly_and_the_end_is_one(
    n_steps: int, evaluations: int, steps: tuple[int, ...]
) -> None:
    assert evaluation_steps(n_steps, evaluations) == steps


@given(st.integers(1, 5000), st.integers(1, 50))
def test_evaluation_steps_lie_in_the_training_and_end_it(n_steps: int, evaluations: int) -> None:
    steps = evaluation_steps(n_steps, evaluations)
    assert steps == tuple(sorted(set(steps)))
    assert steps[0] >= 1
    assert steps[-1] == n_steps
    assert len(steps) == min(n_steps, evaluations)


def test_the_difference_is_that_of_scipys_paired_t() -> None:
    from scipy.stats import ttest_rel

    r = np.random.default_rng(1)
    a, b = r.random(30), r.random(30)
    mean, se = difference(at(1, *map(float, a)), at(2, *map(float, b)))
    assert mean == pytest.approx(float((a - b).mean()))
    assert mean / se == pytest.approx(float(ttest_rel(a, b).statistic))


@given(st.lists(st.tuples(shares, shares), min_size=2, max_size=9), st.lists(st.tuples(shares, shares), max_size=9))
def test_the_difference_turns_round_with_its_sides_and_tasks_count_alike(
    first: list[tuple[float, float]], second: list[tuple[float, float]]
) -> None:
    def of(k: int) -> Evaluation:
        scores = {"one": tuple(pair[k] for pair in first), "two": tuple(pair[k] for pair in second)}
        return Evaluation(step=1, seen=Examined(scores=scores))

    mean, se = difference(of(0), of(1))
    back, same = difference(of(1), of(0))
    assert back == pytest.approx(-mean, abs=1e-12)
    assert same == pytest.approx(se, abs=1e-12)
    assert difference(of(0), of(0)) == (0.0, 0.0)
    assert mean == pytest.approx((of(0).score or 0.0) - (of(1).score or 0.0), abs=1e-9)


def test_the_best_is_kept_where_the_others_are_clearly_behind() -> None:
    seen = compared([at(10, 0.0), at(20, 0.25), at(30, 1.0), at(40, 0.75)], SETTINGS)
    kept, why = chosen(seen, SETTINGS)
    assert (kept.step, why) == (30, "its dev score is the best: 100.0%")


def test_the_earliest_within_one_standard_error_is_kept() -> None:
    seen = compared([at(10, 0.0), at(20, 0.875), at(30, 1.0)], SETTINGS)
    kept, why = chosen(seen, SETTINGS)
    assert (kept.step, kept.behind, kept.se) == (20, 0.125, 0.125)
    assert why == (
        "its dev score, 87.5%, is not more than one standard error (12.5 points) below the best, 100.0% at step 30"
    )


def test_a_checkpoint_beyond_the_drift_limit_is_not_kept() -> None:
    seen = compared([at(10, 0.25), at(20, 1.0, drift=0.2), at(30, 0.5, drift=math.nan)], SETTINGS)
    kept, why = chosen(seen, SETTINGS)
    assert [e.within for e in seen] == [True, False, False]
    assert (kept.step, why) == (10, "its dev score is the best within the drift limit: 25.0%")


def test_where_none_is_within_the_limit_the_one_that_drifted_least_is_kept() -> None:
    seen = compared([at(10, 0.25, drift=0.3), at(20, 1.0, drift=0.2)], SETTINGS)
    kept, why = chosen(seen, SETTINGS)
    assert (kept.step, why) == (20, "none keeps the drift within 0.1 nats a token, and this one drifted least")


def test_what_has_not_moved_is_kept_only_where_nothing_has() -> None:
    still, moved = at(10, 1.0, moved=False), at(20, 0.5)
    assert chosen(compared([still, moved], SETTINGS), SETTINGS)[0].step == 20
    assert chosen(compared([still, at(20, 1.0, drift=0.2)], SETTINGS), SETTINGS)[0].step == 20
    assert chosen(compared([still, at(20, 1.0, moved=False)], SETTINGS), SETTINGS)[0].step == 20


def test_without_dev_items_or_by_request_the_last_is_kept() -> None:
    nothing = [Evaluation(step=s, seen=Examined(drift=s / 250)) for s in (10, 20, 30)]
    kept, why = chosen(compared(nothing, SETTINGS), SETTINGS)
    assert (kept.step, why) == (20, "no dev item was scored, so the last one within the drift limit is kept")
    asked = replace(SETTINGS, keep="last")
    kept, why = chosen(compared([at(10, 1.0), at(20, 0.0, drift=9.0)], asked), asked)
    assert (kept.step, why) == (20, "`keep: last` asks for it")


@pytest.mark.parametrize(
    ("scores", "drifts", "stops"),
    [
        ((0.5,), (0.0,), False),
        ((0.5, 0.5), (0.0, 0.0), False),
        ((0.5, 0.5, 0.25), (0.0, 0.0, 0.0), True),
        ((0.5, 0.25, 0.75), (0.0, 0.0, 0.0), False),
        ((0.5, 0.75, 1.0), (0.0, 0.2, 0.2), True),
        ((0.5, 0.75), (0.2, 0.2), True),
    ],
)
def test_training_stops_after_two_evaluations_without_a_better_one_that_may_be_kept(
    scores: tuple[float, ...], drifts: tuple[float, ...], stops: bool
) -> None:
    seen = compared([at(10 * k, s, drift=d) for k, (s, d) in enumerate(zip(scores, drifts, strict=True))], SETTINGS)
    assert exhausted(seen, SETTINGS) == stops
    assert not exhausted(seen, replace(SETTINGS, keep="last"))
    assert not exhausted([], SETTINGS)


evaluations = st.lists(
    st.tuples(st.lists(shares, min_size=4, max_size=4), st.floats(-0.2, 0.3)), min_size=1, max_size=6
)


@pytest.mark.slow
@given(evaluations)
def test_whatever_is_kept_is_within_the_limit_if_anything_is_and_not_clearly_behind(
    drawn: list[tuple[list[float], float]],
) -> None:
    seen = compared([at(10 * k + 1, *values, drift=d) for k, (values, d) in enumerate(drawn)], SETTINGS)
    kept, why = chosen(seen, SETTINGS)
    best = best_of(seen)
    assert why
    assert kept in seen
    assert kept.within == any(e.within for e in seen)
    if best is not None:
        assert kept.step <= best.step
        assert kept.behind <= kept.se
        assert all(not e.within or e.behind > e.se for e in seen if e.step < kept.step)


def test_overfitting_is_named_with_the_step_where_it_began() -> None:
    seen = [
        at(10, 0.5, dev_loss=1.0),
        at(20, 1.0, dev_loss=0.8),
        at(30, 0.5, dev_loss=0.9),
        at(40, 0.25, dev_loss=1.1),
    ]
    found = overfitting(falling(), seen)
    assert found is not None
    assert found.since == 20
    assert found.what == "the dev score fell from 100.0% to 25.0% and the dev loss rose from 0.800 to 1.100"


def test_a_score_that_falls_with_the_training_loss_rising_is_no_overfitting() -> None:
    rising = [CurvePoint(step=s, loss=1.0 + s / 50) for s in range(1, 41)]
    assert overfitting(rising, [at(20, 1.0, dev_loss=0.8), at(40, 0.25, dev_loss=1.1)]) is None
    assert overfitting([], [at(20, 1.0), at(40, 0.25)]) is None


def test_a_fall_within_the_noise_is_no_overfitting() -> None:
    assert overfitting(falling(), [at(20, 1.0, dev_loss=0.80), at(40, 0.875, dev_loss=0.81)]) is None
    assert overfitting(falling(), [at(20, 0.5), at(40, 1.0)]) is None


looks = st.lists(
    st.builds(
        lambda values, drift, moved: (values, drift, moved),
        st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=4, max_size=4),
        st.sampled_from([None, 0.0, 0.09, 0.2, 0.3]),
        st.booleans(),
    ),
    min_size=1,
    max_size=7,
)


@given(looks, st.sampled_from(["best", "last"]), st.booleans())
def test_of_whole_models_two_are_held_and_the_choice_is_as_good(found: list[object], keep: str, scored: bool) -> None:
    settings = replace(SETTINGS, keep=keep)  # type: ignore[arg-type]
    evaluations = [
        Evaluation(step=k, seen=Examined(scores={"route": tuple(values)} if scored else {}, drift=drift), moved=moved)
        for k, (values, drift, moved) in enumerate(found, start=1)  # type: ignore[misc]
    ]
    before: frozenset[int] = frozenset()
    for n in range(1, len(evaluations) + 1):
        now = held(evaluations[:n], settings)
        assert now <= before | {n}, "what was dropped does not come back"
        assert 1 <= len(now) <= 2
        before = now
    seen = compared(evaluations, settings)
    kept, _ = chosen(seen, settings, before)
    free, _ = chosen(seen, settings)
    assert kept.step in before
    best = best_of(seen)
    if keep == "last" or best is None:
        assert kept == free, "the last one, the last within the limit, or the one that drifted least"
    else:
        assert best.step in before
        assert kept.eligible
        assert kept.behind <= kept.se
        assert kept.step >= free.step, "never an earlier one than all weights would give"


def test_a_look_that_was_dropped_cannot_be_chosen_later() -> None:
    """The second is no better than the first, so it goes; the third is clearly better than the first alone."""
    first, dropped, last = (0.0, 0, 0, 1, 0, 0, 1, 0), (0.0, 0, 1, 0, 1, 0, 0, 0), (1.0, 0, 0, 1, 0, 1, 1, 0)
    evaluations = [at(1, *first), at(2, *dropped), at(3, *last)]
    assert held(evaluations[:2], SETTINGS) == {1}
    assert held(evaluations, SETTINGS) == {3}
    seen = compared(evaluations, SETTINGS)
    assert chosen(seen, SETTINGS)[0].step == 2
    assert chosen(seen, SETTINGS, held(evaluations, SETTINGS))[0].step == 3
