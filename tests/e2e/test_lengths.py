"""Prompts beyond the context are counted and listed before anything runs; no length is guessed."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import CONTEXT, save_tiny_model
from tiny_suite import ROOT

from evalgate import pipeline
from evalgate.backends.context import Context
from evalgate.backends.fake import FakeBackend
from evalgate.cli import run_cli
from evalgate.core.data import Message, RunOptions, Sampling
from evalgate.core.probes import TooLong
from evalgate.core.protocols import Request
from evalgate.files import read_lines
from evalgate.lengths import length_lines

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


def request(text: str, max_tokens: int = 12) -> Request:
    return Request(messages=(Message(role="user", content=text),), sampling=Sampling(max_tokens=max_tokens))


@given(text=st.text(max_size=400), max_tokens=st.integers(1, 300))
def test_the_length_is_that_of_the_rendered_prompt(model: Path, text: str, max_tokens: int) -> None:
    from transformers import AutoTokenizer

    known = KNOWN.setdefault(str(model), (Context(model), AutoTokenizer.from_pretrained(model)))
    rendered = known[1].apply_chat_template(
        [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=True, return_dict=True
    )["input_ids"]
    found = known[0].excess(request(text, max_tokens))
    assert found == (len(rendered) if len(rendered) + max_tokens > CONTEXT else None)


KNOWN: dict[str, tuple[Context, object]] = {}


def test_where_the_limit_stands(tmp_path: Path) -> None:
    for config, limit in (
        ({"max_position_embeddings": 77}, 77),
        ({"n_positions": 78}, 78),
        ({"text_config": {"max_position_embeddings": 79}}, 79),
        ({}, 2048),
    ):
        (tmp_path / "config.json").write_text(json.dumps(config))
        assert Context(tmp_path).limit == limit
    assert not Context(tmp_path).known


def copy_desk(root: Path) -> Path:
    """The support suite whole, with its model and baselines beside it."""
    for name in ("suites/support", "baselines/support", "models/base-5m"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    return root / "suites" / "support"


LINE = (
    "prompts: 4 of few-shot for route do not fit the context of 256 tokens (the longest has 300, and 8 for its "
    "answer): r1, r2, r3, …; each is a failure that counts worst-case, none is cut"
)


def test_a_line_names_the_first_and_the_longest() -> None:
    rows = [
        TooLong(system="few-shot", task="route", example_id=f"r{i}", n_tokens=n, max_tokens=8, limit=256)
        for i, n in enumerate((260, 300, 280, 249), 1)
    ]
    assert length_lines(rows) == [LINE]
    assert length_lines([]) == []


def test_validate_and_run_count_them_and_the_items_are_failures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = copy_desk(tmp_path)
    config = tmp_path / "models" / "base-5m" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"max_position_embeddings": 256}))
    assert run_cli(["validate", str(suite)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("prompts: ")]
    assert len(lines) > 1
    assert all(" do not fit the context of 256 tokens (the longest has " in line for line in lines)
    assert run_cli(["validate", str(suite), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)["too_long"]

    asked: list[str] = []

    class Notes:
        def note(self, text: str) -> None:
            asked.append(text)

        def stage(self, name: str, total: int, done: int = 0) -> object:
            raise KeyboardInterrupt  # before the first question

    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        pipeline.run(RunOptions(suite=str(suite), output=str(out)), Notes(), FakeBackend(str))  # type: ignore[arg-type]
    assert [line for line in asked if line.startswith("prompts: ")] == lines
    rows = read_lines(out / "too_long.jsonl", TooLong)
    assert [(r.system, r.task, r.example_id, r.n_tokens) for r in rows] == [
        (r["system"], r["task"], r["example_id"], r["n_tokens"]) for r in told
    ]
    assert all(r.n_tokens + r.max_tokens > r.limit == 256 for r in rows)


def test_without_a_tokenizer_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = copy_desk(tmp_path)
    (tmp_path / "models" / "base-5m" / "tokenizer.json").unlink()
    assert run_cli(["validate", str(suite)]) == 0
    assert (
        "prompts: lengths not checked, the base model's tokenizer is not on this machine\n" in capsys.readouterr().out
    )
