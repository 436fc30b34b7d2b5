"""Laws of the report: who is unbeaten, which phrases are gained, what differences of tables add up to."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from evalgate.report.charts import Axis
from evalgate.report.confusion import Shares
from evalgate.report.pareto import beats
from evalgate.report.phrases import grams, phrase_changes, words_of

PLACES = st.lists(st.tuples(*[st.integers(0, 4).map(float)] * 3), min_size=1, max_size=12)
TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d", "É", "é's"]), max_size=14).map(" ".join)
LABELS = st.sampled_from("abcd")


@given(PLACES)
def test_whoever_is_beaten_is_beaten_by_somebody_unbeaten(places: list[tuple[float, ...]]) -> None:
    front = [p for p in places if not any(beats(o, p) for o in places)]
    assert front
    assert all(p in front or any(beats(o, p) for o in front) for p in places)
    assert not any(beats(a, b) and beats(b, a) for a in places for b in places)


@given(TEXTS, TEXTS, TEXTS)
def test_phrases_hold_only_pairs_that_one_side_has_and_all_of_them(reference: str, before: str, after: str) -> None:
    pairs = {
        name: set(grams(words_of(text), 2)) for name, text in (("ref", reference), ("old", before), ("new", after))
    }
    gained, lost = phrase_changes(reference, before, after)
    for phrases, has, has_not in ((gained, "new", "old"), (lost, "old", "new")):
        found = {pair for phrase in phrases for pair in grams(phrase.split(), 2)}
        assert found == (pairs["ref"] & pairs[has]) - pairs[has_not]
    assert phrase_changes(reference, after, before) == (lost, gained)
    assert phrase_changes(reference, before, before) == ([], [])


@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=30))
def test_a_labels_shares_lie_in_bounds_and_f1_between_them(pairs: list[tuple[str, str]]) -> None:
    shares = Shares(Counter(pairs))
    assert sum(shares.support.values()) == len(pairs)
    for label in "abcd":
        parts = shares.of(label)
        assert all(0 <= part <= whole for part, whole in parts.values())
        precision, recall, f1 = (part / whole if whole else None for part, whole in parts.values())
        if precision is not None and recall is not None and f1 is not None:
            assert min(precision, recall) - 1e-12 <= f1 <= max(precision, recall) + 1e-12


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_an_axis_keeps_every_value_inside_and_in_order(values: list[float]) -> None:
    axis = Axis(values)
    places = [axis.at(v) for v in sorted(values)]
    assert places == sorted(places) and places[0] >= 0 and places[-1] <= 100
