"""Laws of the contamination check: copies are found, order does not matter, near is near both ways, nothing crashes."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.suite.contamination import Piece, copies
from evalgate.suite.shingles import NEAR_CHARACTERS, NEAR_WORDS, Text

SETTINGS = settings(max_examples=60, deadline=None)
anything = st.text(st.characters(), max_size=60)  # lone surrogates, too
TOLD = """a late parcel came on monday and my refund for the blue kettle is not here yet"""
words = st.sampled_from(TOLD.split())
sentences = st.lists(words, min_size=1, max_size=16).map(" ".join)
texts = st.lists(anything | sentences, max_size=6)


def pieces(source: str, found: Sequence[str]) -> list[Piece]:
    return [
        Piece(source="dev" if source == "train" else "heldout", task="t", id=text, where=f"{source}:{i}", text=text)
        for i, text in enumerate(found)
    ]


def pairs(rows: Sequence[str], heldout: Sequence[str]) -> set[tuple[str, str, str, float]]:
    found = copies(pieces("train", rows), pieces("heldout", heldout))
    return {(o.kind, o.source_id, o.example_id, o.share) for o in found}


@SETTINGS
@given(rows=texts, heldout=texts, copy=anything | sentences)
def test_an_exact_copy_is_found_among_whatever_rows(rows: list[str], heldout: list[str], copy: str) -> None:
    found = {(kind, a, b) for kind, a, b, _ in pairs([*rows, copy], [copy, *heldout])}
    assert (("exact", copy, copy) in found) == bool(copy.strip() and Text(copy).normal)


@SETTINGS
@given(rows=texts, heldout=texts, data=st.data())
def test_the_order_of_rows_does_not_matter(rows: list[str], heldout: list[str], data: st.DataObject) -> None:
    shuffled = pairs(data.draw(st.permutations(rows)), data.draw(st.permutations(heldout)))
    assert shuffled == pairs(rows, heldout)


@SETTINGS
@given(rows=texts, heldout=texts)
def test_what_is_near_is_near_both_ways(rows: list[str], heldout: list[str]) -> None:
    there = {pair for pair in pairs(rows, heldout) if pair[0] != "quoted"}
    back = {(kind, a, b, share) for kind, b, a, share in pairs(heldout, rows) if kind != "quoted"}
    quoted = {(a, b) for kind, a, b, _ in pairs(rows, heldout) | pairs(heldout, rows) if kind == "quoted"}
    both = {(a, b) for a, b in quoted} | {(b, a) for a, b in quoted}
    # A quote of a near duplicate is called near, and that says more: only then may the two ways differ.
    assert {p for p in there ^ back if (p[1], p[2]) not in both} == set()


@SETTINGS
@given(heldout=sentences, signs=st.sampled_from(["!", "...", " - ", ", "]))
def test_case_and_punctuation_hide_nothing(heldout: str, signs: str) -> None:
    changed = heldout.upper().replace(" ", f"{signs} ") + signs
    assert {(kind, share) for kind, _, _, share in pairs([changed], [heldout])} == {("normalised", 1.0)}


@SETTINGS
@given(rows=st.lists(sentences, max_size=8), heldout=st.lists(sentences, max_size=8))
def test_every_near_duplicate_overlaps_by_as_much_as_it_says(rows: list[str], heldout: list[str]) -> None:
    for kind, a, b, share in pairs(rows, heldout):
        if kind != "near":
            continue
        first, second = Text(a), Text(b)
        if first.is_short or second.is_short:
            one, other, least = first.character_grams, second.character_grams, NEAR_CHARACTERS
        else:
            one, other, least = first.word_grams, second.word_grams, NEAR_WORDS
        assert share == len(one & other) / len(one | other) >= least
