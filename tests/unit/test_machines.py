"""What machines read: decision.json and its schema, `--format json` of every command, the step summary, the action."""

import json
from pathlib import Path
from typing import Any

import click
import jsonschema_rs
import msgspec
import pytest
from fixtures_report import build_run
from ledger_suite import base, right, run, write_ledger_suite
from small_suite import write_suite

import evalgate
from evalgate.backends.fake import FakeBackend
from evalgate.cli import cli, run_cli
from evalgate.core.results import Decision
from evalgate.report import render_junit, render_markdown
from evalgate.report.schema import decision_schema

ROOT = Path(evalgate.__file__).parents[1]


def commands(group: click.Group = cli, prefix: str = "") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= commands(command, f"{prefix}{name} ")
        else:
            found[prefix + name] = command
    return found


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_has_json(name: str) -> None:
    [option] = [p for p in commands()[name].params if "--format" in p.opts]
    assert isinstance(option.type, click.Choice)
    assert "json" in option.type.choices


def test_the_published_schema_is_that_of_the_record() -> None:
    kept = (ROOT / "docs" / "decision.schema.json").read_text()
    assert kept == decision_schema(), "run `evalgate schema > docs/decision.schema.json`"


def refused(value: dict[str, Any]) -> list[str]:
    validator = jsonschema_rs.validator_for(json.loads(decision_schema()))
    return [error.message for error in validator.iter_errors(value)]


def test_a_decision_is_as_the_schema_says() -> None:
    decision = build_run().decision
    assert decision is not None
    value = json.loads(msgspec.json.encode(decision))
    assert value["schema_version"] == 1
    assert refused(value) == []
    assert refused(value | {"later": "a field of a later version"}) == []
    assert refused(value | {"outcome": "perhaps"}) != []
    assert refused({k: v for k, v in value.items() if k != "schema_version"}) != []
    # Recordings of before the version was written are of version 1.
    old = {k: v for k, v in value.items() if k != "schema_version"}
    assert msgspec.convert(old, Decision, strict=False) == msgspec.convert(value, Decision, strict=False)
    with pytest.raises(msgspec.ValidationError, match="schema_version"):
        msgspec.convert(value | {"schema_version": 2}, Decision)


@pytest.mark.slow
def test_what_a_run_and_a_gate_write_is_as_the_schema_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_ledger_suite(tmp_path, head="")
    run(folder, backend=FakeBackend(base, adapters={"good": right}))
    made = tmp_path / "run"
    assert refused(json.loads((made / "decision.json").read_text())) == []
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    assert run_cli(["gate", str(made), "--format", "json"]) == 0
    assert refused(json.loads(capsys.readouterr().out)) == []
    assert (tmp_path / "summary.md").read_text() == (made / "report.md").read_text()
    assert run_cli(["report", str(made), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"report": str(made / "report.html")}
    assert run_cli(["ls", str(tmp_path), "--format", "json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["outcome"], row["folder"]) == ("ship", str(made))


def test_the_report_for_pull_requests_has_score_difference_interval_and_counts() -> None:
    data = build_run()
    lines = render_markdown(data).splitlines()
    assert lines[0] == "<!-- evalgate-report -->"
    header = "| Gate | Asks | Score | Δ | Interval | Improvements | Regressions | Verdict |"
    at = lines.index(header)
    rows = {
        line.split(" | ")[0].strip("| "): [c.strip(" |") for c in line.split(" | ")] for line in lines[at + 2 : at + 9]
    }
    gained = rows["summaries-better"]
    assert (gained[2][-1], gained[3][-6:], gained[-1]) == ("%", "points", "? INCONCLUSIVE")
    assert int(gained[5]) > 0
    rate = rows["schema"]
    assert (rate[2][-1], rate[3], rate[5], rate[6]) == ("%", "", "", "")
    assert rows["latency"][2:4] == ["", "× 1.08"]
    assert render_junit(data).count("<testcase") >= 14  # seven gates for two candidates


def test_commands_on_suites_speak_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_suite(tmp_path, 60)
    monkeypatch.chdir(tmp_path)
    assert run_cli(["freeze", "suites/desk", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["suite"], told["version"], told["rows"], told["ledger"]) == ("desk", 1, 840, None)
    (tmp_path / "kept").mkdir()
    assert run_cli(["cache", "prune", "kept", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"folder": "kept", "files": 0, "bytes": 0}
    Path("t.csv").write_text("text,label\n" + "".join(f"message number {i},{'ab'[i % 2]}\n" for i in range(400)))
    assert run_cli(["init", "mini", "--from", "t.csv", "--dry-run", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["suite"], told["written"]) == ("suites/mini", False)
    assert told["told"][-1] == "nothing was written (--dry-run)"


@pytest.mark.slow
def test_what_is_looked_up_and_keys_are_told_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = write_suite(tmp_path, 20)
    assert run_cli(["retrieval", str(suite), "--format", "json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["system"], row["task"], row["k"], row["n_answers"], row["n_in_context"]) == (
        "rag", "policy_qa", 3, 20, 20,
    )  # fmt: skip
    pytest.importorskip("pyrage", reason="the extra `seal` is not installed")
    assert run_cli(["keygen", str(tmp_path / "key"), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["public_key"].startswith("age1")
    assert told["public_key"] in (tmp_path / "key").read_text()
