"""Scores of many answers at once are those of each answer by itself, over plain and hostile texts."""

import re
import string
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate import plugins
from evalgate.core.data import Example, MetricUse, Task, TaskSpec
from evalgate.core.numbers import numbers_in
from evalgate.core.results import Prediction
from evalgate.metrics.batch import score_together
from evalgate.metrics.lcs import Lcs
from evalgate.metrics.lcs_lanes import lengths, positions
from evalgate.metrics.ngrams import numbered, pair_matches
from evalgate.metrics.text import normalize_answer

USES = [
    *(MetricUse(name=name) for name in ("rouge_1", "rouge_2", "rouge_l", "rouge_lsum", "bleu", "chrf", "exact_match")),
    *(MetricUse(name=name) for name in ("token_f1", "numeric_match", "length_ratio", "novel_ngrams", "copied_span")),
    *(MetricUse(name=name, options={"stemmer": True}) for name in ("rouge_1", "rouge_lsum")),
    *(MetricUse(name="bleu", options={"tokenize": kind, "lowercase": True}) for kind in ("intl", "char")),
    *(MetricUse(name="chrf", options=options) for options in ({"lowercase": True}, {"word_order": 2})),
    *(MetricUse(name="novel_ngrams", options={"n": n}) for n in (1, 3)),
    *(MetricUse(name=name) for name in ("accuracy", "refusal_rate", "json_valid_unfenced")),
]
METRICS = [plugins.metric(use) for use in USES]
WORDS = [
    *("the", "The", "cat", "cats", "running", "12", "-1,200.50", "$3", "5%", "don't", "a-b", ".", "an", "a\u2013b"),
    *("\n", "\n\n", "\u00a0", "\x00", "\x01a", "\ud800", "\u202e", "&quot;", "caf\u00e9", "\u0130s", "\u03a3\u03a3"),
    *("\u732b", "\u732b\u304c\u597d\u304d", "\u0643\u062a\u0627\u0628", "\U0001f600", "\u212a", "x_y", "\u00b2"),
]
plain = st.lists(st.sampled_from(WORDS), max_size=24).map(" ".join)
long = st.tuples(st.lists(st.sampled_from(["x", "y", "z", "\n"]), min_size=1, max_size=9), st.integers(1, 20)).map(
    lambda drawn: " ".join(drawn[0] * drawn[1])
)
# More characters than fit the codes of one pair.
many = st.integers(0x4E00, 0x5E00).map(lambda first: "".join(map(chr, range(first, first + 1_500))))
texts = plain | plain | long | st.text(st.characters(), max_size=40) | st.just("") | many


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.none() | texts, st.lists(texts, max_size=3), texts), min_size=2, max_size=6))
def test_answers_scored_together_have_the_scores_of_each(rows: list[tuple[str | None, list[str], str]]) -> None:
    items = [
        (
            Example(id=str(i), inputs={"text": given}, references=tuple(references), label="the", cluster="c"),
            Prediction(example_id=str(i), system="s", task="t", output=output),
        )
        for i, (output, references, given) in enumerate(rows)
    ]
    task = Task(
        spec=TaskSpec(name="t", kind="qa", data="t", metrics=()), splits={"heldout": tuple(e for e, _ in items)}
    )
    assert score_together(METRICS, task, items) == [[m.score(*item, task) for m in METRICS] for item in items]


units = st.lists(st.integers(1, 3) | st.integers(1, 5_000_000_000), max_size=12)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(units, units), max_size=5), st.integers(1, 8))
def test_matches_of_pairs_are_those_of_counters(pairs: list[tuple[list[int], list[int]]], orders: int) -> None:
    given_, wanted = ([np.array(pair[side], dtype=np.int64) for pair in pairs] for side in (0, 1))
    often = pair_matches(given_, wanted, orders)
    at_all = pair_matches(given_, wanted, orders, often=False)
    assert often.shape == at_all.shape == (len(pairs), orders)
    for i, pair in enumerate(pairs):
        for order in range(1, orders + 1):
            own, known = (Counter(zip(*(text[k:] for k in range(order)), strict=False)) for text in pair)
            assert often[i, order - 1] == sum((own & known).values())
            assert at_all[i, order - 1] == sum(n for gram, n in own.items() if gram in known)


def test_matches_are_the_same_in_parts_and_where_one_pair_needs_more_numbers() -> None:
    draws = np.random.default_rng(3).integers(1, 30, size=(60, 2_000))
    draws[7] += 1 << 50
    given_, wanted = list(draws[::2]), list(draws[1::2])
    whole = pair_matches(given_, wanted, 6)
    assert whole.tolist() == [pair_matches([a], [b], 6)[0].tolist() for a, b in zip(given_, wanted, strict=True)]


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.lists(st.integers(1, 4), max_size=90), st.lists(st.integers(1, 4), max_size=200)), max_size=5)
)
def test_subsequences_in_lanes_are_those_of_one_integer(pairs: list[tuple[list[int], list[int]]]) -> None:
    given_, wanted = ([np.array(pair[side], dtype=np.int64) for pair in pairs] for side in (0, 1))
    assert lengths(given_, wanted).tolist() == [Lcs(b).length(a) for a, b in pairs]
    short = [text[:64] for text in wanted]
    assert positions(given_, short).tolist() == [Lcs(b[:64]).positions(a) for a, b in pairs]


def test_words_are_numbered_from_one_for_all_texts_together() -> None:
    assert [text.tolist() for text in numbered([["b", "a"], [], ["a", "c", "b"]])] == [[1, 2], [], [2, 3, 1]]


@settings(max_examples=300, deadline=None)
@given(texts)
def test_normalized_answers_are_squads(text: str) -> None:
    bare = text.lower().translate(str.maketrans("", "", string.punctuation))
    assert normalize_answer(text) == " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*"-+\u2212$€.,0123 x%'e_\u00a0\n", "12", "no "]), max_size=16).map("".join))
def test_numbers_are_found_wherever_the_first_digit_stands(text: str) -> None:
    # A number in front makes the search begin at the text's beginning.
    assert numbers_in(f"7 \n{text}")[1:] == numbers_in(text)
