"""Two real processes on the CPU, started by accelerate, against one: rows, steps, losses, failures, resuming."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from recorder import Recorder
from recording_worker import record
from test_training import RECIPE, model_path, rows

from evalgate.core.data import Recipe
from evalgate.core.errors import EvalgateError
from evalgate.core.results import AdapterCard
from evalgate.training import launch, trainer
from evalgate.training.data import ordered
from evalgate.training.replay import with_replay
from evalgate.training.trainer import train
from evalgate.training.work import Job

pytestmark = pytest.mark.slow
__all__ = ["model_path"]
# 26 rows: the last step has two, which two processes can share only beside rows without loss.
ONE = replace(RECIPE, method="lora", max_rows=26, dropout=0.0, overrides={"logging_steps": 1})
TWO = replace(ONE, num_gpus=2)
N_STEPS = 7
HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    _on_cpu(monkeypatch)


def job(folder: Path, model_path: str, recipe: Recipe) -> Job:
    return Job(
        recipe=recipe,
        rows=ordered(with_replay(recipe, rows(80)), recipe.seed),
        dev_rows=(),
        model_path=model_path,
        revision=None,
        base_digest="base",
        folder=str(folder),
    )


def run(folder: Path, model_path: str, recipe: Recipe, progress: Any = None) -> AdapterCard:
    return train(
        recipe,
        rows(80),
        (),
        model_path=model_path,
        revision=None,
        base_digest="base",
        folder=folder,
        progress=progress or Recorder(),
    )


def losses(card: AdapterCard) -> list[float]:
    return [point.loss for point in card.curves if point.loss is not None]


def seen(*files: Path) -> list[tuple[list[Any], set[int]]]:
    """By step, the rows that carried loss in any process, and how many tokens each process divided by."""
    steps: dict[int, tuple[list[Any], set[int]]] = {}
    for file in files:
        for line in map(json.loads, file.read_text().splitlines()):
            found = steps.setdefault(line["step"], ([], set()))
            found[0].extend(line["rows"])
            found[1].add(line["n"])
    return [(sorted(rows), n) for _, (rows, n) in sorted(steps.items())]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, model_path: str) -> Any:
    """The same training in one process and in two: cards, and the rows of every step."""
    folder = tmp_path_factory.mktemp("both")
    with pytest.MonkeyPatch.context() as patch:
        _on_cpu(patch)

        patch.setattr(trainer, "trainer_class", trainer.trainer_class)
        record(folder / "one.rows")
        one = run(folder / "one", model_path, ONE)
        patch.setattr(trainer, "launched", partial(launch.launched, module="recording_worker"))
        progress = Recorder()
        two = run(folder / "two", model_path, TWO, progress)
    return folder, one, two, progress


def _on_cpu(patch: pytest.MonkeyPatch) -> None:
    patch.setenv(launch.USE_CPU, "true")
    patch.setenv("OMP_NUM_THREADS", "1")
    patch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)


def test_every_step_sees_the_rows_of_one_process_and_counts_their_tokens_together(both: Any) -> None:
    folder, one, two, _ = both
    alone = seen(folder / "one.rows")
    together = seen(folder / "two.rank0", folder / "two.rank1")
    assert len(alone) == N_STEPS == one.n_steps == two.n_steps
    assert [len(rows) for rows, _ in alone] == [4] * 6 + [2]
    assert together == alone
    assert all(len(n) == 1 for _, n in together)


def test_the_loss_curve_is_that_of_one_process(both: Any) -> None:
    _, one, two, _ = both
    assert losses(two) == pytest.approx(losses(one), rel=1e-5)
    assert losses(one)[-1] < losses(one)[0] - 0.2
    assert (two.n_rows, two.trained_tokens, two.train_digest) == (one.n_rows, one.trained_tokens, one.train_digest)
    assert two.recipe_digest != one.recipe_digest


def test_the_weights_are_those_of_one_process_but_for_the_order_of_sums(both: Any) -> None:
    from safetensors.torch import load_file

    folder = both[0]
    alone, together = (load_file(folder / name / "adapter_model.safetensors") for name in ("one", "two"))
    assert alone.keys() == together.keys()
    for name, value in alone.items():
        assert float((together[name] - value).abs().max()) < 1e-4, name


def test_only_the_first_process_tells_and_writes(both: Any) -> None:
    folder, _, _, progress = both
    assert progress.stages == [["training tiny", N_STEPS, 0, N_STEPS]]
    names = {"adapter_config.json", "adapter_model.safetensors", "card.json"}
    assert {path.name for path in (folder / "two").iterdir()} == names


class Interrupting(Recorder):
    """Ctrl-C at the fifth step."""

    @contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[Any]:
        with super().stage(name, total, done) as tick:

            def count(n: int = 1) -> None:
                tick(n)
                if self.stages[-1][-1] >= 5:
                    raise KeyboardInterrupt

            yield count


def test_an_interrupted_training_leaves_no_process_and_resumes_to_the_same_bytes(
    both: Any, model_path: str, tmp_path: Path
) -> None:
    progress = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "two", model_path, TWO, progress)
    assert mentioning(tmp_path) == []
    assert not (tmp_path / "two" / "card.json").exists()
    again = Recorder()
    card = run(tmp_path / "two", model_path, TWO, again)
    [[name, total, done, end]] = again.stages
    assert (name, total, end) == ("training tiny", N_STEPS, N_STEPS)
    assert done > 0
    assert card.adapter_digest == both[2].adapter_digest
    assert losses(card) == losses(both[2])


@pytest.mark.parametrize(
    ("fail", "text"),
    [
        ("error", "error[training-diverged]: the loss is nan\n  at: here\n\nhint: lower it"),
        (
            "killed",
            "error[training-process-failed]: the processes that train 'tiny' failed: one of them was killed (signal "
            "9), as Linux does when the machine's memory is full\n  at: {0}\n\nhint: read {0}/launch/log.txt; training "
            "goes on from its last checkpoint if the recipe stays the same",
        ),
        (
            "else",
            "error[training-process-failed]: the processes that train 'tiny' failed: RuntimeError: a library's own "
            "trouble\n  at: {0}\n\nhint: read {0}/launch/log.txt; training goes on from its last checkpoint if the "
            "recipe stays the same",
        ),
    ],
)
def test_one_failing_process_ends_all_and_says_why(
    fail: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIL", fail)
    started = time.monotonic()
    with pytest.raises(EvalgateError) as caught:
        launch.launched(job(tmp_path, "", TWO), TWO, tmp_path, Recorder(), module="failing_worker")
    assert str(caught.value) == text.format(tmp_path)
    assert time.monotonic() - started < 100, "nobody waits for a process that waits"
    assert not alive(int((tmp_path / "launch" / "waits").read_text()))


def test_training_processes_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from test_launch import TWO, job, launch, Recorder\n"
        "p = Path(sys.argv[1]); launch.launched(job(p, '', TWO), TWO, p, Recorder(), module='failing_worker')"
    )
    environment = os.environ | {"FAIL": "wait", "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent), *sys.path])}
    waits = tmp_path / "launch" / "waits"
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(HERE)], env=environment)
    try:
        wait_for(waits.exists)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_for(lambda: not mentioning(tmp_path))
    assert not alive(int(waits.read_text()))


def wait_for(what: Any, seconds: float = 90.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


def mentioning(folder: Path) -> list[str]:
    """Processes whose command line names a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in text and "zombie" not in (state := _state(path.parent)) and state:
            found.append(text)
    return found


def _state(process: Path) -> str:
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith("State:")), "")


def alive(pid: int) -> bool:
    return "zombie" not in (state := _state(Path(f"/proc/{pid}"))) and bool(state)
