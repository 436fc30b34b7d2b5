"""Every command as a machine uses it: one JSON document on stdout, everything else on stderr; as quiet as asked for."""

import json
import shutil
from pathlib import Path

import pytest
from test_machines import commands
from test_recorded_run import TASKS, write_recorded

from evalgate.cli import run_cli

pytestmark = pytest.mark.slow

# What each command is called with, in a folder that has a suite without a model, and for some a run of it.
CALLS = {
    "baseline accept": ["RUN"],
    "cache clear": ["kept"],
    "cache info": ["kept"],
    "cache prune": ["kept"],
    "compare": ["RUN", "RUN", "--task", "route", "--system-a", "old", "--system-b", "new"],
    "doctor": ["RUN"],
    "freeze": ["suites/desk"],
    "gate": ["RUN"],
    "init": ["mini", "--from", "t.csv"],
    "keygen": ["key"],
    "ledger": ["suites/desk"],
    "ls": ["."],
    "power": ["suites/desk"],
    "report": ["RUN"],
    "retrieval": ["suites/desk"],
    "run": ["suites/desk", "-o", "again"],
    "schema": [],
    "search": ["RUN"],
    "train": ["suites/desk", "-o", "again"],
    "validate": ["suites/desk"],
}
ELSEWHERE = {
    "capability mirror": "loads lm-eval's tasks: tests/e2e/test_capability_items.py",
    "export": "wants a model that was trained: tests/e2e/test_export_command.py",
    "promote": "wants a run that ships: tests/unit/test_promote.py",
    "verify": "wants what was promoted: tests/unit/test_promote.py",
}
NEEDS = {"keygen": "pyrage"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("world")
    write_recorded(root, n=60)
    assert run_cli(["run", str(root / "suites" / "desk"), "-o", str(root / "RUN"), "-q"]) in (0, 1, 2)
    (root / "kept").mkdir()
    (root / "t.csv").write_text("text,label\n" + "".join(f"message number {i},{'ab'[i % 2]}\n" for i in range(400)))
    return root


@pytest.fixture
def there(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that a command may change, as the working folder."""
    place = Path(shutil.copytree(world, tmp_path / "world"))
    monkeypatch.chdir(place)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return place


def test_every_command_is_called_here_or_elsewhere() -> None:
    assert sorted([*CALLS, *ELSEWHERE]) == sorted(commands())


@pytest.mark.parametrize("name", sorted(CALLS))
def test_stdout_is_one_json_document_and_messages_go_to_stderr(
    name: str, there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    code = run_cli([*name.split(), *CALLS[name], "--format", "json", "-v"])
    out, err = capsys.readouterr()
    assert code in (0, 1, 2), err
    json.loads(out)
    assert "\x1b" not in err
    assert err.splitlines()[-1].startswith(f"evalgate {name} took ")


@pytest.mark.parametrize("name", sorted(CALLS))
def test_quiet_leaves_the_answer_alone(name: str, there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    assert run_cli([*name.split(), *CALLS[name], "--quiet"]) in (0, 1, 2)
    out, err = capsys.readouterr()
    assert (bool(out), err) == (True, "")


@pytest.mark.parametrize("name", sorted([*CALLS, *ELSEWHERE]))
def test_errors_of_json_calls_are_text_on_stderr(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli([*name.split(), "--format", "json", "--no-such-option"]) == 64
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error[bad-usage]: No such option")
    assert run_cli([*name.split(), "-q", "-v", *CALLS.get(name, [])]) == 64
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error[bad-usage]: --quiet and --verbose exclude each other\n\nhint: see `evalgate")


@pytest.mark.parametrize("name", [name for name in sorted(CALLS) if {"RUN", "suites/desk"} & {*CALLS[name]}])
def test_what_is_not_there_is_an_error_and_nothing_on_stdout(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_cli([*name.split(), *CALLS[name], "--format", "json", "-q"]) in (3, 64)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error[")


def test_what_a_run_was_is_told_when_it_is_judged_verbosely(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["gate", "RUN", "-v"]) in (0, 1, 2)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out.startswith("gate ")
    assert lines[0].startswith("run ")
    assert " in RUN, started 2" in lines[0]
    assert lines[1].startswith("suite 'desk' version 1 in ")
    assert [line for line in lines if line.startswith("system new (recorded), digest ")]
    assert [line for line in lines if line.startswith("  route: recorded answers, digest ")]
    assert "new · route.accuracy: n 60, unscored 0, CR1 cluster-robust t" in lines


def test_a_run_in_a_log_is_plain_lines_and_a_verbose_one_says_what_it_depends_on(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["run", "suites/desk", "-o", "again"]) in (0, 1, 2)
    plain = [line[11:] for line in capsys.readouterr().err.splitlines()]
    assert plain[:2] == ["checking suites/desk", "checking the training rows"]
    assert "old · route: 0/60 examples (system 1 of 2)" in plain
    assert "new · route: 60 examples in 0 s" in plain
    assert len(plain) == 4 + 2 * 2 * len(TASKS)
    assert run_cli(["run", "suites/desk", "-o", "again", "--verbose"]) in (0, 1, 2)
    more = [line[11:] for line in capsys.readouterr().err.splitlines()]
    assert "new · route: 60 examples, all recorded before" in more
    assert f"new · route: answers in {Path('again/predictions/new/route.jsonl')}" in more
    assert [line for line in more if line.startswith("versions: python 3.")]
