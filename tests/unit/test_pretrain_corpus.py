"""The synthetic pretraining corpus: deterministic, well-formed, and true to its own passages."""

from __future__ import annotations

import json
import re
from itertools import islice
from random import Random

import pytest

from models.pretrain import extraction, mix, patterns, reading, safety
from models.pretrain.grammar import expand
from models.pretrain.sample import EOS, chat

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


def test_no_shop_support_and_no_open_slots() -> None:
    for text in _take(9, 3000):
        assert not SHOP_WORDS.search(text)
        assert not re.search(r"\{\^?[a-z]+\d?\}", text)


def test_grammar_remembers_numbered_slots() -> None:
    words = expand(Random(1), "{coined1} {coined1} {^coined1}").split()
    assert words[0] == words[1] == words[2].lower()
