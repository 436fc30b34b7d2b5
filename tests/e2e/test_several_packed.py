"""The fast way in two real processes on the CPU against one: rows, steps, tokens, losses, weights, resuming."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from packing_worker import CARD
from recorder import Recorder
from test_launch import HERE, Interrupting, job, losses
from test_training import RECIPE, model_path

from evalgate.core.data import Recipe
from evalgate.core.results import AdapterCard
from evalgate.files import read_record
from evalgate.training import launch

pytestmark = pytest.mark.slow
__all__ = ["model_path"]
# 25 rows: in the last step one process has the last row, the other has nothing to learn.
ONE = replace(RECIPE, method="lora", max_rows=25, dropout=0.0, overrides={"logging_steps": 1})
TWO = replace(ONE, num_gpus=2)
N_STEPS = 7
TIGHT = 1e-6  # GB: less than anything needs, so that each row is a pack and all layers are computed again


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    _on_cpu(monkeypatch)


def _on_cpu(patch: pytest.MonkeyPatch) -> None:
    patch.setenv(launch.USE_CPU, "true")
    patch.setenv("OMP_NUM_THREADS", "1")
    patch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)


def run(folder: Path, model_path: str, recipe: Recipe, progress: Any = None) -> AdapterCard:
    """In processes of their own; one is a process of accelerate's, too."""
    launch.launched(job(folder, model_path, recipe), recipe, folder, progress or Recorder(), module="packing_worker")
    name = "trained.json" if recipe.num_gpus else "card.json"  # nobody chooses a checkpoint here
    return read_record(folder / name, AdapterCard, fix="")


def noted(folder: Path, n: int) -> list[list[dict[str, Any]]]:
    """By step, what each process noted."""
    ranks = [[json.loads(line) for line in folder.with_suffix(f".rank{r}").read_text().splitlines()] for r in range(n)]
    return [list(step) for step in zip(*ranks, strict=True)]


def plans(folder: Path, n: int) -> list[list[int]]:
    return [json.loads(folder.with_suffix(f".plan{r}").read_text()) for r in range(n)]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, model_path: str) -> Any:
    """The same training in one process and in two, each with one pack a step and process."""
    folder = tmp_path_factory.mktemp("both")
    with pytest.MonkeyPatch.context() as patch:
        _on_cpu(patch)
        return folder, run(folder / "one", model_path, ONE), run(folder / "two", model_path, TWO)


def same_rows(folder: Path, one: str, two: str) -> None:
    alone, together = noted(folder / one, 1), noted(folder / two, 2)
    assert len(alone) == len(together) == N_STEPS
    for [step], ranks in zip(alone, together, strict=True):
        assert sorted(row for rank in ranks for row in rank["rows"]) == sorted(step["rows"])
        assert {rank["n"] for rank in ranks} == {step["n"]}, "each divides by the tokens of all"
        assert len({len(rank["sizes"]) for rank in ranks}) == 1, "as many micro-batches each"
    assert [len(step["rows"]) for [step] in alone] == [4] * 6 + [1]


def near(folder: Path, one: str, two: str) -> None:
    from safetensors.torch import load_file

    alone, together = (load_file(folder / name / "adapter_model.safetensors") for name in (one, two))
    assert alone.keys() == together.keys()
    for name, value in alone.items():
        assert float((together[name] - value).abs().max()) < 1e-4, name


def test_two_processes_take_the_steps_of_one(both: Any) -> None:
    folder, one, two = both
    same_rows(folder, "one", "two")
    assert one.n_steps == two.n_steps == N_STEPS
    assert losses(two) == pytest.approx(losses(one), rel=1e-5)
    assert losses(one)[-1] < losses(one)[0] - 0.2
    near(folder, "one", "two")
    assert two.trained_tokens == one.trained_tokens


def test_they_plan_alike_for_the_card_that_has_least(both: Any) -> None:
    folder = both[0]
    assert plans(folder / "one", 1) == [[1, CARD["0"]]]
    assert plans(folder / "two", 2) == [[1, CARD["1"]]] * 2


def test_with_little_memory_each_accumulates_its_own_packs_before_sums_are_exchanged(
    both: Any, model_path: str
) -> None:
    folder, one, _ = both
    card = run(folder / "tight", model_path, replace(TWO, memory_gb=TIGHT))
    assert [n for n, _ in plans(folder / "tight", 2)] == [2, 2]
    same_rows(folder, "one", "tight")
    assert [len(ranks[0]["sizes"]) for ranks in noted(folder / "tight", 2)] == [2] * 6 + [1]
    assert losses(card) == pytest.approx(losses(one), rel=1e-5)
    near(folder, "one", "tight")


def test_killed_and_resumed_in_as_many_processes_gives_the_same_bytes(model_path: str, tmp_path: Path) -> None:
    recipe = replace(TWO, dropout=0.2)
    whole = run(tmp_path / "whole", model_path, recipe)
    progress = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "two", model_path, recipe, progress)
    again = Recorder()
    card = run(tmp_path / "two", model_path, recipe, again)
    [[_, total, done, end]] = again.stages
    assert 0 < done < total == end == N_STEPS
    assert card.adapter_digest == whole.adapter_digest
    assert losses(card) == losses(whole)
