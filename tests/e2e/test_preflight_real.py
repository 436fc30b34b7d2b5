"""Faults planted into real tokenizers and templates: each is found in the rows, counted, and stops the training."""

from pathlib import Path
from typing import Any

import pytest
from tiny_model import TEMPLATE, save_tiny_model

from evalgate.core.data import Message
from evalgate.core.errors import EvalgateError
from evalgate.training.data import TrainRow
from evalgate.training.loading import load_tokenizer
from evalgate.training.preflight import Piece, checked_rows, inspect, summary
from evalgate.training.quiet import quiet

pytestmark = pytest.mark.slow

FIRST = "desk: row 'r0'"


def rows(n: int, words: int = 3) -> list[TrainRow]:
    return [
        TrainRow(
            id=f"r{i}", task="desk", messages=(Message(role="user", content=" ".join(["where"] * words)),),
            completion="at home",
        )
        for i in range(n)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with quiet():
        return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def tokenizer(folder: Path) -> Any:
    with quiet():
        return load_tokenizer(str(folder), None)


def stopped(sound: list[TrainRow], tokenizer: Any, max_length: int = 200) -> str:
    with pytest.raises(EvalgateError) as caught:
        checked_rows(sound, tokenizer, max_length)
    return str(caught.value)


def test_sound_rows_are_counted_and_shown_with_their_mask(tokenizer: Any) -> None:
    report, encoded = inspect(rows(20), tokenizer, 200)
    prompt, answer = "<s>User: where where where\nAssistant:", " at home</s>"
    n_prompt, n_answer = len(prompt) - 2, len(answer) - 3  # bytes, with the ends one token each
    assert (report.n_rows, report.n_dropped, report.n_one_bos, report.n_eos) == (20, 0, 20, 20)
    assert (report.n_tokens, report.n_supervised) == (20 * (n_prompt + n_answer), 20 * n_answer)
    assert report.lengths == (n_prompt + n_answer,) * 3
    assert (report.troubles, report.dated, report.has_bos) == ((), False, True)
    [shown] = report.shown
    assert shown.pieces == (Piece(text=prompt, supervised=False), Piece(text=answer, supervised=True))
    assert encoded == checked_rows(rows(20), tokenizer, 200)
    assert summary([("tiny", encoded)]) == (
        "preflight: one BOS, EOS with loss in every row, no date in the template: "
        f"tiny 20 rows, {20 * (n_prompt + n_answer):,} tokens, {20 * n_answer} with loss"
    )


def test_a_template_with_a_date(tokenizer: Any, folder: Path) -> None:
    tokenizer.chat_template = TEMPLATE.replace("{{ bos_token }}", "{{ bos_token }}{{ strftime_now('%d %b %Y') }}\n")
    report, _ = inspect(rows(4), tokenizer, 200)
    assert report.dated
    assert [t.code for t in report.troubles] == ["date-in-template"]
    assert (
        stopped(rows(4), tokenizer)
        == str(report.troubles[0].error())
        == (
            "error[date-in-template]: the chat template writes today's date into every prompt: the model is trained on "
            f"the date of one day and asked on another\n  at: {folder}\n\n"
            "hint: write a fixed date in place of `strftime_now(...)` into the model's chat template: "
            "chat_template.jinja, or `chat_template` in tokenizer_config.json"
        )
    )


def test_a_template_that_could_ask_for_the_date_but_has_a_fixed_one_is_sound(tokenizer: Any) -> None:
    fixed = "{% set date_string = '26 Jul 2024' %}{% if not date_string %}{{ strftime_now('%Y') }}{% endif %}"
    tokenizer.chat_template = TEMPLATE.replace("{{ bos_token }}", "{{ bos_token }}" + fixed + "{{ date_string }}\n")
    report, _ = inspect(rows(4), tokenizer, 200)
    assert (report.dated, report.troubles) == (False, ())


def test_two_bos(tokenizer: Any) -> None:
    tokenizer.chat_template = TEMPLATE.replace("{{ bos_token }}", "{{ bos_token }}{{ bos_token }}")
    report, _ = inspect(rows(4), tokenizer, 200)
    assert report.n_one_bos == 0
    assert [(t.code, t.n_rows, t.where) for t in report.troubles] == [("bos-not-once", 4, FIRST)]
    assert stopped(rows(4), tokenizer) == (
        "error[bos-not-once]: a rendered row has 2 BOS tokens; exactly one must stand first\n"
        f"  at: {FIRST}\n\n"
        "hint: let the chat template write {{ bos_token }} once, at its start, and keep it out of the data"
    )


def test_a_second_bos_from_the_data(tokenizer: Any) -> None:
    one = TrainRow(id="r9", task="desk", messages=(Message(role="user", content="say <s> to me"),), completion="no")
    report, _ = inspect([*rows(3), one], tokenizer, 200)
    assert (report.n_one_bos, report.troubles[0].what) == (
        3, "1 of 4 rows: a rendered row has 2 BOS tokens; exactly one must stand first"
    )  # fmt: skip


def test_eos_lost_through_truncation(tokenizer: Any) -> None:
    """A tokenizer that cuts long texts by itself, as one does that is called with `truncation=True`."""
    whole = tokenizer.apply_chat_template
    limit = len(inspect(rows(1, 20), tokenizer, 500)[1].ids[0]) - 3
    tokenizer.apply_chat_template = lambda *a, **k: whole(*a, **k, truncation=True, max_length=limit) if k.get(
        "tokenize", True) else whole(*a, **k)  # fmt: skip
    mixed = [*rows(5), TrainRow(id="long", task="desk", messages=rows(1, 20)[0].messages, completion="at home")]
    report, _ = inspect(mixed, tokenizer, 500)
    assert report.n_eos == 5
    assert [(t.code, t.n_rows, t.where) for t in report.troubles] == [("eos-not-supervised", 1, "desk: row 'long'")]
    assert stopped(mixed, tokenizer, 500) == (
        "error[eos-not-supervised]: the answer does not end with the EOS token, so the model would not learn to stop\n"
        "  at: desk: row 'long'\n\n"
        "hint: write {{ eos_token }} after the assistant's content in the chat template"
    )


def test_a_template_that_renders_a_prompt_otherwise_without_its_answer(tokenizer: Any) -> None:
    tokenizer.chat_template = TEMPLATE.replace(
        "{% if add_generation_prompt %}Assistant:", "{% if add_generation_prompt %}Bot:"
    )
    report, _ = inspect(rows(4), tokenizer, 200)
    assert [(t.code, t.n_rows) for t in report.troubles] == [("prompt-not-prefix", 4)]
    assert "error[prompt-not-prefix]" in stopped(rows(4), tokenizer)


def test_more_than_one_percent_dropped(tokenizer: Any) -> None:
    long = rows(2, 40)
    sound, _ = inspect([*rows(199), long[0]], tokenizer, 100)
    assert (sound.n_dropped, sound.troubles) == (1, ())
    report, _ = inspect([*rows(98), *long], tokenizer, 100)
    n = len(inspect(long, tokenizer, 999)[1].ids[0])
    assert report.troubles[0].what == (
        f"2 of 100 rows are longer than max_length = 100 (longest: {n}); at most 1% may be left out"
    )
    assert stopped([*rows(98), *long], tokenizer, 100) == (
        f"error[rows-too-long]: 2 of 100 training rows are longer than max_length = 100 (longest: {n})\n\n"
        f"hint: set `max_length: {n}` in the recipe, or shorten the prompt"
    )
