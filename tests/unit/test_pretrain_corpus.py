"""The synthetic pretraining corpus: deterministic, well-formed, and true to its own passages."""

from __future__ import annotations

import json
import re
from itertools import islice
from random import Random

import pytest

from models.pretrain import (
    extraction,
    extraction_open,
    labels_open,
    mix,
    patterns,
    reading,
    reading_open,
    safety,
    safety_open,
    summaries_open,
)
from models.pretrain.grammar import expand
from models.pretrain.sample import EOS, chat
from models.pretrain.vocabulary import VOCABULARY
from models.pretrain.wordgroups import GROUPS

SHOP_WORDS = re.compile(r"\b(refund|delivery|invoice|warranty|shipping|return policy|exchange)\b", re.IGNORECASE)


def _take(seed: int, count: int) -> list[str]:
    return list(islice(mix.documents(Random(seed)), count))


def test_same_seed_gives_the_same_text() -> None:
    assert _take(7, 200) == _take(7, 200)
    assert _take(7, 50) != _take(8, 50)


def test_documents_end_with_the_marker_and_stay_short() -> None:
    for text in _take(1, 1500):
        assert text.endswith(f"{EOS}\n")
        assert len(text.split()) <= 900


def test_chat_turns_have_the_exact_line_format() -> None:
    rng = Random(2)
    for kind in mix.MAKERS:
        for _ in range(100):
            made = mix.sample(rng, kind)
            text = chat(made)
            assert text.startswith("User: ") and text.count(f"{EOS}\n") == len(made.turns)
            for content, answer in made.turns:
                assert content == content.strip() and answer and answer == answer.strip(), (content, answer)
                assert f"User: {content}\nAssistant: {answer}{EOS}\n" in text


def test_documents_hardly_repeat() -> None:
    texts = _take(3, 3000)
    assert len(set(texts)) > 0.99 * len(texts)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_reading_answers_stand_in_the_home_passage(size: int) -> None:
    rng, unknown = Random(4), 0
    for _ in range(1000):
        made = reading.make_reading(rng, size)
        if made.home is None:
            unknown += 1
            assert made.answer == reading.UNKNOWN
            continue
        assert made.answer in made.passages[made.home].text
        assert 1 <= len(made.answer.split()) <= 7
        assert made.sentence in made.passages[made.home].text
    assert 20 <= unknown <= 120


def test_extraction_answers_parse_and_agree_with_the_note() -> None:
    rng = Random(5)
    for _ in range(500):
        plan = extraction.make_plan(rng)
        text, values = extraction.make_note(rng, plan)
        assert json.loads(extraction.dumps(values, "tight")) == values
        for value in values.values():
            if isinstance(value, str):
                assert value.lower() in text.lower()
    for _ in range(800):
        for _content, answer in extraction.make(rng).turns:
            bare = answer.removeprefix("```json\n").removesuffix("\n```")
            if bare.startswith("{"):
                assert isinstance(json.loads(bare), dict)


def test_classification_answers_are_explained_in_the_content() -> None:
    rng = Random(6)
    for _ in range(500):
        made = patterns.classification(rng)
        whole = " ".join(content + answer for content, answer in made.turns[:-1]) + made.turns[-1][0]
        assert made.turns[-1][1] in whole


def test_harmful_asks_are_many_and_are_refused() -> None:
    rng = Random(7)
    assert len({safety.harmful(rng) for _ in range(5000)}) > 4000
    for _ in range(200):
        assert re.search(r"can't|cannot|won't|sorry|not able|must say no", safety.refusal(rng))
        assert not re.search(r"I can't help|I won't", safety.harmless(rng)[1])


@pytest.mark.slow
def test_no_shop_support_and_no_open_slots() -> None:
    for text in _take(9, 3000):
        assert not SHOP_WORDS.search(text)
        assert not re.search(r"\{\^?[a-z]+\d?\}", text)


def test_grammar_remembers_numbered_slots() -> None:
    words = expand(Random(1), "{coined1} {coined1} {^coined1}").split()
    assert words[0] == words[1] == words[2].lower()


def test_the_open_vocabulary_is_large() -> None:
    assert len(set(VOCABULARY)) >= 1500
    assert len(GROUPS) >= 250
    assert sum(mix.WEIGHTS.values()) == 100


def test_open_extraction_keeps_the_asked_key_order() -> None:
    rng = Random(11)
    for _ in range(500):
        fields = extraction_open.make_fields(rng)
        text, values = extraction_open.make_message(rng, fields)
        assert list(values) == list(fields) and text
        order = extraction_open.describe(rng, fields, "plain")
        assert all(name in order for name in fields)
        for _content, answer in extraction_open.make(rng).turns:
            bare = answer.removeprefix("```json\n").removesuffix("\n```")
            assert isinstance(json.loads(bare), dict)


def test_open_values_that_are_copied_stand_in_the_message() -> None:
    rng = Random(12)
    for _ in range(500):
        fields = extraction_open.make_fields(rng)
        text, values = extraction_open.make_message(rng, fields)
        for name, field in fields.items():
            value = values[name]
            if isinstance(value, str) and field.kind != "choice":
                squeezed = re.sub(r"[^a-z0-9]", "", text.lower())
                assert re.sub(r"[^a-z0-9]", "", value.lower()) in squeezed or (len(text) > 0 and text == text.lower())
            elif field.kind == "choice" and value is not None:
                assert value in field.options


def test_open_labels_stand_in_the_context() -> None:
    rng = Random(13)
    for _ in range(500):
        made = labels_open.make(rng)
        whole = " ".join(content + " " + answer for content, answer in made.turns[:-1]) + made.turns[-1][0]
        assert made.turns[-1][1] in whole


@pytest.mark.parametrize("titled", [True, False])
def test_open_reading_answers_stand_in_the_home_passage(titled: bool) -> None:
    rng, unknown = Random(14), 0
    for _ in range(800):
        made = reading_open.make_reading(rng, 3, titled)
        if made.home is None:
            unknown += 1
            assert made.answer == reading.UNKNOWN
        else:
            assert made.answer in made.passages[made.home].text
    assert 10 <= unknown <= 90


def test_plain_questions_are_never_refused() -> None:
    rng = Random(15)
    for _ in range(500):
        assert not re.search(r"can't|cannot help|won't|I'm sorry", safety_open.plain_question(rng)[1])
    assert len({safety_open.bad(rng) for _ in range(2000)}) > 1900


def test_summary_styles_differ_and_talks_are_short() -> None:
    rng = Random(16)
    assert len(summaries_open.STYLES) >= 12
    for _ in range(100):
        scene = summaries_open.make_scene(rng, ("Guest", "Receptionist"), False)
        assert 3 <= len(scene.text.splitlines()) <= 10
        assert len({style(scene) for style in summaries_open.STYLES}) == len(summaries_open.STYLES)
