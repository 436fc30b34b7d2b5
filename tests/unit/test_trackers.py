"""Trackers: what is refused, what their own clients wrote, read back with their own readers, and what fails quietly."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from mlflow_server import serving
from msgspec.structs import replace

from evalgate.core.data import Recipe
from evalgate.core.errors import UsageError
from evalgate.core.results import AdapterCard, CurvePoint, Decision, Estimate, SystemScore, Tracked, Verdict
from evalgate.training import trackers
from evalgate.training.outcome import tell
from evalgate.training.recipe import recipe_digest
from evalgate.training.tracker_clients import table
from evalgate.training.trackers import Trackers, begun, refuse_missing, settled, tracking_of, undisturbed

RECIPE = Recipe(name="q", prompts={}, path="q.yaml", report_to=("tensorboard",), overrides={"weight_decay": 0.1})
CARD = AdapterCard(
    name="q",
    base_model="m",
    base_revision=None,
    base_digest="base",
    adapter_digest="adapter",
    train_digest="rows",
    recipe_digest="recipe",
    seed=0,
    n_rows=8,
    trained_tokens=80,
    n_steps=4,
    duration_s=1.0,
    peak_memory_bytes=1,
    curves=(CurvePoint(step=1, loss=2.0, learning_rate=0.1), CurvePoint(step=4, loss=1.0, dev_loss=1.5)),
)
DECISION = Decision(
    outcome="ship",
    reason="q is better",
    ship="q",
    verdicts=(
        Verdict(gate="routing", outcome="pass", reason="clear", candidate="q",
                estimate=Estimate(value=0.1, low=0.05, high=0.15, level=0.95, n=99, method="t")),
        Verdict(gate="latency", outcome="inconclusive", reason="too few", candidate="q"),
        Verdict(gate="routing", outcome="fail", reason="no", candidate="other"),
    ),
    scores=(
        SystemScore(system="q", task="route", metric="accuracy",
                    estimate=Estimate(value=0.9, low=0.8, high=0.95, level=0.95, n=99, method="t")),
        SystemScore(system="few-shot", task="route", metric="accuracy", estimate=None),
    ),
)  # fmt: skip
FIGURES = {
    "decision/ships": 1.0,
    "gate/routing": 0.1,
    "gate/routing/low": 0.05,
    "gate/routing/high": 0.15,
    "score/route.accuracy": 0.9,
    "score/route.accuracy/low": 0.8,
    "score/route.accuracy/high": 0.95,
}
TEXTS = {"decision": "ship", "reason": "q is better", "ship": "q", "gate.routing": "pass: clear",
         "gate.latency": "inconclusive: too few"}  # fmt: skip
LOGS = [{"loss": 2.0, "learning_rate": 0.1, "epoch": 0.5}, {"eval_loss": 1.5, "eval_runtime": 3.0}, {"loss": 1.0}]


def tracking(folder: Path, *names: str) -> Any:
    recipe = replace(RECIPE, report_to=names)
    return tracking_of(recipe, folder, recipe_digest(recipe), "base")


def trained(folder: Path, *names: str) -> tuple[AdapterCard, list[str]]:
    """A training told to trackers, and its card; notes are what a user sees."""
    told, notes = Trackers(tracking(folder, *names)), list[str]()
    for step, logs in enumerate(LOGS, 1):
        told.log(logs, step)
    told.close()
    return settled(CARD, tracking(folder, *names), notes.append), notes


@pytest.fixture
def package(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install 'evalgate-harness[{name}]'")
    return name


def only(name: str) -> Any:
    return pytest.mark.parametrize("package", [name], indirect=True)


def events(folder: Path) -> tuple[dict[str, dict[int, float]], dict[str, str]]:
    """Scalars by tag and step, and texts, as TensorBoard itself reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    found = EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0})
    found.Reload()
    scalars = {tag: {e.step: round(e.value, 6) for e in found.Scalars(tag)} for tag in found.Tags()["scalars"]}
    texts = {}
    for tag in found.Tags()["tensors"]:
        kind, values = found.SummaryMetadata(tag).plugin_data.plugin_name, found.Tensors(tag)
        if kind == "scalars":
            scalars[tag] = {e.step: round(float(make_ndarray(e.tensor_proto)), 6) for e in values}
        elif kind == "text":
            texts[tag] = make_ndarray(values[-1].tensor_proto).ravel()[0].decode()
    return scalars, texts


def test_a_missing_package_is_refused_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as caught:
        refuse_missing([replace(RECIPE, report_to=("mlflow",))])
    assert str(caught.value) == (
        "error[tracker-missing]: recipe 'q' reports to mlflow, whose package is not installed\n  at: q.yaml\n\n"
        "hint: `pip install 'evalgate-harness[mlflow]'`, or take it out of `report_to`"
    )
    refuse_missing([Recipe(name="q", prompts={})])


def test_who_watches_is_no_part_of_a_recipe() -> None:
    assert recipe_digest(RECIPE) == recipe_digest(replace(RECIPE, report_to=("wandb", "mlflow")))
    parents = replace(RECIPE, parent=RECIPE)
    assert trackers.without_trackers(parents) == trackers.without_trackers(
        replace(RECIPE, parent=replace(RECIPE, report_to=("wandb",)))
    )
    assert tracking_of(Recipe(name="q", prompts={}), Path("x"), "r", "b") is None


@only("tensorboard")
def test_tensorboard_holds_curves_and_decision_of_one_run(package: str, tmp_path: Path) -> None:
    card, notes = trained(tmp_path, package)
    assert card.tracked == (Tracked(tracker="tensorboard", run_id="q"),)
    tell(tmp_path, {"q": card}, DECISION, notes.append)
    scalars, texts = events(tmp_path / "trackers" / "tensorboard" / "q")
    assert scalars["train/loss"] == {1: 2.0, 3: 1.0}
    assert scalars["eval/loss"] == {2: 1.5}
    assert scalars["train/learning_rate"] == {1: 0.1}
    assert {k: v[CARD.n_steps] for k, v in scalars.items() if k.startswith(("gate", "score", "deci"))} == FIGURES
    assert all(f"| {key} | {value} |" in texts["decision"] for key, value in TEXTS.items())
    assert "| overrides.weight_decay | 0.1 |" in texts["config"]
    assert notes == []


@only("tensorboard")
def test_a_decision_is_told_once_and_another_one_again(package: str, tmp_path: Path) -> None:
    card, notes = trained(tmp_path, package)
    folder = tmp_path / "trackers" / "tensorboard" / "q"
    n_files = []
    for decision in (DECISION, DECISION, replace(DECISION, outcome="keep_baseline", ship=None)):
        tell(tmp_path, {"q": card}, decision, notes.append)
        n_files.append(len(list(folder.iterdir())))
    assert n_files == [2, 2, 3]
    assert "| decision | keep_baseline |" in events(folder)[1]["decision"]


@only("tensorboard")
def test_a_training_that_was_done_before_is_told_from_its_card(package: str, tmp_path: Path) -> None:
    card = settled(CARD, tracking(tmp_path, package), lambda _: None)
    scalars, _ = events(tmp_path / "trackers" / "tensorboard" / "q")
    assert scalars["train/loss"] == {1: 2.0, 4: 1.0}
    assert scalars["eval/loss"] == {4: 1.5}
    before = len(list((tmp_path / "trackers" / "tensorboard" / "q").iterdir()))
    assert settled(card, tracking(tmp_path, package), lambda _: None) == card
    assert len(list((tmp_path / "trackers" / "tensorboard" / "q").iterdir())) == before


@only("tensorboard")
def test_a_run_folder_that_was_moved_is_told_where_it_is_now(package: str, tmp_path: Path) -> None:
    card, _ = trained(tmp_path / "old", package)
    (tmp_path / "old").rename(tmp_path / "new")
    tell(tmp_path / "new", {"q": card}, DECISION, lambda _: None)
    assert "decision" in events(tmp_path / "new" / "trackers" / "tensorboard" / "q")[1]
    assert not (tmp_path / "old").exists()


@only("tensorboard")
def test_a_tracker_that_fails_is_left_alone_and_said(package: str, tmp_path: Path) -> None:
    place = tmp_path / "trackers"
    place.mkdir()
    (place / "tensorboard").write_text("a file where a folder must be")
    card, notes = trained(tmp_path, package)
    [run] = card.tracked
    assert (run.tracker, run.run_id) == ("tensorboard", "")
    assert run.trouble
    assert notes == [f"q: tensorboard was not told of the training, which is complete: {run.trouble}"]
    tell(tmp_path, {"q": card}, DECISION, notes.append)
    assert len(notes) == 1
    (place / "tensorboard").unlink()
    mended = settled(card, tracking(tmp_path, package), notes.append)
    assert mended.tracked == (Tracked(tracker="tensorboard", run_id="q"),)
    assert events(place / "tensorboard" / "q")[0]["train/loss"] == {1: 2.0, 4: 1.0}


@only("tensorboard")
def test_a_decision_that_cannot_be_told_stands_and_is_told_next_time(package: str, tmp_path: Path) -> None:
    card, notes = trained(tmp_path, package)
    folder = tmp_path / "trackers" / "tensorboard"
    folder.rename(tmp_path / "elsewhere")
    folder.write_text("in the way")
    tell(tmp_path, {"q": card}, DECISION, notes.append)
    [note] = notes
    assert note.startswith("q: tensorboard was not told the decision, which stands: ")
    folder.unlink()
    (tmp_path / "elsewhere").rename(folder)
    tell(tmp_path, {"q": card}, DECISION, notes.append)
    assert "decision" in events(folder / "q")[1]
    assert len(notes) == 1


@pytest.mark.slow
@only("tensorboard")
def test_telling_needs_no_torch(package: str, tmp_path: Path) -> None:
    code = (
        "import sys, test_trackers as t; from pathlib import Path; p = Path(sys.argv[1])\n"
        "card, _ = t.trained(p, 'tensorboard'); t.tell(p, {'q': card}, t.DECISION, print)\n"
        "assert not {'torch', 'transformers', 'tensorflow'} & set(sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment)


def test_without_trackers_nothing_is_written(tmp_path: Path) -> None:
    tell(tmp_path, {"q": CARD}, DECISION, lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_another_training_of_the_same_name_is_another_run(tmp_path: Path) -> None:
    one = tracking(tmp_path, "tensorboard")
    runs = (Tracked(tracker="tensorboard", run_id="x"),)
    trackers.write_record(one.file, trackers.Begun(identity=one.identity, runs=runs))
    assert begun(one) == runs
    assert begun(replace(one, identity="another")) == ()
    one.file.write_text("{")
    assert begun(one) == ()


def test_a_client_may_draw_and_log_as_it_likes() -> None:
    import logging

    state, level = random.getstate(), logging.root.level
    with undisturbed():
        random.seed(3)
        logging.root.setLevel(1)
    assert (random.getstate(), logging.root.level) == (state, level)


def test_a_table_keeps_its_columns() -> None:
    assert table({"a": "x | y\nz"}) == "| | |\n|---|---|\n| a | x / y z |"


@pytest.fixture
def mlflow_server(tmp_path: Path) -> Iterator[str]:
    """A tracking server on this machine; artefacts lie where it says, not behind it."""
    with serving(tmp_path, "--default-artifact-root", str(tmp_path / "artifacts")) as uri:
        yield uri


@pytest.fixture
def no_mlflow_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [key for key in os.environ if key.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    # What a client sets for itself is forgotten after the test.
    from evalgate.training.tracker_clients import PATIENCE

    for name, value in PATIENCE.items():
        monkeypatch.setenv(name, value)


def check_mlflow(uri: str, run_id: str) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    run = client.get_run(run_id)
    assert (run.info.run_name, run.info.status) == ("q", "FINISHED")
    assert {k: round(v, 6) for k, v in run.data.metrics.items() if k in FIGURES} == FIGURES
    assert {k: v for k, v in run.data.tags.items() if k.startswith("evalgate.")} == {
        f"evalgate.{k}": v for k, v in TEXTS.items()
    }
    assert run.data.params["learning_rate"] == "0.0002"
    assert [(m.step, m.value) for m in client.get_metric_history(run_id, "train/loss")] == [(1, 2.0), (3, 1.0)]
    assert client.get_experiment(run.info.experiment_id).name == "evalgate"


@pytest.mark.slow
@only("mlflow")
def test_mlflow_holds_curves_and_decision_of_one_run_in_the_runs_folder(
    package: str, tmp_path: Path, no_mlflow_settings: None
) -> None:
    with undisturbed():
        card, notes = trained(tmp_path, package)
        [run] = card.tracked
        assert (run.where, run.trouble) == ("", "")
        tell(tmp_path, {"q": card}, DECISION, notes.append)
        assert notes == []
        check_mlflow(f"sqlite:///{tmp_path}/trackers/mlflow.db", run.run_id)
    assert {path.name for path in tmp_path.iterdir()} == {"trackers"}


@pytest.mark.slow
@only("mlflow")
def test_an_mlflow_server_is_told_and_one_that_goes_away_fails_nothing(
    package: str, tmp_path: Path, no_mlflow_settings: None, mlflow_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    with undisturbed():
        card, notes = trained(tmp_path, package)
        [run] = card.tracked
        assert (run.where, run.trouble) == (mlflow_server, "")
        monkeypatch.delenv("MLFLOW_TRACKING_URI")  # the card knows where
        tell(tmp_path, {"q": card}, DECISION, notes.append)
        assert notes == []
        check_mlflow(mlflow_server, run.run_id)
    assert not (tmp_path / "trackers" / "mlflow.db").exists()
    away = replace(card, tracked=(replace(run, where="http://127.0.0.1:9"),))
    started = time.monotonic()
    tell(tmp_path, {"q": away}, replace(DECISION, reason="another"), notes.append)
    assert time.monotonic() - started < 60
    [note] = notes
    assert note.startswith("q: mlflow was not told the decision, which stands: MlflowException: ")


@pytest.mark.slow
@only("wandb")
def test_wandb_without_a_key_asks_nothing_and_keeps_one_run_for_sync(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [key for key in os.environ if key.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    card, notes = trained(tmp_path, package)
    [run] = card.tracked
    assert (run.where, run.trouble) == ("offline", "")
    assert notes == [f"q: the run in W&B is offline, `wandb sync {tmp_path}/trackers/wandb/offline-run-*` sends it"]
    time.sleep(1.1)  # a folder's name has its second
    tell(tmp_path, {"q": card}, DECISION, notes.append)
    files = sorted((tmp_path / "trackers" / "wandb").glob(f"offline-run-*-{run.run_id}/run-{run.run_id}.wandb"))
    assert len(files) == 2, "two parts of one run"
    history, _ = wandb_records(files[0])
    assert [h["train/loss"] for h in history if "train/loss" in h] == [2.0, 1.0]
    assert [h["train/global_step"] for h in history] == [1, 2, 3]
    _, summary = wandb_records(files[1])
    assert {k: v for k, v in summary.items() if k in FIGURES or k in TEXTS} == FIGURES | TEXTS
    assert len(notes) == 1


def wandb_records(file: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The history and the summary in a run's file: a head of 7 bytes, then records in LevelDB's log format."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, whole = file.read_bytes(), 7, b""
    history, summary = list[dict[str, Any]](), dict[str, Any]()
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        whole += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # full, or the last of several parts
            record = Record.FromString(whole)
            whole = b""
            if record.WhichOneof("record_type") == "history":
                history.append({i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in record.history.item})
            if record.WhichOneof("record_type") == "summary":
                summary |= {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in record.summary.update}
    return history, summary
