"""Two real processes on the CPU, started by accelerate, against one: rows, steps, losses, failures, resuming."""

import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from recorder import Recorder
from test_training import RECIPE, model_path, rows

from evalgate.core.data import Recipe
from evalgate.core.results import AdapterCard
from evalgate.training import launch
from evalgate.training.trainer import train

pytestmark = pytest.mark.slow
__all__ = ["model_path"]
# 42 rows: the last step is one of two rows, which two processes can share only beside rows without loss.
ONE = replace(RECIPE, method="lora", max_rows=42, dropout=0.0, overrides={"logging_steps": 1})
TWO = replace(ONE, num_gpus=2)


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(launch.USE_CPU, "true")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def run(folder: Path, model_path: str, recipe: Recipe, **extra: Any) -> tuple[AdapterCard, Recorder]:
    progress = Recorder()
    card = train(
        recipe,
        rows(80),
        rows(8),
        model_path=model_path,
        revision=None,
        base_digest="base",
        folder=folder,
        progress=progress,
        **extra,
    )
    return card, progress


def test_two(tmp_path, model_path):
    t = time.time()
    one, _ = run(tmp_path / "one", model_path, ONE)
    print("one", time.time() - t)
    t = time.time()
    try:
        two, progress = run(tmp_path / "two", model_path, TWO)
    except Exception:
        print((tmp_path / "two" / "launch" / "log.txt").read_text()[-6000:])
        raise
    print("two", time.time() - t)
    for a, b in zip(one.curves, two.curves):
        print(a, b)
    print(progress.stages, list((tmp_path / "two").iterdir()))
