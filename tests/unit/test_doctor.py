"""The doctor sees every planted fault, says so where it cannot, and leaves the recording as it was."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from doctor_run import GATES, make_run

from evalgate.cli import run_cli
from evalgate.core.data import EarlyStop
from evalgate.core.record import digest_files
from evalgate.core.results import Run
from evalgate.doctor.faults import FAULTS, Fault
from evalgate.doctor.inject import Checkup, Shown, inject
from evalgate.doctor.text import checkup_text
from evalgate.files import read_record, write_record


def digest_of_folder(folder: Path) -> str:
    return digest_files(folder, [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def checkup(recorded: Path) -> tuple[Checkup, str, str]:
    before = digest_of_folder(recorded)
    return inject(recorded), before, digest_of_folder(recorded)


@pytest.fixture
def folder(recorded: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(recorded, tmp_path / "run"))


def only(*names: str) -> list[Fault]:
    return [fault for fault in FAULTS if fault.name in names]


def shown(folder: Path, name: str) -> Shown:
    return inject(folder, only(name)).faults[0]


def with_gates(folder: Path, change: Callable[[Any], Any]) -> Path:
    run = read_record(folder / "run.json", Run, fix="")
    gates = tuple(gate for gate in map(change, run.gates) if gate is not None)
    write_record(folder / "run.json", msgspec.structs.replace(run, gates=gates))
    return folder


# What is planted


def test_every_fault_is_seen_and_the_recording_is_untouched(checkup: tuple[Checkup, str, str]) -> None:
    found, before, after = checkup
    assert before == after
    assert found.control_decision == "ship"
    assert set(found.control) == set(GATES)
    assert set(found.control.values()) == {"pass"}
    assert {f.fault: f.state for f in found.faults} == {fault.name: "OK" for fault in FAULTS}
    assert {f.fault for f in found.faults if f.decision == "ship"} == {"collapses-if-better"}
    assert (found.missed, found.open) == ([], [])
    fired = {f.fault: [text.partition(" (")[0] for text in f.fired] for f in found.faults}
    assert fired["candidate-is-baseline"] == ["routing: pass -> fail", "tickets: pass -> fail"]
    assert fired["fenced-json"] == ["json: pass -> fail"]
    assert fired["slower"] == ["latency: pass -> fail"]
    assert fired["capability-lost"] == ["capability: pass -> fail"]
    assert fired["heldout-in-train"] == ["check heldout-in-train: clean -> found"]
    assert fired["adapter-not-loaded"] == ["check adapter-not-active: clean -> found"]
    assert fired["wrong-padding"] == fired["other-tokenizer"] == ["check probe-failed: clean -> found"]
    assert fired["double-bos"] == ["check double-bos: clean -> found"]
    assert "json: pass -> inconclusive" in fired["broken-answers"]


def test_planted_faults_have_the_size_that_they_say(checkup: tuple[Checkup, str, str]) -> None:
    by_name = {f.fault: f for f in checkup[0].faults}
    [slower] = by_name["slower"].fired
    before, after = (float(x) for x in slower.partition("(")[2].rstrip(")").split(" -> "))
    assert after / before == pytest.approx(1.2, abs=0.002)
    [lost] = by_name["capability-lost"].fired
    assert lost.endswith("-> -0.100)")
    assert "5% of the answers" in by_name["broken-answers"].planted
    assert [text for text in by_name["candidate-is-baseline"].fired if text.endswith("-> 0.000)")] != []


def test_relabelled_candidates_ship_no_more_often_than_alpha(checkup: tuple[Checkup, str, str]) -> None:
    found = checkup[0]
    assert [r.gate for r in found.relabelled] == ["routing", "tickets"]
    assert {(r.n, r.alpha, r.sound) for r in found.relabelled} == {(200, 0.05, True)}
    assert found.ships <= min(r.passed for r in found.relabelled)
    assert sum(r.passed for r in found.relabelled) > 0  # a gate that never passes anything would show nothing


@pytest.mark.slow
def test_scores_of_planted_answers_come_from_the_metrics(recorded: Path) -> None:
    """A fault that turns every answer to its reference in other case leaves accuracy at 1, by the metric's own rule."""

    def shout(copy: Any) -> str:
        for task in ("route", "extract"):
            text = {e.id: e.references[0].upper() for e in copy.examples(task)}
            copy.answer(task, text)
            rows = copy.data.scores["qlora"][task]
            values[task] = [s.parts[0] for s in rows if s.metric in ("accuracy", "json_valid")]
        return "shouted"

    values: dict[str, list[float]] = {}
    fault = Fault(name="shouting", plant=shout, watches=lambda run: ["json"], watcher="json")
    [found] = inject(recorded, [fault]).faults
    assert set(values["route"]) == {1.0}
    assert set(values["extract"]) == {0.0}  # the schema asks for "order", not "ORDER"
    assert found.fired[0].startswith("json: pass -> fail")


@pytest.mark.slow
def test_without_its_gate_a_fault_is_not_applicable_and_says_that_it_would_ship(folder: Path) -> None:
    with_gates(folder, lambda gate: None if gate.task == "extract" else gate)
    found = shown(folder, "fenced-json")
    assert (found.state, found.fired) == ("NOT APPLICABLE", ())
    assert found.note == "no required gate on json_valid; with this fault the candidate ships"


@pytest.mark.slow
def test_a_gate_that_is_not_required_does_not_count(folder: Path) -> None:
    with_gates(folder, lambda gate: msgspec.structs.replace(gate, required=gate.name != "latency"))
    found = shown(folder, "slower")
    assert (found.state, found.note) == (
        "NOT APPLICABLE",
        "no required gate on latency; with this fault the candidate ships",
    )


@pytest.mark.slow
def test_a_candidate_that_was_never_timed_is_checked_without_gates_on_times(folder: Path) -> None:
    """As an early stop leaves one that has failed a gate."""
    with_gates(folder, lambda g: msgspec.structs.replace(g, limit=0.9999) if g.rule == "at_least" else g)
    run = read_record(folder / "run.json", Run, fix="")
    write_record(folder / "run.json", msgspec.structs.replace(run, early_stop=EarlyStop(futility=False)))
    for path in (folder / "latency").glob("*.jsonl"):
        path.unlink()
    found = inject(folder, only("slower", "double-bos"))
    assert {f.fault: f.state for f in found.faults} == {"slower": "NOT APPLICABLE", "double-bos": "OK"}
    assert found.twin[-1] == "no times were measured, so gates on them are left out"


def test_without_a_gate_on_a_gain_a_copy_of_the_baseline_ships_and_that_is_missed(folder: Path) -> None:
    with_gates(folder, lambda gate: None if gate.rule == "better_than_baselines" or gate.name == "json" else gate)
    found = inject(folder, only("candidate-is-baseline", "double-bos"))
    assert {f.fault: f.state for f in found.faults} == {"candidate-is-baseline": "MISSED", "double-bos": "OK"}
    assert (found.missed, found.relabelled, found.n_relabelled) == (["candidate-is-baseline"], (), 0)


@pytest.mark.slow
def test_a_check_that_does_not_fire_is_missed(recorded: Path) -> None:
    blind = expecting(only("double-bos")[0], finding="adapter-not-active")
    [found] = inject(recorded, [blind]).faults
    assert (found.state, found.fired) == ("MISSED", ())


def expecting(fault: Fault, *, finding: str) -> Fault:
    return Fault(name=fault.name, plant=fault.plant, finding=finding)


@pytest.mark.slow
def test_too_few_examples_can_show_nothing_and_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = make_run(tmp_path, n=15)
    found = inject(small, only("candidate-is-baseline", "double-bos"))
    assert {f.fault: f.state for f in found.faults} == {"candidate-is-baseline": "NOT SHOWN", "double-bos": "OK"}
    assert found.faults[0].note == (
        "too few examples to pass even with right answers: routing is inconclusive, tickets is inconclusive"
    )
    assert run_cli(["doctor", str(small), "--inject"]) == 2
    assert "; cannot be shown here: candidate-is-baseline, " in capsys.readouterr().out


# The command


@pytest.mark.slow
def test_the_command_prints_every_fault_and_its_exit_code(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["doctor", str(recorded), "--inject", "--format", "json"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out, type=Checkup)
    text = checkup_text(found, "text")
    assert text.startswith("control: a twin of qlora that only just passes; decision: ship\n  route: ")
    assert (
        "OK              fenced-json; decision: keep_baseline\n"
        "  planted       every answer to extract wrapped in ```json\n"
        "  should fire   json\n"
        "  fired         json: pass -> fail ("
    ) in text
    assert text.endswith(
        f"\n\ndoctor: 12 of 12 faults seen; {found.ships} of 200 relabelled A/A candidates pass every gate on a gain\n"
    )
    table = checkup_text(found, "md")
    assert "| fault | planted | should fire | fired (before -> after) | state |\n|---|---|---|---|---|\n" in table
    assert table.count("| OK |") == 14


@pytest.mark.slow
def test_the_doctor_needs_no_torch(recorded: Path) -> None:
    code = (
        "import sys; from evalgate.cli import run_cli; code = run_cli(['doctor', sys.argv[1], '--inject'])\n"
        "print(*sorted({m.partition('.')[0] for m in sys.modules}), file=sys.stderr); sys.exit(code)"
    )
    asked = subprocess.run([sys.executable, "-c", code, str(recorded)], capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stderr
    assert {"torch", "transformers", "datasets", "lm_eval"} & set(asked.stderr.split()) == set()


@pytest.mark.slow
def test_a_missed_fault_ends_with_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_gates(folder, lambda gate: gate if gate.name in ("refusals", "capability") else None)
    assert run_cli(["doctor", str(folder), "--inject"]) == 1
    out = capsys.readouterr().out
    assert "MISSED          candidate-is-baseline; decision: ship\n" in out
    assert "  note          no required gate on a gain; with this fault the candidate ships\n" in out
    assert "missed: candidate-is-baseline, collapses" in out


def test_a_run_without_candidates_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = make_run(tmp_path, n=100, candidates=())
    assert run_cli(["doctor", str(bare), "--inject"]) == 3
    assert capsys.readouterr().err == (
        "error[no-candidate]: the run has no candidate, so there is nothing to plant faults into\n"
        f"  at: {bare}\n\nhint: give a run with at least one candidate\n"
    )


def test_without_the_suite_nothing_can_be_planted_but_the_recording_is_still_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = make_run(tmp_path)
    suite = tmp_path / "suites" / "desk"
    heldout = suite / "route" / "heldout.jsonl"
    heldout.write_text(heldout.read_text().replace("message 1", "other"))
    assert run_cli(["doctor", str(moved), "--inject"]) == 3
    hint = f"go to the folder that holds {suite}, with the suite as it was (commit c0ffee), and repeat the command "
    hint += "there"
    assert capsys.readouterr().err == (
        "error[suite-not-there]: the suite 'desk' has other data than this run was made with, so answers cannot be "
        f"scored again\n  at: {suite}\n\nhint: {hint}\n"
    )
    shutil.rmtree(suite)
    assert run_cli(["doctor", str(moved)]) == 0
    assert capsys.readouterr().out == (
        "note[suite-not-there]: the suite 'desk' is not there, so answers cannot be scored again\n"
        f"  at: {suite}\n  fix: {hint}\n"
    )
