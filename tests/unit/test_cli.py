"""The command line: exit codes, error texts, what is imported, what is printed where."""

import json
import re
import resource
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from small_suite import write_suite

import evalgate
from evalgate.cli import run_cli
from evalgate.console import decision_text
from evalgate.core.data import RunOptions
from evalgate.core.errors import EvalgateError
from evalgate.core.results import Decision, Verdict
from evalgate.files import write_record

HEAVY = ("torch", "transformers", "pydantic", "numpy", "peft", "trl", "datasets", "lm_eval", "rich", "jinja2", "yaml")
DECISION = Decision(
    outcome="ship",
    reason="it beats few-shot by 4.1 points",
    ship="qlora",
    report="reports/desk/r1/report.html",
    verdicts=(
        Verdict(gate="summaries", outcome="pass", reason="", candidate="qlora"),
        Verdict(gate="summaries", outcome="pass", reason="", candidate="hot"),
        Verdict(gate="capability", outcome="pass", reason="", candidate="qlora"),
        Verdict(gate="capability", outcome="fail", reason="", candidate="hot"),
        Verdict(gate="latency", outcome="inconclusive", reason="", candidate="qlora", required=False),
    ),
)
TEXT = """\
gate                    qlora         hot
summaries               PASS          PASS
capability              PASS          FAIL
latency (not required)  INCONCLUSIVE  -

decision: SHIP qlora: it beats few-shot by 4.1 points
report: reports/desk/r1/report.html
"""


class FakePipeline(ModuleType):
    """Answers as the pipeline would, or raises."""

    def __init__(self, answer: Decision | BaseException) -> None:
        super().__init__("evalgate.pipeline")
        self.answer = answer
        self.options: RunOptions | None = None

    def run(self, options: RunOptions, progress: object) -> Decision:
        self.options = options
        return self.gate(Path())

    def gate(self, folder: Path) -> Decision:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def report(self, folder: Path) -> Path:
        return folder / "report.html"


def pretend(monkeypatch: pytest.MonkeyPatch, answer: Decision | BaseException) -> FakePipeline:
    fake = FakePipeline(answer)
    monkeypatch.setitem(sys.modules, "evalgate.pipeline", fake)
    monkeypatch.setattr(evalgate, "pipeline", fake, raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return fake


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_suite(tmp_path)
    monkeypatch.chdir(tmp_path)
    return Path("suites/desk")


def cpu_s(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_is_quick() -> None:
    code = "from evalgate.cli import run_cli; run_cli(['--help'])"
    # The best of a few: a busy machine may slow any one of them.
    assert min(cpu_s(code) for _ in range(5)) < 0.3


def test_help_loads_nothing_heavy() -> None:
    code = f"from evalgate.cli import run_cli; import sys; run_cli(['run', '--help'])\n\
print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stderr == "[]\n"
    assert "--candidates" in done.stdout


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["--help"]) == 0
    text = capsys.readouterr().out
    for part in ("Examples:", "Exit codes:", "evalgate run suites/support", "64   wrong usage", "docs/errors.md"):
        assert part in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["--version"]) == 0
    assert capsys.readouterr().out == f"evalgate, version {evalgate.__version__}\n"


@pytest.mark.parametrize(
    ("decision", "code"),
    [
        (DECISION, 0),
        (Decision(outcome="keep_baseline", reason="r"), 1),
        (Decision(outcome="inconclusive", reason="r"), 2),
    ],
)
def test_a_decision_is_an_exit_code(monkeypatch: pytest.MonkeyPatch, decision: Decision, code: int) -> None:
    pretend(monkeypatch, decision)
    assert run_cli(["gate", "x"]) == code
    assert run_cli(["run", "x"]) == code


def test_decision_goes_to_stdout(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pretend(monkeypatch, DECISION)
    run_cli(["gate", "x"])
    assert capsys.readouterr() == (TEXT, "")
    run_cli(["gate", "x", "--format", "json"])
    assert json.loads(capsys.readouterr().out)["ship"] == "qlora"


def test_markdown_and_step_summary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pretend(monkeypatch, DECISION)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    run_cli(["gate", "x"])
    text = (tmp_path / "summary.md").read_text()
    assert text == decision_text(DECISION, "md")
    assert text.startswith("| gate | qlora | hot |\n|---|---|---|\n| summaries | PASS | PASS |\n")
    assert "**Decision: SHIP qlora: it beats few-shot by 4.1 points**" in text


def test_an_unwritable_step_summary_does_not_hide_the_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, DECISION)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/nowhere/summary.md")
    assert run_cli(["gate", "x"]) == 0


def test_options_in_both_spellings(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = pretend(monkeypatch, DECISION)
    assert run_cli(["run", "s", "-L", "5", "--no_resume", "--seed", "3", "--candidates", "a, b", "-o", "out"]) == 0
    assert fake.options == RunOptions(
        suite="s", output="out", limit=5, seed=3, resume=False, model=None, candidates=("a", "b")
    )
    assert fake.options.early_stop
    assert run_cli(["run", "s", "--no-early-stop"]) == 0
    assert fake.options == RunOptions(suite="s", early_stop=False)
    assert run_cli(["run", "s", "--no-resume"]) == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["run"], "error[bad-usage]: Missing argument 'SUITE'.\n\nhint: see `evalgate run --help`\n"),
        (
            ["run", "s", "-L", "0"],
            "error[bad-usage]: Invalid value for '-L' / '--limit': 0 is not in the range x>=1.\n\nhint: see",
        ),
        (["frobnicate"], "error[bad-usage]: No such command 'frobnicate'."),
        (["gate", "x", "--frob"], "error[bad-usage]: No such option '--frob'."),
    ],
)
def test_wrong_usage_is_64(arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(arguments) == 64
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(error)


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli([]) == 64
    assert "Exit codes:" in capsys.readouterr().err


def test_errors_are_printed_as_designed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pretend(monkeypatch, EvalgateError("no disk", code="no-space", fix="free some", where="/x"))
    assert run_cli(["gate", "x"]) == 3
    assert capsys.readouterr().err == "error[no-space]: no disk\n  at: /x\n\nhint: free some\n"


def test_unexpected_errors_are_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pretend(monkeypatch, ZeroDivisionError("a\nb"))
    assert run_cli(["gate", "x"]) == 3
    assert capsys.readouterr().err == (
        "error[internal]: ZeroDivisionError: a b\n\nhint: run again with --debug and report what it prints\n"
    )
    assert run_cli(["gate", "x", "--debug"]) == 3
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_interrupted_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pretend(monkeypatch, KeyboardInterrupt())
    assert run_cli(["gate", "x"]) == 130
    assert "what was recorded is kept" in capsys.readouterr().err


def test_a_reader_that_goes_away_does_not_change_the_exit_code(tmp_path: Path) -> None:
    code = (
        "import sys, types; m = types.ModuleType('evalgate.pipeline'); import evalgate; evalgate.pipeline = m\n"
        "sys.modules['evalgate.pipeline'] = m\n"
        "from evalgate.core.results import Decision; from evalgate.cli import run_cli\n"
        "m.gate = lambda f: Decision(outcome='inconclusive', reason='r' * 1000000)\n"
        "sys.exit(run_cli(['gate', 'x']))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=60) == 2


def test_validate_refuses_gates_that_cannot_pass(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = suite / "suite.yaml"
    text = file.read_text()
    clusters = "cannot be judged on examples from 2 clusters, however many they are: 8 clusters are the least"
    file.write_text(text.replace("limit: 0.9}", "limit: 0.99}"))
    assert run_cli(["validate", str(suite)]) == 64
    assert capsys.readouterr().err == (
        "error[impossible-gate]: 7 gates cannot pass, whatever is measured:\n"
        f"  gate 'summaries' {clusters}\n"
        "  gate 'summaries' cannot be judged on 4 examples: 20 are the least\n"
        f"  gate 'json' {clusters}\n"
        "  gate 'latency' cannot pass: p95 from 20 pairs is always inconclusive; 100 pairs are the least, "
        "500 are advised\n"
        f"  gate 'refusal' {clusters}\n"
        "  gate 'refusal' cannot be judged on 4 examples: 20 are the least\n"
        "  gate 'refusal' cannot pass: 4 examples cannot rule out a drop of 5.0 points, even if not one answer "
        "changes; that takes 52, and about 248 if 10% of the answers change\n"
        f"  at: {file}\n\n"
        "hint: change the gate, or freeze more held-out examples; nothing was run\n"
    )
    macro = "{name: routing, metric: route.macro_f1, rule: not_worse_than_baseline, margin: 0.05}"
    file.write_text(text + f"  - {macro}\n")
    assert run_cli(["validate", str(suite)]) == 64
    assert "error[cannot-gate]: gate 'routing' judges route.macro_f1" in capsys.readouterr().err


def test_validate_and_freeze(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_suite(tmp_path, 60)
    monkeypatch.chdir(tmp_path)
    suite = Path("suites/desk")
    (suite / "suite.yaml").write_text((suite / "suite.yaml").read_text().replace("n_pairs: 20", "n_pairs: 100"))
    assert run_cli(["validate", str(suite)]) == 0
    assert "not frozen: run `evalgate freeze suites/desk`" in capsys.readouterr().out
    assert run_cli(["freeze", str(suite)]) == 0
    assert "version 1 is frozen: 840 rows" in capsys.readouterr().out
    assert run_cli(["validate", str(suite)]) == 0
    out = capsys.readouterr().out
    assert "route (classification): train 60, dev 60, heldout 60\n" in out
    assert "baselines: zero_shot, rag\ncandidates: qlora\n" in out
    assert "is sound; frozen" in out
    heldout = suite / "route" / "heldout.jsonl"
    heldout.write_text(heldout.read_text().replace("message 1", "other"))
    assert run_cli(["validate", str(suite)]) == 3
    assert "error[suite-digest-mismatch]" in capsys.readouterr().err
    assert run_cli(["freeze", str(suite)]) == 64
    assert run_cli(["freeze", str(suite), "--bump"]) == 0
    assert "version 2 is frozen" in capsys.readouterr().out


def test_every_error_code_is_listed() -> None:
    root = Path(evalgate.__file__).parent
    page = (root.parent / "docs" / "errors.md").read_text()
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", page, flags=re.M)
    used = {c for f in root.rglob("*.py") for c in re.findall(r'\bcode="([^"]+)"', f.read_text())}
    assert sorted(used - set(listed)) == [], "add these to docs/errors.md"
    assert sorted(set(listed) - used) == [], "these are raised nowhere: delete them from docs/errors.md"
    assert len(listed) == len(set(listed))


def test_a_suite_may_be_named_by_its_file(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["freeze", str(suite / "suite.yaml")]) == 0
    assert (suite / "suite.lock").exists()
    assert run_cli(["validate", "suites/nowhere"]) == 64
    assert "error[not-a-suite]" in capsys.readouterr().err


def test_ls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["ls", str(tmp_path / "none")]) == 0
    (tmp_path / "desk" / "r1").mkdir(parents=True)
    (tmp_path / "desk" / "r1" / "run.json").write_text("{}")
    write_record(tmp_path / "desk" / "r1" / "decision.json", DECISION)
    assert run_cli(["ls", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"?                          unreadable     {tmp_path}/desk/r1\n"
