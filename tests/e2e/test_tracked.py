"""Trainings that trackers see: the same adapters as without them, one run each up to the decision."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from recorder import Recorder
from test_methods import Killer, pairs
from test_training import RECIPE, model_path, rows
from tiny_suite import copy_suite

from evalgate import pipeline
from evalgate.core.data import RunOptions
from evalgate.core.drafts import Preferences
from evalgate.core.results import AdapterCard
from evalgate.planning import make_plan
from evalgate.store import load_run
from evalgate.training.dpo import prefer
from evalgate.training.recipe import recipe_digest
from evalgate.training.trackers import settled, tracking_of
from evalgate.training.trainer import train

pytestmark = pytest.mark.slow
__all__ = ["model_path"]
SHORT = replace(RECIPE, max_rows=16)
NAMES = ("tensorboard", "mlflow", "wandb")


def need(name: str) -> None:
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install 'evalgate-harness[{name}]'")


def run(folder: Path, model_path: str, tracking: Any = None, **extra: Any) -> AdapterCard:
    return train(
        SHORT,
        rows(80),
        rows(8),
        model_path=model_path,
        revision=None,
        base_digest="base",
        folder=folder / "adapters" / "tiny",
        progress=Recorder(),
        tracking=tracking,
        **extra,
    )


def tracking(folder: Path, *names: str) -> Any:
    return tracking_of(replace(SHORT, report_to=names), folder, recipe_digest(SHORT), "base")


@pytest.fixture(scope="module")
def untracked(tmp_path_factory: pytest.TempPathFactory, model_path: str) -> AdapterCard:
    return run(tmp_path_factory.mktemp("untracked"), model_path)


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0})
    found.Reload()
    return {tag: {e.step: e.value for e in found.Scalars(tag)} for tag in found.Tags()["scalars"]}


@pytest.mark.parametrize("name", NAMES)
def test_a_tracker_changes_no_byte_of_an_adapter_and_no_loss(
    name: str, untracked: AdapterCard, model_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    card = run(tmp_path, model_path, tracking(tmp_path, name))
    assert card.adapter_digest == untracked.adapter_digest
    assert card.curves == untracked.curves
    [seen] = settled(card, tracking(tmp_path, name), lambda _: None).tracked
    assert (seen.tracker, seen.trouble) == (name, "")
    assert seen.run_id


def test_a_killed_training_goes_on_in_its_own_run_and_so_does_the_second_stage(
    untracked: AdapterCard, model_path: str, tmp_path: Path
) -> None:
    need("tensorboard")
    told = tracking(tmp_path, "tensorboard")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, model_path, told, callbacks=[Killer(3)])
    card = run(tmp_path, model_path, told)
    assert card.adapter_digest == untracked.adapter_digest
    folder = tmp_path / "trackers" / "tensorboard"
    losses = scalars(folder / "tiny")["train/loss"]
    assert losses == pytest.approx({p.step: p.loss for p in card.curves if p.loss is not None})
    recipe = replace(SHORT, dpo=Preferences(data=pairs(tmp_path / "p.jsonl", 8)))
    start, target = tmp_path / "adapters" / "tiny", tmp_path / "adapters" / "dpo"
    both = prefer(recipe, card, start=start, folder=target, progress=Recorder(), tracking=told)
    losses = scalars(folder / "tiny")["train/loss"]
    assert losses == pytest.approx({p.step: p.loss for p in both.curves if p.loss is not None})
    assert max(losses) > card.n_steps
    assert [path.name for path in folder.iterdir()] == ["tiny"]


def test_a_run_tells_its_decision_to_the_trainings_own_run_and_is_the_same_run_as_without(tmp_path: Path) -> None:
    need("tensorboard")
    suite = copy_suite(tmp_path, subjects=("animals",), baselines=("zero_shot",))
    options = RunOptions(suite=str(suite), output=str(tmp_path / "run"), limit=4, use_cache=False)
    alone = make_plan(options).run.id
    recipe = suite / "candidates" / "tiny.yaml"
    recipe.write_text(recipe.read_text() + "report_to: tensorboard\n")
    assert make_plan(options).run.id == alone
    decision = pipeline.run(options, Recorder())
    [seen] = load_run(tmp_path / "run").cards["tiny"].tracked
    folder = tmp_path / "run" / "trackers" / "tensorboard" / seen.run_id
    found = scalars(folder)
    assert {"train/loss", "decision/ships"} < set(found)
    for verdict in decision.verdicts:
        if verdict.estimate is not None and abs(verdict.estimate.value) < float("inf"):
            [value] = found[f"gate/{verdict.gate}"].values()
            assert value == pytest.approx(verdict.estimate.value)
    for score in decision.scores:
        if score.system == "tiny" and score.estimate is not None:
            assert f"score/{score.task}.{score.metric}" in found
    before = len(list(folder.iterdir()))
    pipeline.gate(tmp_path / "run")
    assert len(list(folder.iterdir())) == before, "the same decision is not told twice"
