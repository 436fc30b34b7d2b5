"""A run refuses contaminated rows or leaves them out, and its report shows scores with and without them."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desk_candidates import desk_backend, pretend_trained, write_desk
from recorder import Recorder

from evalgate import pipeline
from evalgate.checking import checked, find_overlaps, notes_of
from evalgate.cli import run_cli
from evalgate.config import load_project, load_suite_spec
from evalgate.core.data import Replay, RunOptions
from evalgate.core.drafts import Preferences
from evalgate.core.errors import EvalgateError
from evalgate.core.prompts import Choose, Shots
from evalgate.core.results import Decision
from evalgate.looks import training_rows
from evalgate.planning import make_plan
from evalgate.store import load_run
from evalgate.suite.frozen import freeze
from evalgate.training.data import ordered
from evalgate.training.pairs import pairs_of
from evalgate.training.recipe import recipe_digest
from evalgate.training.replay import with_replay

# Held-out messages that stand on lines 101 and 102.
KETTLE = "route number 205 came from Ann: the blue kettle leaks, and nobody has answered my letters since May"
LAMP = "route number 308 came from Tom: my desk lamp flickers at night, please send me a courier to collect it"


def plant(suite: Path, split: str, *texts: str) -> None:
    """The two messages to the held-out set, these texts to another split of route; the suite frozen with them."""
    for name, found in (("heldout", (KETTLE, LAMP)), (split, texts)):
        with (suite / "route" / f"{name}.jsonl").open("a") as file:
            for i, text in enumerate(found):
                row = {"id": f"{name}-planted-{i}", "inputs": {"text": text}, "label": "refund"}
                file.write(json.dumps(row) + "\n")
    freeze(suite, load_suite_spec(suite), bump=True)


class Listener(Recorder):
    """Remembers notes, too."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_desk(tmp_path)
    monkeypatch.chdir(tmp_path)
    return Path("suites/desk")


def run(suite: Path, **options: Any) -> tuple[Decision, Listener]:
    chosen, progress = RunOptions(suite=str(suite), output="run", early_stop=False, **options), Listener()
    pretend_trained(chosen)
    return pipeline.run(chosen, progress, desk_backend()), progress


REFUSED = """\
error[contaminated-train]: 2 training rows that candidates or prompts use copy held-out examples (1 exact, 1 normalised):
  suites/desk/route/train.jsonl:3 (id 'train-planted-0') and suites/desk/route/heldout.jsonl:101 (id 'heldout-planted-0') (exact, 100%)
  suites/desk/route/train.jsonl:4 (id 'train-planted-1') and suites/desk/route/heldout.jsonl:102 (id 'heldout-planted-1') (normalised, 100%)
  at: suites/desk/route/train.jsonl:3 (id 'train-planted-0')

hint: leave the rows out with `evalgate run suites/desk --drop`, or take them out of the files and freeze with `--bump`; \
`evalgate validate suites/desk --format json` lists all"""  # noqa: E501


def test_contaminated_rows_are_refused_before_anything_is_written(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(suite, "train", KETTLE, LAMP.upper() + "!")
    with pytest.raises(EvalgateError) as refused:
        pipeline.run(RunOptions(suite=str(suite), output="run"), Listener(), desk_backend())
    assert str(refused.value) == REFUSED
    assert not Path("run").exists()
    assert run_cli(["validate", str(suite)]) == 3
    shown = capsys.readouterr()
    assert (
        "contamination: 1 train (exact), first suites/desk/route/train.jsonl:3 (id 'train-planted-0') and " in shown.out
    )
    assert shown.err.strip() == REFUSED


def test_validate_lists_every_finding_as_json(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(suite, "train", KETTLE)
    assert run_cli(["validate", str(suite), "--format", "json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert told["tasks"]["route"] == {"train": 3, "dev": 2, "heldout": 102}
    assert told["contamination"] == [
        {
            "kind": "exact", "source": "train", "source_task": "route", "source_id": "train-planted-0",
            "where": "suites/desk/route/train.jsonl:3 (id 'train-planted-0')", "task": "route",
            "example_id": "heldout-planted-0",
            "heldout_where": "suites/desk/route/heldout.jsonl:101 (id 'heldout-planted-0')",
            "share": 1.0,
        }
    ]  # fmt: skip


def test_rows_without_users_do_not_stop_a_run(suite: Path) -> None:
    plant(suite, "train", KETTLE)
    plan = make_plan(RunOptions(suite=str(suite), candidates=()))
    assert [o.kind for o in plan.overlaps] == ["exact"]
    assert plan.run.dropped == {}


@pytest.mark.slow
def test_dev_rows_are_a_warning_and_shown(suite: Path) -> None:
    plant(suite, "dev", KETTLE)
    decision, progress = run(suite)
    note = (
        "contamination: 1 dev (exact), first suites/desk/route/dev.jsonl:3 (id 'dev-planted-0') and "
        "suites/desk/route/heldout.jsonl:101 (id 'heldout-planted-0')"
    )
    assert note in progress.notes
    assert {s.estimate.n for s in decision.clean_scores if s.estimate} == {101}


@pytest.mark.slow
def test_dropped_rows_are_recorded_and_the_clean_subset_stands_beside_the_full_set(suite: Path) -> None:
    plant(suite, "train", KETTLE, LAMP)
    decision, progress = run(suite, drop=True)
    data = load_run(Path("run"))
    assert data.run.dropped == {"route": ("train-planted-0", "train-planted-1")}
    assert "contamination: 2 train rows of route left out (--drop)" in progress.notes
    assert {row.id for row in data.trained["winner"] if row.task == "route"} == {"route-train-0", "route-train-1"}
    full = {(s.system, s.task): s.estimate for s in decision.scores}
    clean = {(s.system, s.task): s.estimate for s in decision.clean_scores}
    assert {task for _, task in clean} == {"route"}
    ours, all_of = clean["winner", "route"], full["winner", "route"]
    assert ours is not None and all_of is not None
    assert (all_of.n, ours.n) == (102, 100)
    rows = [s.parts[0] for s in data.scores["winner"]["route"] if "planted" not in s.example_id]
    assert ours.value == pytest.approx(sum(rows) / len(rows))
    page, short = Path("run/report.html").read_text(), Path("run/report.md").read_text()
    for text in (page, short):
        assert "suites/desk/route/train.jsonl:3" in text
        assert "suites/desk/route/heldout.jsonl:101" in text
        assert "2 contaminated rows of route left out of training" in text
        assert "clean subset" in text.lower()
    assert pipeline.gate(Path("run")).clean_scores == decision.clean_scores


@pytest.mark.slow
def test_without_findings_the_report_says_so_and_an_old_recording_says_nothing(suite: Path) -> None:
    decision, _ = run(suite)
    assert decision.clean_scores == ()
    assert "None found in train, dev and replay rows" in Path("run/report.html").read_text()
    Path("run/contamination.jsonl").unlink()
    pipeline.report(Path("run"))
    assert "Not checked: this was recorded before there was a check." in Path("run/report.html").read_text()


def test_a_run_with_rows_left_out_is_another_run(suite: Path) -> None:
    clean = make_plan(RunOptions(suite=str(suite), drop=True)).run
    assert clean.id == make_plan(RunOptions(suite=str(suite))).run.id
    plant(suite, "train", KETTLE)
    dropped = make_plan(RunOptions(suite=str(suite), drop=True)).run
    assert dropped.id != make_plan(RunOptions(suite=str(suite), candidates=())).run.id != clean.id


def test_shots_are_refused_and_dropped_alike(suite: Path) -> None:
    plant(suite, "train", KETTLE)
    system = Path("baselines/desk/zero.yaml")
    chosen = "route: {template: text.j2, shots: [train-planted-0, route-train-1]}"
    system.write_text(system.read_text().replace("route: {template: text.j2}", chosen))
    project = msgspec.structs.replace(load_project(suite), recipes=())
    with pytest.raises(EvalgateError, match=r"1 training row that candidates or prompts use copies"):
        checked(project)
    clean = checked(project, drop=True)
    assert {s.name: s.prompts["route"].shots for s in clean.project.systems} == {"other": 0, "zero": ("route-train-1",)}


@pytest.mark.parametrize("choose", ["fixed", "nearest", "random"])
def test_dev_rows_that_a_prompt_shows_are_refused_and_dropped(suite: Path, choose: Choose) -> None:
    plant(suite, "dev", KETTLE)
    project = load_project(suite)
    assert checked(project).dropped == {}
    zero = next(draft for draft in project.systems if draft.name == "zero")
    route = msgspec.structs.replace(zero.prompts["route"], shots=Shots(n=2, choose=choose, pool="dev"))
    zero = msgspec.structs.replace(zero, prompts=zero.prompts | {"route": route})
    project = msgspec.structs.replace(project, systems=(zero,))
    with pytest.raises(EvalgateError, match=r"1 training row that candidates or prompts use copies") as refused:
        checked(project)
    assert refused.value.where == "suites/desk/route/dev.jsonl:3 (id 'dev-planted-0')"
    clean = checked(project, drop=True)
    assert clean.dropped == {"route": ("dev-planted-0",)}
    splits, before = clean.project.suite.tasks["route"].splits, project.suite.tasks["route"].splits
    assert splits == {**before, "dev": before["dev"][:2]}


def test_preference_pairs_are_checked_and_left_out(suite: Path) -> None:
    rows = [{"prompt": f"What is {i} plus one?", "chosen": str(i + 1), "rejected": "0"} for i in range(4)]
    rows[2]["prompt"] = KETTLE.title() + "?"
    file = Path("pairs.jsonl")
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plant(suite, "dev")
    project = load_project(suite)
    recipe = msgspec.structs.replace(project.recipes[0], dpo=Preferences(data=str(file)))
    project = msgspec.structs.replace(project, recipes=(recipe,))
    assert [(o.source, o.where) for o in find_overlaps(project)] == [("pairs", "pairs.jsonl:3")]
    with pytest.raises(EvalgateError, match="contaminated-train"):
        checked(project)
    clean = checked(project, drop=True)
    assert clean.dropped == {"pairs": ("pairs.jsonl:3",)}
    assert "contamination: 1 pairs left out (--drop)" in notes_of(clean.overlaps, clean.dropped)
    (left,) = clean.project.recipes
    assert left.dpo
    assert left.dpo.left_out == (2,)
    assert recipe_digest(left) != recipe_digest(recipe)
    assert {pair.messages[-1].content for pair in pairs_of(left.dpo, 0)} == {
        f"What is {i} plus one?" for i in (0, 1, 3)
    }


def test_replayed_lines_are_left_out(suite: Path) -> None:
    lines = [{"prompt": f"What is {i} plus one?", "completion": str(i + 1)} for i in range(6)]
    lines[2]["prompt"] = KETTLE.title() + "?"
    file = Path("replay.jsonl")
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    plant(suite, "dev")
    project = load_project(suite)
    recipe = msgspec.structs.replace(project.recipes[0], replay=Replay(path=str(file), share=0.5))
    project = msgspec.structs.replace(project, recipes=(recipe,))
    assert [(o.source, o.where) for o in find_overlaps(project)] == [("replay", "replay.jsonl:3")]
    clean = checked(project, drop=True)
    assert clean.dropped == {"replay": ("replay.jsonl:3",)}
    (left,) = clean.project.recipes
    assert left.replay is not None and left.replay.left_out == (2,)
    assert recipe_digest(left) != recipe_digest(recipe)
    plan = make_plan(RunOptions(suite=str(suite)))
    rows = training_rows(plan.run.systems["winner"], plan.suite, "train", {})
    drawn = {row.id for row in with_replay(left, ordered(rows, 0)) if row.task == "replay"}
    assert len(drawn) == 4
    assert drawn <= {f"replay-{i}" for i in (0, 1, 3, 4, 5)}
