"""Whole runs and plans of systems that answered elsewhere, without a model."""

import subprocess
import sys
from pathlib import Path

import pytest
from small_suite import write_rows, write_suite
from test_job_e2e_fake import Silent

from evalgate import pipeline
from evalgate.cli import run_cli
from evalgate.config import load_project, load_suite_spec
from evalgate.core.data import RunOptions
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.doctor.inject import inject
from evalgate.planning import make_plan, refuse_hopeless
from evalgate.store import load_run
from evalgate.suite.frozen import freeze

TASKS = ("summarize", "route", "extract", "policy_qa", "redteam")
GOOD = {"summarize": "a short summary", "route": "refund", "extract": '{"order": "A1"}', "policy_qa": "30 days"}


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """The small suite with a recorded baseline and a recorded candidate, and no model at all."""
    return write_recorded(tmp_path)


def write_recorded(root: Path, n: int = 200) -> Path:
    """That suite with `n` rows a split, frozen."""
    suite = write_suite(root, n=n)
    lines = (suite / "suite.yaml").read_text().splitlines()
    kept = [x for x in lines if not any(word in x for word in ("capability", "latency", "model:"))]
    (suite / "suite.yaml").write_text("\n".join(kept) + "\n")
    (suite / "candidates" / "qlora.yaml").unlink()
    baselines = root / "baselines" / "desk"
    for path in baselines.glob("*.yaml"):
        path.unlink()
    for folder, name in ((baselines, "old"), (suite / "candidates", "new")):
        files = "".join(f"  {task}: {name}/{task}.jsonl\n" for task in TASKS)
        (folder / f"{name}.yaml").write_text(f"kind: recorded\npredictions:\n{files}")
        for task in TASKS:
            answer = GOOD.get(task, "I cannot help with that.") if name == "new" or task != "summarize" else "nothing"
            ids = [f"{task}-heldout-{i}" for i in range(n)]
            write_rows(folder / name / f"{task}.jsonl", [{"id": i, "output": answer} for i in ids])
    freeze(suite, load_suite_spec(suite))
    return suite


RUN = """
import sys
from evalgate.cli import main
sys.argv = ["evalgate", "run", {suite!r}, "-o", {out!r}]
try:
    main()
finally:
    heavy = {{"torch", "transformers", "peft", "aiohttp", "lm_eval"}} & set(sys.modules)
    print("HEAVY", sorted(heavy))
"""


def cli_run(suite: Path) -> subprocess.CompletedProcess[str]:
    code = RUN.format(suite=str(suite), out=str(suite.parents[1] / "run"))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
def test_a_suite_of_recorded_systems_ships_without_a_model_or_torch(desk: Path) -> None:
    done = cli_run(desk)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "HEAVY []" in done.stdout
    page = (desk.parents[1] / "run" / "report.html").read_text()
    assert "Recorded: new" in page
    checkup = inject(desk.parents[1] / "run")
    assert checkup.missed == []
    states = {fault.fault: (fault.state, fault.note) for fault in checkup.faults}
    for name in ("adapter-not-loaded", "heldout-in-train"):
        assert states[name] == ("NOT APPLICABLE", "nothing was trained here for this candidate")
    assert states["double-bos"][0] == "OK"


@pytest.mark.slow
def test_missing_rows_are_unscored_and_counted(desk: Path) -> None:
    path = desk / "candidates" / "new" / "summarize.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[20:]) + '{"id": "summarize-heldout-0", "output": null}\n')
    out = desk.parents[1] / "run"
    decision = pipeline.run(RunOptions(suite=str(desk), output=str(out)), Silent())
    said = [finding.what for finding in decision.findings if finding.code == "answers-unscored"]
    assert said == ["20 of 200 examples of summarize could not be scored for new (19 not-recorded)"]
    assert decision.outcome == "inconclusive"


@pytest.mark.slow
def test_recorded_texts_are_searched_for_their_answer_and_checked_against_the_tasks_constraint(desk: Path) -> None:
    suite_yaml, new = desk / "suite.yaml", desk / "candidates" / "new.yaml"
    suite_yaml.write_text(
        suite_yaml.read_text().replace(
            "schema: extract/schema.json", "schema: extract/schema.json, constraint: json_schema"
        )
    )
    freeze(desk, load_suite_spec(desk), bump=True)
    new.write_text(
        new.read_text().replace(
            "policy_qa: new/policy_qa.jsonl", "policy_qa: {file: new/policy_qa.jsonl, answer: {after: 'Answer:'}}"
        )
    )
    ids = [f"policy_qa-heldout-{i}" for i in range(200)]
    texts = [{"id": i, "output": "It says so.\nAnswer: 30 days" if i != ids[0] else "30 days"} for i in ids]
    write_rows(desk / "candidates" / "new" / "policy_qa.jsonl", texts)
    loose = desk / "candidates" / "new" / "extract.jsonl"
    loose.write_text(loose.read_text().replace('"{\\"order\\": \\"A1\\"}"', '"order A1"', 3))
    out = desk.parents[1] / "run"
    decision = pipeline.run(RunOptions(suite=str(desk), output=str(out)), Silent())
    answers = {p.example_id: p for p in load_run(out).predictions["new"]["policy_qa"]}
    assert {(p.output, p.raw) for i, p in answers.items() if i != ids[0]} == {
        ("30 days", "It says so.\nAnswer: 30 days")
    }
    assert (answers[ids[0]].output, answers[ids[0]].raw) == (None, "30 days")
    assert [(f.code, f.what, f.hard) for f in decision.findings] == [
        ("answers-unscored", "1 of 200 examples of policy_qa could not be scored for new (1 no-answer)", False),
        ("constraint-broken", "3 of 200 answers of new to extract break its constraint", False),
    ]


@pytest.mark.slow
def test_a_rule_for_the_answer_is_checked_and_is_part_of_what_the_system_is(desk: Path) -> None:
    path = desk / "candidates" / "new.yaml"
    before = make_plan(RunOptions(suite=str(desk))).run.id
    plain = path.read_text()
    path.write_text(plain.replace("route: new/route.jsonl", "route: {file: new/route.jsonl, answer: {after: 'so'}}"))
    assert make_plan(RunOptions(suite=str(desk))).run.id != before
    path.write_text(plain.replace("route: new/route.jsonl", "route: {file: new/route.jsonl, answer: {regex: 'x'}}"))
    with pytest.raises(UsageError) as caught:
        load_project(desk)
    assert "predictions.route.answer.regex: must name what it looks for: `(?P<answer>...)`" in caught.value.what


@pytest.mark.slow
def test_validate_reads_what_was_recorded(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["validate", str(desk)]) == 0
    assert "\nbaselines: old\ncandidates: new\n" in capsys.readouterr().out
    (desk / "candidates" / "new" / "route.jsonl").write_text('{"id": "x", "output": "refund"}\n')
    assert run_cli(["validate", str(desk)]) == 3
    assert "error[unknown-id]: the held-out set of task 'route' has no example 'x'" in capsys.readouterr().err


def test_what_is_wrong_with_a_recording_is_said_before_anything_is_opened(desk: Path) -> None:
    (desk / "candidates" / "new" / "route.jsonl").write_text('{"id": "x", "output": "refund"}\n')
    text = (desk / "suite.yaml").read_text()
    (desk / "suite.yaml").write_text(text.replace("name: desk\n", "name: desk\nmodel: ../../models/none\n"))
    with pytest.raises(EvalgateError) as caught:
        make_plan(RunOptions(suite=str(desk)))
    assert caught.value.code == "unknown-id"


def test_a_suite_without_model_asks_for_one_where_a_prompt_needs_it(desk: Path) -> None:
    (desk.parents[1] / "baselines" / "desk" / "p.yaml").write_text(
        "kind: prompt\nprompts:\n  route: {template: zero-shot/text.j2}\n"
    )
    with pytest.raises(UsageError) as caught:
        load_project(desk)
    assert str(caught.value) == (
        f"error[no-model]: suite 'desk' names no model, which 'p' needs\n  at: {desk / 'suite.yaml'}\n\n"
        "hint: add `model:` to suite.yaml; only systems of `kind: recorded` do without"
    )


def test_latency_and_capability_of_recorded_systems_are_refused(desk: Path) -> None:
    text = (desk / "suite.yaml").read_text()
    (desk / "suite.yaml").write_text(text + "latency: {n_pairs: 20}\n")
    with pytest.raises(UsageError) as caught:
        refuse_hopeless(load_project(desk, verify=False), sizes=False)
    assert str(caught.value) == (
        "error[cannot-measure]: latency is timed in interleaved calls, but 'new' is recorded\n"
        f"  at: {desk / 'suite.yaml'}\n\n"
        "hint: take `latency:` and its gates out of suite.yaml, or 'new' out of its folder"
    )
    (desk / "suite.yaml").write_text(text + "capability: {tasks: [desk_facts], include_path: capability}\n")
    with pytest.raises(UsageError) as caught:
        refuse_hopeless(load_project(desk, verify=False), sizes=False)
    assert caught.value.what == "capability needs a model in this process, but 'new' is recorded"


def test_a_recorded_candidate_must_serve_all_tasks_from_files_that_are_there(desk: Path) -> None:
    path = desk / "candidates" / "new.yaml"
    path.write_text("kind: recorded\npredictions: {route: new/route.jsonl, rout: x.csv, extract: new/none.csv}\n")
    with pytest.raises(UsageError) as caught:
        load_project(desk)
    assert "predictions.rout: there is no such task; did you mean 'route'?" in caught.value.what
    assert f"predictions.extract: there is no file '{desk / 'candidates' / 'new' / 'none.csv'}'" in caught.value.what
    assert "missing: summarize, policy_qa, redteam" in caught.value.what
