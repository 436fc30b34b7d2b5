"""Preference pairs as they are written, and made of thumbs; losses that rise for good. No torch."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.core.data import Message
from evalgate.core.drafts import Preferences
from evalgate.core.errors import UsageError
from evalgate.training.failures import risen
from evalgate.training.pairs import Pair, is_up, pairs_of

FORMS = (
    'write one object a line: {"prompt": "...", "chosen": "...", "rejected": "..."} or '
    '{"prompt": "...", "completion": "...", "label": "up"}; a prompt may be a list of {"role", "content"}'
)


def write(path: Path, rows: list[dict[str, Any]]) -> Preferences:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Preferences(data=str(path))


def thumb(prompt: str, completion: str, label: object) -> dict[str, Any]:
    return {"prompt": prompt, "completion": completion, "label": label}


def shown(pairs: tuple[Pair, ...]) -> set[tuple[str, str, str]]:
    return {(pair.messages[-1].content, pair.chosen, pair.rejected) for pair in pairs}


def test_pairs_are_taken_as_they_are_and_a_prompt_may_be_a_conversation(tmp_path: Path) -> None:
    talk = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hello"}]
    preferences = write(
        tmp_path / "p.jsonl",
        [
            {"prompt": talk, "chosen": "hi", "rejected": "what", "id": "x"},
            {"prompt": "a", "chosen": "b", "rejected": "c"},
        ],
    )
    found = {pair.id: pair for pair in pairs_of(preferences, 0)}
    assert set(found) == {"x", "pairs-1"}
    assert found["x"].messages == (Message(role="system", content="be kind"), Message(role="user", content="hello"))
    assert [row.completion for row in found["x"].rows] == ["hi", "what"]
    assert found["pairs-1"].messages == (Message(role="user", content="a"),)


def test_thumbs_become_pairs_of_one_prompt(tmp_path: Path) -> None:
    rows = [
        thumb("a", "good", "up"), thumb("a", "fine", True), thumb("a", "bad", "DOWN"),
        thumb("b", "only up", "👍"), thumb("c", "both", 'good'), thumb("c", "both", "bad"), thumb("c", "other", "no"),
    ]  # fmt: skip
    assert shown(pairs_of(write(tmp_path / "t.jsonl", rows), 0)) == {("a", "good", "bad"), ("a", "fine", "bad")}


def test_rows_that_are_left_out_make_no_pairs(tmp_path: Path) -> None:
    preferences = write(tmp_path / "p.jsonl", [{"prompt": p, "chosen": "b", "rejected": "c"} for p in "xyz"])
    kept = pairs_of(Preferences(data=preferences.data, left_out=(1,)), 0)
    assert shown(kept) == {("x", "b", "c"), ("z", "b", "c")}


words = st.text("abc", min_size=1, max_size=2)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(words, words, st.booleans()), max_size=30), seed=st.integers(0, 99))
def test_thumbs_use_every_answer_that_has_a_counterpart_and_never_contradict(
    rows: list[tuple[str, str, bool]], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "law.jsonl"
    preferences = write(path, [thumb(*row) for row in rows])
    ups = {(p, c) for p, c, up in rows if up} - {(p, c) for p, c, up in rows if not up}
    downs = {(p, c) for p, c, up in rows if not up} - {(p, c) for p, c, up in rows if up}
    both = {p for p, _ in ups} & {p for p, _ in downs}
    if not both:
        with pytest.raises(UsageError, match="bad-pairs"):
            pairs_of(preferences, seed)
        return
    found = pairs_of(preferences, seed)
    assert {(p, c) for p, c, _ in shown(found)} == {(p, c) for p, c in ups if p in both}
    assert {(p, r) for p, _, r in shown(found)} == {(p, r) for p, r in downs if p in both}
    for prompt in both:
        n = [sum(p == prompt for p, _ in side) for side in (ups, downs)]
        assert sum(pair.messages[-1].content == prompt for pair in found) == max(n)
    assert pairs_of(write(path, [thumb(*row) for row in reversed(rows)]), seed) == found


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"prompt": "a"}, "a row has either `chosen` and `rejected`, or `completion` and `label`"),
        (
            {"prompt": "a", "chosen": "b", "rejected": "c", "label": "up"},
            "a row has either `chosen` and `rejected`, or `completion` and `label`",
        ),
        ({"prompt": "a", "chosen": "b", "rejected": "b"}, "the chosen answer is the rejected one"),
        ({"prompt": "a", "completion": "b", "label": "so so"}, "'so so' is no thumb: write up or down"),
        ({"prompt": [], "chosen": "b", "rejected": "c"}, "the prompt does not end with the user's message"),
        (
            {"chosen": "b", "rejected": "c"},
            "a row of preferences cannot be read: Object missing required field `prompt`",
        ),
    ],
)
def test_rows_that_say_nothing_are_refused_at_their_line(tmp_path: Path, row: dict[str, Any], what: str) -> None:
    path = tmp_path / "p.jsonl"
    preferences = write(path, [{"prompt": "a", "chosen": "b", "rejected": "c"}, row])
    with pytest.raises(UsageError) as caught:
        pairs_of(preferences, 0)
    assert str(caught.value) == f"error[bad-pairs]: {what}\n  at: {path}:2\n\nhint: {FORMS}"


def test_a_file_without_any_pair_is_refused(tmp_path: Path) -> None:
    preferences = write(tmp_path / "p.jsonl", [thumb("a", "b", "up")])
    with pytest.raises(UsageError) as caught:
        pairs_of(preferences, 0)
    assert str(caught.value) == (
        "error[bad-pairs]: the file has 1 rows and no pair of a preferred and a rejected answer to one prompt\n"
        f"  at: {tmp_path / 'p.jsonl'}\n\nhint: {FORMS}"
    )


def test_words_for_thumbs() -> None:
    assert [is_up(word) for word in (True, "Up", "👎", False, " yes ", "maybe")] == [
        True,
        True,
        False,
        False,
        True,
        None,
    ]


@pytest.mark.parametrize(
    ("losses", "what"),
    [
        ([2.0, 1.5, 9.0, 9.0, 9.5], "the loss rose from 2.00 to 9.50 and stayed there for 3 logs"),
        ([2.0, 1.5, 9.0, 9.0, 2.0], ""),
        ([2.0, 9.0, 1.0, 9.0, 9.0], ""),
        ([0.1, 0.9, 0.9, 0.9, 0.9], ""),
        ([2.0, 9.0, 9.0], ""),
        ([9.0] * 50, ""),
        ([], ""),
    ],
)
def test_a_loss_that_stays_up_is_told_from_a_spike(losses: list[float], what: str) -> None:
    assert risen(losses) == what
