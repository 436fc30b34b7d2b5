"""The action and its scripts: a pull request is gated from recorded predictions, and told in one comment."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from test_recorded_run import desk  # noqa: F401 (a fixture)

import evalgate
from evalgate import pipeline
from evalgate.accepting.accept import accept
from evalgate.core.data import RunOptions

ROOT = Path(evalgate.__file__).parents[1]


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def script(name: str, cwd: Path, tools: Path, **env: str) -> subprocess.CompletedProcess[str]:
    whole = {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(cwd), **env}
    return subprocess.run(
        ["bash", str(ROOT / "ci" / name)], cwd=cwd, env=whole, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.slow
def test_a_pull_request_is_gated_from_recorded_predictions(desk: Path, tmp_path: Path) -> None:  # noqa: F811
    from test_job_e2e_fake import Silent

    root = desk.parents[1]
    pipeline.run(RunOptions(suite=str(desk), output=str(root / "first")), Silent())
    accept(root / "first")
    # The runner has the accepted scores, not the baseline's answers.
    shutil.rmtree(root / "baselines" / "desk" / "old")
    program(root / "bin", "evalgate", f'#!/bin/sh\nexec "{sys.executable}" -m evalgate.cli "$@"\n')
    output, summary = root / "output.txt", root / "summary.md"
    env = {"EVALGATE_SUITE": "suites/desk", "EVALGATE_AGAINST": "baselines/desk", "EVALGATE_CANDIDATES": "new",
           "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}  # fmt: skip
    done = script("gate.sh", root, root / "bin", **env)
    assert done.returncode == 0, done.stderr
    assert output.read_text() == "exit-code=0\noutcome=ship\nfolder=build/evalgate\n"
    made = root / "build" / "evalgate"
    assert json.loads((made / "decision.json").read_text())["ship"] == "new"
    assert summary.read_text() == (made / "report.md").read_text()
    assert (made / "junit.xml").exists()
    # Judged again, as another job would.
    done = script("gate.sh", root, root / "bin", EVALGATE_RUN=str(made), EVALGATE_AGAINST="baselines/desk")
    assert done.returncode == 0, done.stderr
    # What cannot be measured is an error, and no old decision is left to be taken for this one.
    done = script("gate.sh", root, root / "bin", EVALGATE_RUN=str(made), EVALGATE_AGAINST="nowhere")
    assert (done.returncode, (made / "decision.json").exists()) == (64, False)
    assert "error[no-accepted]" in done.stderr


def test_without_a_suite_the_script_says_what_to_set(tmp_path: Path) -> None:
    done = script("gate.sh", tmp_path, tmp_path)
    assert (done.returncode, done.stderr) == (
        64,
        "gate.sh: set EVALGATE_SUITE to a suite, or EVALGATE_RUN to a recorded run\n",
    )


@pytest.mark.parametrize(("known", "wanted"), [("", "POST repos/o/r/issues/7/comments"),
                                               ("41\n42", "PATCH repos/o/r/issues/comments/41")])  # fmt: skip
def test_one_comment_is_written_and_later_updated(tmp_path: Path, known: str, wanted: str) -> None:
    (tmp_path / "report.md").write_text("<!-- evalgate-report -->\n## Ship new\n" + "ü" * 40_000)
    # It answers as `gh` would and keeps what it was told.
    program(tmp_path / "bin", "gh", f"""#!/bin/bash
echo "$@" >> {tmp_path}/calls
case "$*" in
  *--jq*) printf '%s' '{known}' ;;
  *) for last; do :; done; cat "${{last#body=@}}" > {tmp_path}/body ;;
esac
""")  # fmt: skip
    env = {"GITHUB_REPOSITORY": "o/r", "PULL_REQUEST": "7", "EVALGATE_REPORT": "report.md"}
    done = script("comment.sh", tmp_path, tmp_path / "bin", **env)
    assert done.returncode == 0, done.stderr
    look, write = (tmp_path / "calls").read_text().splitlines()
    assert 'select(.user.type == "Bot" and (.body | startswith("<!-- evalgate-report -->")))' in look
    assert wanted.split(maxsplit=1)[0] in write
    assert wanted.split()[1] in write
    body = (tmp_path / "body").read_text("utf-8")
    assert body.startswith("<!-- evalgate-report -->\n## Ship new\n")
    assert 59_990 <= len(body.encode()) <= 60_000


def test_the_action_hands_every_input_on_and_the_scripts_are_there() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    text = (ROOT / "action.yml").read_text()
    assert [name for name in action["inputs"] if f"inputs.{name}" not in text] == []
    steps = action["runs"]["steps"]
    # Inputs reach scripts as variables, never as text of the script.
    assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []
    gate = next(step for step in steps if step.get("id") == "gate")
    names = {name for name in gate["env"] if name.startswith("EVALGATE_")}
    assert {n for n in names if f"{n}" in (ROOT / "ci" / "gate.sh").read_text()} == names
    job = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text())["evalgate"]
    assert job["artifacts"]["reports"]["junit"] == f"{job['variables']['EVALGATE_OUTPUT']}/junit.xml"
    for name in ("gate.sh", "comment.sh"):
        assert os.access(ROOT / "ci" / name, os.X_OK)


@pytest.mark.parametrize(("code", "allowed", "wanted"), [("0", "false", 0), ("1", "true", 1), ("2", "false", 2),
                                                         ("2", "true", 0), ("", "false", 3)])  # fmt: skip
def test_the_job_ends_as_evalgate_did(code: str, allowed: str, wanted: int) -> None:
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    env = {"PATH": os.environ["PATH"], "CODE": code, "ALLOWED": allowed}
    assert subprocess.run(["bash", "-c", steps[-1]["run"]], env=env, check=False).returncode == wanted
