"""Accepted baselines: kept by digest, gated against without asking them again, refused where anything differs."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from ledger_suite import base, bump, options, put_adapters, right, run, write_ledger_suite
from recorder import Recorder

from evalgate import pipeline
from evalgate.accepting.accept import accept
from evalgate.accepting.against import refuse_other_suite
from evalgate.accepting.records import read_accepted
from evalgate.backends.fake import FakeBackend
from evalgate.cli import run_cli
from evalgate.core.errors import EvalgateError
from evalgate.core.record import digest_bytes
from evalgate.core.results import Run
from evalgate.files import read_record, write_record
from evalgate.store import load_run
from evalgate.suite.ledger import read_ledger


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite without ledger, a run of it, and its accepted baselines; copied by those who change anything."""
    root = tmp_path_factory.mktemp("accepted")
    folder = write_ledger_suite(root, head="")
    run(folder, backend=FakeBackend(base, adapters={"good": right}))
    accept(root / "run")
    return root


def fault(act: Callable[[], object]) -> str:
    with pytest.raises(EvalgateError) as caught:
        act()
    return str(caught.value)


@pytest.mark.slow
def test_a_run_gated_against_its_own_accepted_baselines_says_what_it_said(made: Path) -> None:
    said = pipeline.gate(made / "run")
    again = pipeline.gate(made / "run", made / "baselines" / "desk")
    assert (again.outcome, again.ship, again.verdicts) == (said.outcome, said.ship, said.verdicts)
    assert again.best_baselines == said.best_baselines
    own = [s for s in said.scores if s.system != "base"]
    assert {(s.system, s.task, s.metric): s.estimate for s in again.scores} == {
        (s.system, s.task, s.metric): s.estimate for s in own
    }
    assert "Baselines were not asked again; accepted scores stand for them: rag (20" in again.bound


@pytest.mark.slow
def test_a_candidate_is_gated_without_asking_the_baselines(made: Path) -> None:
    asked: list[str] = []

    def counted(prompt: str) -> str:
        asked.append(prompt)
        return base(prompt)

    folder, place = made / "suites" / "desk", str(made / "baselines" / "desk")
    chosen = options(folder, "fresh", against=place)
    put_adapters(chosen)
    decision = pipeline.run(chosen, Recorder(), FakeBackend(counted, adapters={"good": right}))
    assert (decision.outcome, decision.ship) == ("ship", "good")
    assert [prompt for prompt in asked if "dev message" not in prompt] == []  # the validity checks, on dev
    data = load_run(made / "fresh")
    assert data.run.baselines == ()
    assert sorted(p.name for p in (made / "fresh" / "predictions").iterdir()) == ["good"]
    assert {v.baseline for v in decision.verdicts if v.gate == "routing"} == {"zero_shot"}
    page = (made / "fresh" / "report.html").read_text()
    assert "accepted on 20" in page
    # What shipped may be accepted in its turn; a candidate of the same name is then another system.
    [(path, record)] = accept(made / "fresh", ["good"], made / "next")
    assert (path, record.system, record.decoding["route"].max_tokens) == (
        made / "next" / "good.accepted.json",
        "good",
        8,
    )
    assert pipeline.gate(made / "fresh", path).verdicts[0].baseline == "accepted-good"


@pytest.mark.slow
def test_what_differs_is_refused(made: Path, tmp_path: Path) -> None:
    place = made / "baselines" / "desk"
    fix = "\n\nhint: accept baselines that were measured so: `evalgate baseline accept RUN`, "
    fix += "or gate a run that measures its own"
    record_file = place / "zero_shot.accepted.json"
    text = record_file.read_text()
    record = json.loads(text)

    def with_changed(path: str, value: object) -> str:
        changed = json.loads(text)
        into, *keys = changed, *path.split("/")
        for key in keys[:-1]:
            into = into[key]
        into[keys[-1]] = value
        record_file.write_text(json.dumps(changed))
        try:
            return fault(lambda: pipeline.gate(made / "run", record_file))
        finally:
            record_file.write_text(text)

    now = record["data_digest"][:12]
    assert with_changed("data_digest", "0" * 64) == (
        "error[accepted-other-suite]: 'zero_shot' was accepted on suite 'desk' version 1 (data 000000000000), "
        f"this run is on 'desk' version 1 (data {now})\n  at: {record_file}{fix}"
    )
    signature = record["signatures"]["route.accuracy"]
    assert with_changed("signatures/route.accuracy", "accuracy|v0") == (
        f"error[accepted-other-metric]: 'zero_shot' was accepted with route.accuracy as 'accuracy|v0', which now is "
        f"'{signature}'\n  at: {record_file}{fix}"
    )
    assert with_changed("decoding/route", {"temperature": 0.7, "max_tokens": 8}) == (
        "error[accepted-other-decoding]: 'good' decodes route with max_tokens 8, and the accepted baseline 'zero_shot' "
        f"with temperature 0.7, max_tokens 8\n  at: {record_file}{fix}"
    )
    assert with_changed("examples/route", "0" * 64) == (
        "error[accepted-other-suite]: 'zero_shot' was asked other examples of route than this run (`--limit`?)\n"
        f"  at: {record_file}{fix}"
    )
    file = made / "run" / "run.json"
    kept = file.read_text()
    write_record(file, msgspec.structs.replace(read_record(file, Run, fix=""), serving={"dtype": "bfloat16"}))
    assert with_changed("serving", {"dtype": "float32"}) == (
        "error[accepted-other-decoding]: 'zero_shot' was accepted with dtype float32, and this run has bfloat16\n"
        f"  at: {record_file}{fix}"
    )
    file.write_text(kept)
    scores = place / "zero_shot.scores.jsonl"
    lines = scores.read_bytes()
    scores.write_bytes(lines.replace(b"[0.0]", b"[1.0]", 1))
    assert fault(lambda: pipeline.gate(made / "run", record_file)) == (
        "error[accepted-changed]: the scores of the accepted baseline 'zero_shot' are not those that were accepted\n"
        f"  at: {scores}\n\n"
        "hint: restore both files from version control, or accept it again: `evalgate baseline accept RUN`"
    )
    scores.write_bytes(lines)
    assert digest_bytes(lines) == record["scores_digest"]
    assert fault(lambda: pipeline.gate(made / "run", tmp_path)) == (
        f"error[no-accepted]: there is no accepted baseline at {tmp_path}\n  at: {tmp_path}\n\n"
        "hint: accept the baselines of a recorded run: `evalgate baseline accept RUN`"
    )


@pytest.mark.slow
def test_what_cannot_be_accepted_is_refused(made: Path) -> None:
    folder = made / "run"
    assert fault(lambda: accept(folder, ["none"])) == (
        f"error[unknown-system]: the run has no scores of a system 'none'\n  at: {folder}\n\n"
        "hint: choose from: zero_shot, rag, good"
    )
    answers = folder / "predictions" / "rag" / "policy_qa.jsonl"
    kept = answers.read_text()
    answers.write_text("".join(x for x in kept.splitlines(keepends=True) if 'heldout-0"' not in x))
    assert fault(lambda: accept(folder)) == (
        "error[doubtful-baseline]: the recording cannot be trusted: rag has no answer to 1 of 40 examples of policy_qa "
        f"(first: policy_qa-heldout-0)\n  at: {answers}\n\n"
        "hint: run the suite again with the same folder: only what is missing is asked"
    )
    answers.write_text(kept)
    file = folder / "run.json"
    kept, run_record = file.read_text(), read_record(file, Run, fix="")
    write_record(file, msgspec.structs.replace(run_record, baselines=()))
    assert fault(lambda: accept(folder)) == (
        f"error[unknown-system]: the run has no baseline to accept\n  at: {folder}\n\n"
        "hint: name systems: `--system NAME`; it has: zero_shot, rag, good"
    )
    suite = msgspec.structs.replace(run_record.suite, disclosure="verdict")
    write_record(file, msgspec.structs.replace(run_record, suite=suite))
    assert fault(lambda: accept(folder)) == (
        f"error[sealed-baseline]: this run is sealed, and accepted scores lie open beside the prompts\n"
        f"  at: {folder}\n\nhint: let every run of a sealed suite measure its baselines"
    )
    kept_baselines = read_accepted(made / "baselines" / "desk")
    assert fault(lambda: refuse_other_suite(kept_baselines, read_record(file, Run, fix=""))).startswith(
        "error[sealed-baseline]: a sealed suite has no accepted baselines\n"
    )
    file.write_text(kept)


@pytest.mark.slow
def test_a_gate_on_times_needs_its_baseline_in_the_run(tmp_path: Path) -> None:
    folder = write_ledger_suite(tmp_path, head="latency: {n_pairs: 100}\n")
    text = (folder / "suite.yaml").read_text()
    gate = "  - {name: quick, metric: latency.p50, rule: not_worse_than_baseline, limit: 9}\n"
    run(folder)
    accept(tmp_path / "run")
    (folder / "suite.yaml").write_text(text + gate)
    bump(folder)
    chosen = options(folder, "fresh", against=str(tmp_path / "baselines" / "desk"))
    assert fault(lambda: pipeline.run(chosen, Recorder())) == (
        "error[needs-baseline]: gate 'quick' needs its baseline in the same run, and accepted baselines are not asked\n"
        f"  at: {folder}\n\nhint: run without `--against`, or take 'quick' out of suite.yaml"
    )


@pytest.mark.slow
def test_the_command_says_what_it_kept(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = made / "kept"
    assert run_cli(["baseline", "accept", str(made / "run"), "--system", "zero_shot", "-o", str(target)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("system     metric ")
    assert "zero_shot  route.accuracy " in out
    assert sorted(p.name for p in target.iterdir()) == ["zero_shot.accepted.json", "zero_shot.scores.jsonl"]
    assert run_cli(["baseline", "accept", str(made / "run"), "-o", str(target), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["system"] for one in told] == ["zero_shot", "rag"]
    assert run_cli(["gate", str(made / "run"), "--against", str(target)]) == 0


@pytest.mark.slow
def test_a_candidate_gated_against_accepted_baselines_takes_a_look(tmp_path: Path) -> None:
    folder = write_ledger_suite(tmp_path)
    backend = FakeBackend(base, adapters=dict.fromkeys(("good", "other"), right))
    run(folder, backend=backend)
    accept(tmp_path / "run")
    decision = run(folder, "fresh", ("other",), against=str(tmp_path / "baselines" / "desk"), backend=backend)
    assert decision.bound.startswith("Look 2 of 2, alpha 0.025 per look")
    ledger = read_ledger(folder)
    assert ledger is not None
    assert (ledger.used, ledger.left) == (2, 0)
    # Judged again, it is the same look.
    again = pipeline.gate(tmp_path / "fresh", tmp_path / "baselines" / "desk")
    assert again.bound == decision.bound
    # Without the accepted ones nothing can be said of a gain, and the error names the way.
    assert fault(lambda: pipeline.gate(tmp_path / "fresh")) == (
        "error[not-measured]: gate 'routing' compares route.accuracy with a baseline, but no baseline was measured on "
        "it\n\nhint: give the suite a baseline for task 'route', judge with `--against FOLDER` of accepted ones, or "
        "use the rule `at_least`"
    )
