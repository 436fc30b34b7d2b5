"""Where an answer's tokens end: at the first end token, or at the token that completes a stop string."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.backends.choosing import not_done_here
from evalgate.backends.watching import first_end

LETTERS = "abc"
TOKENS = st.lists(st.integers(0, 3), max_size=12)


def text(ids: list[int]) -> str:
    """Token 0 to 2 are letters; 3 writes two."""
    return "".join("ab" if i == 3 else LETTERS[i] for i in ids)


@given(
    ids=TOKENS,
    ends=st.frozensets(st.integers(0, 3), max_size=2),
    marks=st.lists(st.text("abc", min_size=1, max_size=3), max_size=2),
)
def test_the_end_is_the_first_place_at_which_one_step_after_another_would_have_stopped(
    ids: list[int], ends: frozenset[int], marks: list[str]
) -> None:
    wanted = None
    for k in range(1, len(ids) + 1):
        if ids[k - 1] in ends or any(mark in text(ids[:k]) for mark in marks):
            wanted = k
            break
    assert first_end(ids, ends=ends, marks=marks, decode=lambda some: text(list(some))) == wanted


class Settings:
    def __init__(self, **values: object) -> None:
        vars(self).update(values)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"no_repeat_ngram_size": 0, "num_beams": 1, "min_length": 0, "suppress_tokens": None},
        {"repetition_penalty": 1.1, "temperature": 0.6, "top_p": 0.9, "top_k": 20, "do_sample": True},
    ],
    ids=["none", "neutral", "sampling"],
)
def test_settings_that_greedy_text_does_not_feel_or_that_are_followed_here_are_no_obstacle(
    values: dict[str, object],
) -> None:
    assert not_done_here(Settings(**values)) is None


@pytest.mark.parametrize(
    ("name", "value"), [("num_beams", 4), ("suppress_tokens", [7]), ("min_new_tokens", 3), ("no_repeat_ngram_size", 3)]
)
def test_a_setting_that_only_generate_follows_is_named(name: str, value: object) -> None:
    assert not_done_here(Settings(**{name: value})) == f"the model's generation settings have {name}"
