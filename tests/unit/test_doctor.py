"""The doctor: what is wrong with a recording, and whether planted faults are seen."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from doctor_run import GATES, make_run

from evalgate import pipeline
from evalgate.backends.batching import leading
from evalgate.cli import run_cli
from evalgate.core.content import content_digest
from evalgate.core.data import SystemSpec
from evalgate.core.record import Record, digest_files
from evalgate.core.results import AdapterProbe, Decision, Finding, LatencyPair, Prediction, Run, Score, TrainedRow
from evalgate.doctor.faults import FAULTS, Fault
from evalgate.doctor.inject import Checkup, Shown, diagnose, inject
from evalgate.doctor.text import checkup_text, findings_text
from evalgate.judging import judge_run
from evalgate.store import RunFolder, load_run, read_lines, read_record, write_lines, write_record
from evalgate.validity import doubtful, examine


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


def test_scores_of_planted_answers_come_from_the_metrics(recorded: Path) -> None:
    """A fault that turns every answer to its reference in other case leaves accuracy at 1, by the metric's own rule."""

    def shout(copy: Any) -> str:
        for task in ("route", "extract"):
            text = {e.id: e.references[0].upper() for e in copy.examples(task)}
            copy.answer(task, text)
            values[task] = [
                s.parts[0] for s in copy.data.scores["qlora"][task] if s.metric in ("accuracy", "json_valid")
            ]
        return "shouted"

    values: dict[str, list[float]] = {}
    fault = Fault(name="shouting", plant=shout, watches=lambda run: ["json"], watcher="json")
    [found] = inject(recorded, [fault]).faults
    assert set(values["route"]) == {1.0}
    assert set(values["extract"]) == {0.0}  # the schema asks for "order", not "ORDER"
    assert found.fired[0].startswith("json: pass -> fail")


def test_without_its_gate_a_fault_is_not_applicable_and_says_that_it_would_ship(folder: Path) -> None:
    with_gates(folder, lambda gate: None if gate.task == "extract" else gate)
    found = shown(folder, "fenced-json")
    assert (found.state, found.fired) == ("NOT APPLICABLE", ())
    assert found.note == "no required gate on json_valid; with this fault the candidate ships"


def test_a_gate_that_is_not_required_does_not_count(folder: Path) -> None:
    with_gates(folder, lambda gate: msgspec.structs.replace(gate, required=gate.name != "latency"))
    found = shown(folder, "slower")
    assert (found.state, found.note) == (
        "NOT APPLICABLE",
        "no required gate on latency; with this fault the candidate ships",
    )


def test_without_a_gate_on_a_gain_a_copy_of_the_baseline_ships_and_that_is_missed(folder: Path) -> None:
    with_gates(folder, lambda gate: None if gate.rule == "better_than_baselines" or gate.name == "json" else gate)
    found = inject(folder, only("candidate-is-baseline", "double-bos"))
    assert {f.fault: f.state for f in found.faults} == {"candidate-is-baseline": "MISSED", "double-bos": "OK"}
    assert (found.missed, found.relabelled, found.n_relabelled) == (["candidate-is-baseline"], (), 0)


def test_a_check_that_does_not_fire_is_missed(recorded: Path) -> None:
    blind = msgspec_free_replace(only("double-bos")[0], finding="adapter-not-active")
    [found] = inject(recorded, [blind]).faults
    assert (found.state, found.fired) == ("MISSED", ())


def msgspec_free_replace(fault: Fault, *, finding: str) -> Fault:
    return Fault(name=fault.name, plant=fault.plant, finding=finding)


def test_too_few_examples_can_show_nothing_and_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = make_run(tmp_path, n=15)
    found = inject(small, only("fenced-json", "double-bos"))
    assert {f.fault: f.state for f in found.faults} == {"fenced-json": "NOT SHOWN", "double-bos": "OK"}
    assert found.faults[0].note == "too few examples to pass even with right answers: json is pass" or (
        found.faults[0].note == "too few examples to pass even with right answers: json is inconclusive"
    )


# The command


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
        f"\n\ndoctor: 10 of 10 faults seen; {found.ships} of 200 relabelled A/A candidates pass every gate on a gain\n"
    )
    table = checkup_text(found, "md")
    assert "| fault | planted | should fire | fired (before -> after) | state |\n|---|---|---|---|---|\n" in table
    assert table.count("| OK |") == 12


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
    hint = (
        f"go to the folder that holds {suite}, with the suite as it was (commit c0ffee), and repeat the command there"
    )
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


# What is wrong with a recording


def edit(path: Path, kind: type[Record], change: Callable[[int, Any], Any]) -> None:
    rows = [change(i, row) for i, row in enumerate(read_lines(path, kind))]
    write_lines(path, [row for row in rows if row is not None])


def replaced(**changes: Any) -> Callable[[int, Any], Any]:
    """Change the first two rows."""
    return lambda i, row: msgspec.structs.replace(row, **changes) if i < 2 else row


def spoil_system(folder: Path, name: str, **changes: Any) -> None:
    run = read_record(folder / "run.json", Run, fix="")
    systems = run.systems | {name: msgspec.structs.replace(run.systems[name], **changes)}
    write_record(folder / "run.json", msgspec.structs.replace(run, systems=systems))


def leak(folder: Path, n: int) -> None:
    texts = [f"  HELDOUT message {i} to\nroute" for i in range(n)]
    rows = [TrainedRow(id=f"r{i}", task="route", content_digest=content_digest(t)) for i, t in enumerate(texts)]
    write_lines(RunFolder(folder).trained("qlora"), rows)


ANSWERS, SCORES = "predictions/qlora/route.jsonl", "scores/qlora/route.jsonl"
CASES: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (
        lambda f: edit(f / ANSWERS, Prediction, lambda i, p: p if i != 7 else None),
        "error[answers-missing]: qlora has no answer to 1 of 100 examples of route (first: route-heldout-7)\n"
        "  at: predictions/qlora/route.jsonl\n"
        "  fix: run the suite again with the same folder: only what is missing is asked\n",
    ),
    "double bos": (
        lambda f: edit(f / ANSWERS, Prediction, replaced(prompt_bos=2)),
        "error[double-bos]: 2 of 100 prompts of qlora begin with more than one BOS token (route)\n"
        "  at: predictions/qlora/route.jsonl\n"
        "  fix: let either the chat template or the tokenizer write the BOS, and run again\n",
    ),
    "leak": (
        lambda f: leak(f, 1),
        "error[heldout-in-train]: qlora was trained on 1 of 100 examples of route (first: route-heldout-0, trained as "
        "r0)\n  at: adapters/qlora/trained.jsonl\n"
        "  fix: take the copies out of the train split or the replay file, freeze with `--bump`, train again\n",
    ),
    "probe": (
        lambda f: write_record(
            f / "adapters/qlora/probe.json", AdapterProbe(adapter_digest="qlora", base=(-1.0, -2.5), tuned=(-1.0, -2.5))
        ),
        "error[adapter-not-active]: the adapter of qlora changes nothing: 2 of 2 probed answers are exactly as likely "
        "without it\n  at: adapters/qlora/probe.json\n"
        "  fix: check that the adapter's layer names fit the base and that the backend switches it on\n",
    ),
    "other adapter": (
        lambda f: spoil_system(f, "qlora", adapter_digest="another"),
        "error[adapter-unknown]: qlora has not answered with the adapter that its card describes\n"
        "  at: adapters/qlora\n"
        "  fix: run the suite again with the same folder: the training goes on, and the candidate is asked anew\n",
    ),
    "scores": (
        lambda f: edit(f / SCORES, Score, lambda i, s: msgspec.structs.replace(s, parts=(0.5,)) if i == 3 else s),
        "error[scores-differ]: 1 of 100 scores of qlora on route are not what the metrics say of its answers (first: "
        "route-heldout-3, accuracy)\n  at: scores/qlora/route.jsonl\n"
        "  fix: delete the file and run again: the answers are scored anew\n",
    ),
    "cached": (
        lambda f: edit(f / "latency/qlora.jsonl", LatencyPair, replaced(cached=True)),
        "note[latency-cached]: 2 of 120 times of qlora were read from a cache\n"
        "  at: latency/qlora.jsonl\n  fix: delete the file and run again: only the times are measured anew\n",
    ),
    "same": (
        lambda f: spoil_system(f, "qlora", adapter_digest=None),
        "error[adapter-unknown]: qlora has not answered with the adapter that its card describes\n"
        "  at: adapters/qlora\n"
        "  fix: run the suite again with the same folder: the training goes on, and the candidate is asked anew\n"
        "note[same-system]: qlora is the same system as zero_shot\n"
        "  at: run.json\n  fix: remove one of the two: it counts twice where candidates or baselines are counted\n",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_named_with_its_place_and_its_fix(case: str, folder: Path) -> None:
    spoil, text = CASES[case]
    assert findings_text("run", diagnose(folder), "text") == "run: nothing found\n"
    spoil(folder)
    findings = diagnose(folder)
    assert findings_text("run", findings, "text") == text
    assert run_cli(["doctor", str(folder), "--format", "json"]) == (1 if text.startswith("error") else 0)
    hard = [f for f in findings if f.hard and f.code != "scores-differ"]
    assert (judge_run(load_run(folder)).outcome == "inconclusive") == bool(hard) or not hard


def test_examples_without_a_score_are_noted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(folder / ANSWERS, Prediction, replaced(output=None, status="error"))
    edit(folder / SCORES, Score, replaced(status="unscored", parts=(), failure=None))
    [finding] = examine(load_run(folder))
    assert (finding.code, finding.hard) == ("answers-unscored", False)
    assert finding.what == "2 of 100 examples of route could not be scored for qlora (2 unknown)"


def test_one_copy_in_many_is_noted_and_a_hundredth_is_refused(tmp_path: Path) -> None:
    folder = make_run(tmp_path, n=120)
    leak(folder, 1)
    assert [(f.code, f.hard) for f in examine(load_run(folder))] == [("heldout-in-train", False)]
    leak(folder, 2)
    assert [(f.code, f.hard) for f in examine(load_run(folder))] == [("heldout-in-train", True)]


def test_without_a_probe_capability_items_equal_to_the_bases_give_an_inactive_adapter_away(folder: Path) -> None:
    (folder / "adapters/qlora/probe.json").unlink()
    assert examine(load_run(folder)) == ()
    rows = read_lines(folder / "scores/base/capability.jsonl", Score)
    write_lines(folder / "scores/qlora/capability.jsonl", [msgspec.structs.replace(s, system="qlora") for s in rows])
    [finding] = examine(load_run(folder))
    assert finding.what == "the adapter of qlora changes nothing: all 300 capability items are as the base's"


# What follows for the decision


def test_a_candidate_that_cannot_be_trusted_neither_ships_nor_fails(folder: Path) -> None:
    write_record(
        folder / "adapters/qlora/probe.json", AdapterProbe(adapter_digest="qlora", base=(-1.0,), tuned=(-1.0,))
    )
    decision = pipeline.gate(folder)
    assert (decision.outcome, decision.ship) == ("inconclusive", None)
    assert decision.reason == (
        "qlora cannot be trusted: the adapter of qlora changes nothing: 1 of 1 probed answers are exactly as likely "
        "without it."
    )
    recorded: dict[str, Any] = json.loads((folder / "decision.json").read_text())
    assert [f["code"] for f in recorded["findings"]] == ["adapter-not-active"]
    page = (folder / "report.html").read_text()
    assert "the adapter of qlora changes nothing" in page


def test_another_candidate_ships_all_the_same(tmp_path: Path) -> None:
    gates = {name: GATES[name] for name in ("routing", "capability")}
    folder = make_run(tmp_path, gates=gates, candidates=("first", "second"))
    assert judge_run(load_run(folder)).outcome == "ship"
    for name, ships in (("first", "second"), ("second", None)):
        edit(folder / f"predictions/{name}/route.jsonl", Prediction, replaced(prompt_bos=2))
        assert judge_run(load_run(folder)).ship == ships


def test_a_finding_on_a_baseline_concerns_every_candidate() -> None:
    finding = Finding(code="double-bos", system="few-shot", what="2 prompts of few-shot", where="", fix="")
    assert doubtful([finding], ["a", "b"]) == {
        "a": "a cannot be trusted: 2 prompts of few-shot.",
        "b": "b cannot be trusted: 2 prompts of few-shot.",
    }
    assert doubtful([msgspec.structs.replace(finding, hard=False)], ["a"]) == {}


def test_an_old_recording_is_read_and_says_nothing_of_what_it_did_not_record(folder: Path) -> None:
    for path in folder.glob("predictions/*/*.jsonl"):
        path.write_text(path.read_text().replace('"prompt_bos":1,', ""))
    (folder / "adapters/qlora/probe.json").unlink()
    (folder / "adapters/qlora/trained.jsonl").unlink()
    data = load_run(folder)
    assert {p.prompt_bos for p in data.predictions["qlora"]["route"]} == {None}
    assert examine(data) == ()
    assert isinstance(judge_run(data), Decision)
    assert isinstance(data.run.systems["qlora"], SystemSpec)


@pytest.mark.parametrize(
    ("ids", "token", "n"), [([1, 5, 1], 1, 1), ([1, 1, 5], 1, 2), ([5], 1, 0), ([], 1, 0), ([1], None, 0)]
)
def test_leading_tokens_are_counted(ids: list[int], token: int | None, n: int) -> None:
    assert leading(ids, token) == n


def test_a_copy_is_known_whatever_its_case_and_spaces() -> None:
    assert content_digest("Where is  my\nparcel?") == content_digest(" where is my parcel?")
    assert content_digest("\ufb01ne") == content_digest("fine")
    assert content_digest("where is my parcel") != content_digest("where is my parcel?")
