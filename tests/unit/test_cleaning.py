"""Cleaning: what each step does to a text, and how it is counted."""

from pathlib import Path

import pytest
from bring_rows import write
from test_init import init, splits_of

from evalgate.bring.cleaning import PRESETS, TEXT_STEPS, steps_of


@pytest.mark.parametrize(
    ("step", "text", "cleaned", "n"),
    [
        ("urls", "see https://t.co/a1?b=2. Or www.x.org/y, thanks", "see . Or , thanks", 2),
        ("urls", "ask me@example.com", "ask me@example.com", 0),
        ("handles", "@AppleSupport hi @135060, mail a@b.org", " hi , mail a@b.org", 2),
        ("html", "<p class='x'>a &amp; b<br/>c</p>", " a & b c ", 4),
        ("html", "if a < b and c > d <LINK>", "if a < b and c > d <LINK>", 0),
        ("html", "1 &lt; 2 &#39;ok&#39; AT&T", "1 < 2 'ok' AT&T", 3),
        ("control", "a\x00b\x1b[0m\tc\nd\u200b\ufeff", "ab[0m\tc\nd", 4),
        ("whitespace", "  a \t b \r\n\r\n\r\n\r\n c\u00a0d ", "a b\n\nc d", 1),
        ("whitespace", "a b\n\nc", "a b\n\nc", 0),
        ("encoding", "IÃ¢â‚¬â„¢m at the cafÃ©", "I\u2019m at the caf\u00e9", 1),
        ("encoding", "\u201cplain\u201d \ufb01ne &amp;", "\u201cplain\u201d \ufb01ne &amp;", 0),
    ],
)
def test_a_step(step: str, text: str, cleaned: str, n: int) -> None:
    assert TEXT_STEPS[step][0](text) == (cleaned, n)


def test_steps_work_in_a_fixed_order_and_the_preset_is_all_of_them() -> None:
    assert steps_of("whitespace, urls,labels") == ("urls", "whitespace", "labels")
    assert steps_of("tweetsumm") == PRESETS["tweetsumm"] == tuple(TEXT_STEPS)
    assert steps_of("") == ()


def test_cleaning_is_counted_and_stands_in_the_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    links = [" https://t.co/x https://t.co/y", "", ""]
    data = [{"question": f"what is {i}{links[i % 3]}", "answer": f"it is {i} @me"} for i in range(90)]
    write(Path("t.jsonl"), [*data, data[0]])
    assert init("--from", "t.jsonl", "--clean", "urls,handles,whitespace,duplicates") == 0
    said = (
        "urls: 62 removed in 31 of 91 rows",
        "handles: 91 removed in 91 of 91 rows",
        "whitespace: 122 texts tidied in 91 of 91 rows",
        "duplicates: 1 copies of whole rows left out",
    )
    out, yaml = capsys.readouterr().out, Path("suites/desk/suite.yaml").read_text()
    for line in said:
        assert f"\n  {line}\n" in out
        assert f"\n#   cleaned: {line}\n" in yaml
    examples = [e for part in splits_of().values() for e in part]
    assert len(examples) == 90
    assert all("http" not in str(e.inputs) and "@" not in e.references[0] for e in examples)


def test_labels_and_json_answers_keep_every_character(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("t.jsonl"), [{"text": f"a @b {i}", "target": {"who": "@b", "n": i}} for i in range(80)])
    assert init("--from", "t.jsonl", "--clean", "handles") == 0
    example = splits_of()["train"][0]
    assert "@b" not in str(example.inputs)
    assert '"who": "@b"' in example.references[0]
