"""`evalgate train --plan` with whole models: what they take beside the base, and what would refuse them."""

import json
from pathlib import Path

import pytest
from test_models_elsewhere import model
from test_train_plan import suite

from evalgate import rehearsing
from evalgate.cli import run_cli

__all__ = ["suite"]
HEAD = "prompts_from: ../../../baselines/desk/zero_shot.yaml\n"
BASE = 2 * 6_738_415_616  # bytes in bf16


@pytest.fixture
def wholes(suite: Path) -> Path:
    for name, text in {"full": "method: full\n", "merged": "merge: bf16\n"}.items():
        (suite / "candidates" / f"{name}.yaml").write_text(HEAD + text)
    return suite


def plan(suite: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str, str]:
    code = run_cli(["train", str(suite), "--plan", "--model", "llama.json", *more])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_what_answers_at_once_is_in_the_plan(wholes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = plan(wholes, capsys)
    assert code == 0
    assert (
        "\n\n2 whole models beside the base at once: 26.95 GB of weights beside 13.48 GB; a device must have 44.9 GB "
        "free for them\n\nnothing stops this training\n"
    ) in out
    code, out, _ = plan(wholes, capsys, "--format", "json")
    assert json.loads(out)["room"] == {"base_bytes": BASE, "whole_bytes": 2 * BASE, "n_whole": 2, "free_bytes": 0}
    assert json.loads(plan(wholes, capsys, "--format", "json", "--candidates", "qlora")[1])["room"] is None
    one = plan(wholes, capsys, "--candidates", "full")[1]
    assert "\none whole model beside the base at once: 13.48 GB of weights beside 13.48 GB; " in one


def test_a_card_that_is_here_and_too_small_stops_it(
    wholes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsing, "free_bytes", lambda: 24 * 10**9)
    code, out, err = plan(wholes, capsys)
    assert code == 3
    said = "2 whole models and the base have 40.4 GB of weights together, and of the device 24.0 GB are free, a tenth "
    assert f"this training would be stopped:\n  no-room-beside: {said}of it for all else\n" in out
    assert err.startswith(f"error[no-room-beside]: {said}of it for all else\n  at: llama.json\n")
    monkeypatch.setattr(rehearsing, "free_bytes", lambda: 30 * 10**9)
    code, out, _ = plan(wholes, capsys, "--candidates", "full")
    assert (code, "; 30.0 GB are free\n" in out) == (0, True)


def test_for_a_model_from_elsewhere_no_training_is_planned(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model(suite / "candidates" / "theirs")
    (suite / "candidates" / "theirs.yaml").write_text(HEAD + "model: theirs\n")
    code, out, _ = plan(suite, capsys, "--candidates", "theirs")
    assert (code, "candidate theirs" in out) == (0, False)
    assert "one whole model beside the base at once: 0.00 GB of weights beside 13.48 GB; " in out
