"""What is wrong with a recording is found, named, and keeps its candidate from a decision."""

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
from evalgate.core.data import Sampling, SystemSpec
from evalgate.core.record import Record
from evalgate.core.results import AdapterProbe, Decision, Finding, Prediction, Run, Score, TrainedRow
from evalgate.core.serving import LatencyPair
from evalgate.doctor.inject import diagnose
from evalgate.doctor.text import findings_text
from evalgate.files import read_lines, read_record, write_lines, write_record
from evalgate.judging import judge_run
from evalgate.store import RunFolder, load_run
from evalgate.validity import doubtful, examine


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def folder(recorded: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(recorded, tmp_path / "run"))


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


def spoil_prompt(folder: Path, name: str, **sampling: Any) -> None:
    run = read_record(folder / "run.json", Run, fix="")
    prompts = run.systems[name].prompts
    route = msgspec.structs.replace(prompts["route"], sampling=Sampling(**sampling))
    spoil_system(folder, name, prompts=prompts | {"route": route})


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
    "constraint": (
        lambda f: spoil_prompt(f, "qlora", constraint="choices"),
        "note[constraint-uneven]: qlora answers route under the constraint choices, and no baseline does\n"
        "  at: run.json\n"
        "  fix: set `constraint` on the task in suite.yaml, which holds all systems to it, and run again\n",
    ),
    "unheld": (
        lambda f: edit(f / ANSWERS, Prediction, replaced(constraint_broken=True)),
        "note[constraint-broken]: 2 of 100 answers of qlora to route break its constraint\n"
        "  at: predictions/qlora/route.jsonl\n"
        "  fix: ask a server that keeps `response_format`, or take `constraint` out of the task and its prompts\n",
    ),
    "likelihood": (
        lambda f: spoil_prompt(f, "qlora", answer_by="likelihood"),
        "note[constraint-uneven]: qlora answers route by likelihood, and no baseline does\n"
        "  at: run.json\n"
        "  fix: set `answer_by` on the task in suite.yaml, which holds all systems to it, and run again\n",
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
    assert ("qlora cannot be trusted" in judge_run(load_run(folder)).reason) == bool(hard)


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
    written: dict[str, Any] = json.loads((folder / "decision.json").read_text())
    assert [f["code"] for f in written["findings"]] == ["adapter-not-active"]
    page = (folder / "report.html").read_text()
    assert "the adapter of qlora changes nothing" in page


def test_another_candidate_ships_all_the_same(tmp_path: Path) -> None:
    gates = {name: GATES[name] for name in ("routing", "capability")}
    folder = make_run(tmp_path, gates=gates, candidates=("first", "second"))
    assert judge_run(load_run(folder)).outcome == "ship"
    for name, ships in (("first", "second"), ("second", None)):
        edit(folder / f"predictions/{name}/route.jsonl", Prediction, replaced(prompt_bos=2))
        assert judge_run(load_run(folder)).ship == ships


def test_a_finding_on_a_baseline_concerns_every_candidate(folder: Path) -> None:
    run = msgspec.structs.replace(load_run(folder).run, candidates=("a", "b"), seeds={"b": ("b", "b@2")})
    finding = Finding(code="double-bos", system="few-shot", what="2 prompts of few-shot", where="", fix="")
    assert doubtful([finding], run) == {
        "a": "a cannot be trusted: 2 prompts of few-shot.",
        "b": "b cannot be trusted: 2 prompts of few-shot.",
    }
    assert doubtful([msgspec.structs.replace(finding, hard=False)], run) == {}
    assert list(doubtful([msgspec.structs.replace(finding, system="b@2")], run)) == ["b"]


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
