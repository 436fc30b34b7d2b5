"""The whole path on a small copy of the support suite: decided, resumed, killed, judged again."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recorder import Recorder
from tiny_suite import copy_suite

from evalgate import pipeline
from evalgate.core.data import RunOptions
from evalgate.core.results import Decision
from evalgate.store import RunData, load_run

pytestmark = pytest.mark.slow

LIMIT = 4
CODES = {"ship": 0, "keep_baseline": 1, "inconclusive": 2}


def run(suite: Path, folder: Path) -> tuple[Decision, Recorder]:
    progress = Recorder()
    return pipeline.run(RunOptions(suite=str(suite), output=str(folder), limit=LIMIT), progress), progress


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_suite(tmp_path_factory.mktemp("copy"))


@pytest.fixture(scope="module")
def done(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Decision, Recorder]:
    folder = tmp_path_factory.mktemp("whole") / "run"
    return (folder, *run(suite, folder))


def timeless(data: RunData) -> dict[str, Any]:
    """What a recording says, without times: outputs, scores and the adapter."""
    return {
        "outputs": {
            (s, t, p.example_id): (p.output, p.status, p.request_digest, p.context_ids)
            for s, tasks in data.predictions.items()
            for t, rows in tasks.items()
            for p in rows
        },
        "n_outputs": sum(len(rows) for tasks in data.predictions.values() for rows in tasks.values()),
        "scores": sorted(
            (s, t, r.example_id, r.metric, r.parts) for s, ts in data.scores.items() for t, rs in ts.items() for r in rs
        ),
        "adapters": {name: card.adapter_digest for name, card in data.cards.items()},
        "trained": data.trained,
        "probes": {name: probe.adapter_digest for name, probe in data.probes.items()},
        "latency": {name: [p.example_id for p in rows] for name, rows in data.latency.items()},
    }


def test_a_run_decides_and_writes_what_it_decided_from(done: tuple[Path, Decision, Recorder]) -> None:
    folder, decision, progress = done
    data = load_run(folder)
    assert decision.outcome in CODES
    assert data.decision is not None
    assert (data.decision.outcome, data.decision.verdicts) == (decision.outcome, decision.verdicts)
    assert Path(decision.report) == folder / "report.html"
    assert all((folder / name).stat().st_size > 100 for name in ("report.html", "report.md", "junit.xml"))
    assert {v.gate for v in decision.verdicts} == {gate.name for gate in data.run.gates}
    for system in (*data.run.baselines, *data.run.candidates):
        for task in data.run.systems[system].prompts:
            assert len(data.predictions[system][task]) == LIMIT
    assert {s: len(data.scores[s]["capability"]) for s in ("base", "tiny")} == {"base": 2 * LIMIT, "tiny": 2 * LIMIT}
    assert len(data.latency["tiny"]) == 6
    assert all(after == total for _, total, _, after in progress.stages)
    assert data.run.systems["tiny"].adapter_digest == data.cards["tiny"].adapter_digest


def test_a_run_records_what_shows_that_it_can_be_trusted(done: tuple[Path, Decision, Recorder]) -> None:
    data = load_run(done[0])
    answers = [p for tasks in data.predictions.values() for rows in tasks.values() for p in rows]
    assert {p.prompt_bos for p in answers} == {1}
    assert len(data.trained["tiny"]) == data.cards["tiny"].n_rows
    probe = data.probes["tiny"]
    assert all(with_adapter > without for with_adapter, without in zip(probe.tuned, probe.base, strict=True))
    assert done[1].findings == ()


def test_a_second_run_trains_nothing_and_asks_nothing(suite: Path, done: tuple[Path, Decision, Recorder]) -> None:
    folder, decision, _ = done
    before = timeless(load_run(folder))
    started = time.perf_counter()
    again, progress = run(suite, folder)
    assert time.perf_counter() - started < 15
    assert all(total == before == after for _, total, before, after in progress.stages)
    assert not [name for name, *_ in progress.stages if "training" in name]
    assert again == decision
    assert timeless(load_run(folder)) == before


def command(suite: Path, folder: Path) -> subprocess.Popen[str]:
    arguments = ["run", str(suite), "-o", str(folder), "-L", str(LIMIT)]
    return subprocess.Popen(
        [sys.executable, "-m", "evalgate.cli", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_when(ready: Callable[[], bool], suite: Path, folder: Path, delay_s: float) -> None:
    with command(suite, folder) as process:
        deadline = time.monotonic() + 240  # seconds where nobody else works here
        while not ready() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
    assert ready(), errors
    assert process.returncode == -signal.SIGKILL, errors


@pytest.mark.timeout(900)
def test_killed_at_any_moment_and_run_again_it_is_the_same_recording(
    suite: Path, done: tuple[Path, Decision, Recorder], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    moments = [
        lambda: any(folder.glob("predictions/*/*.jsonl")),
        lambda: any(folder.glob("adapters/tiny/checkpoints/*")) or (folder / "adapters/tiny/card.json").exists(),
        lambda: any(folder.glob("predictions/tiny/*.jsonl")),
    ]
    luck = random.Random()
    for ready in moments:
        kill_when(ready, suite, folder, luck.uniform(0, 0.2))
    run(suite, folder)
    assert timeless(load_run(folder)) == timeless(load_run(done[0]))


def test_gate_judges_a_recording_without_torch(done: tuple[Path, Decision, Recorder], tmp_path: Path) -> None:
    folder = tmp_path / "moved"
    shutil.copytree(done[0], folder)
    (folder / "decision.json").unlink()
    code = (
        "import sys; from evalgate.cli import run_cli; code = run_cli(['gate', sys.argv[1], '--format', 'json'])\n"
        "print(*sorted({m.partition('.')[0] for m in sys.modules}), file=sys.stderr); sys.exit(code)"
    )
    asked = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False)
    assert asked.returncode == CODES[done[1].outcome], asked.stderr
    heavy = {"torch", "transformers", "peft", "trl", "bitsandbytes", "datasets", "lm_eval", "ray"}
    assert heavy.isdisjoint(asked.stderr.split())
    said = json.loads(asked.stdout)
    assert (said["outcome"], said["reason"]) == (done[1].outcome, done[1].reason)
    assert (folder / "decision.json").read_bytes() == (done[0] / "decision.json").read_bytes()


def test_a_missing_base_model_ends_the_run_before_anything_is_written(suite: Path, tmp_path: Path) -> None:
    model, out = tmp_path / "nowhere", tmp_path / "run"
    options = ["-L", "4", "-o", str(out), "--model", str(model)]
    asked = subprocess.run(
        [sys.executable, "-m", "evalgate.cli", "run", "-q", str(suite), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 64
    assert asked.stdout == ""
    assert asked.stderr == (
        f"error[base-model-missing]: the base model is not there: no folder '{model}'\n  at: {model}\n\n"
        "hint: correct `model.id` in suite.yaml, or give one with `--model FOLDER_OR_HUB_ID`\n"
    )
    assert not out.exists()


def test_a_folder_of_another_run_is_not_mixed_with_this_one(suite: Path, done: tuple[Path, Decision, Recorder]) -> None:
    folder, before = done[0], timeless(load_run(done[0]))
    mine = load_run(folder).run.id
    asked = subprocess.run(
        [sys.executable, "-m", "evalgate.cli", "run", "-q", str(suite), "-L", "3", "-o", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 64, asked.stderr
    head, _, rest = asked.stderr.partition(f"the folder holds another run: {mine}, not ")
    assert head == "error[other-run]: "
    assert rest[12:] == (
        "; the data, model, systems, recipes, seed or limit differ\n"
        f"  at: {folder / 'run.json'}\n\n"
        "hint: give this run another folder with `-o FOLDER`, or start over here with `--no-resume`\n"
    )
    assert timeless(load_run(folder)) == before
