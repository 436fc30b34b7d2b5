"""How much work judging again is: counted, not timed, so that a busy machine says the same."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from evalgate import pipeline
from evalgate.core.data import (
    EarlyStop,
    Example,
    GateSpec,
    MetricUse,
    ModelSpec,
    SuiteSpec,
    SystemSpec,
    TaskSpec,
)
from evalgate.core.results import Failure, Prediction, Run, Score
from evalgate.core.score_rows import ScoreRows
from evalgate.files import write_lines, write_record
from evalgate.store import RunFolder

N = 60
SYSTEMS = ("prompt", "tuned")
# What answers and trains, and what takes long to import.
NOT_NEEDED = ("evalgate.job", "evalgate.planning", "evalgate.training.trainer", "scipy.stats", "torch", "pydantic")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Labelled messages with two metrics, a slice by label, an early look, one answer that could not be scored."""
    uses = (MetricUse(name="accuracy"), MetricUse(name="macro_f1"))
    task = TaskSpec(name="route", kind="classification", data="route", metrics=uses)
    gates = (
        GateSpec(name="win", metric="route.accuracy", rule="better_than_baselines", min_gain=0.05),
        GateSpec(name="floor", metric="route.accuracy", rule="at_least", limit=0.5),
    )
    suite = SuiteSpec(name="small", version=1, model=ModelSpec(id="none"), tasks=(task,), gates=gates)
    spec = {"kind": "api", "backend": "none", "model": "none", "prompts": {}}
    run = Run(
        id="small", suite=suite, suite_folder="none", suite_digest="0", data_digest="0", model_digest="0",
        systems={name: SystemSpec(name=name, **spec) for name in SYSTEMS}, baselines=("prompt",), candidates=("tuned",),
        gates=gates, seed=1, limit=None, started="2026-01-01T00:00:00+00:00", early_stop=EarlyStop(),
    )  # fmt: skip
    paths = RunFolder(tmp_path / "run")
    write_record(paths.run_file, run)
    truth = ["refund" if i % 3 else "delivery" for i in range(N)]
    write_lines(paths.examples("route"), [Example(id=f"m{i}", inputs={}, label=t) for i, t in enumerate(truth)])
    for share, name in enumerate(SYSTEMS):
        said = [t if i % 5 or share else "refund" for i, t in enumerate(truth)]
        write_lines(paths.predictions(name, "route"), [_answer(i, name, s) for i, s in enumerate(said)])
        rows = [row for i, s in enumerate(said) for row in _scores(i, name, truth[i], s)]
        write_lines(paths.scores(name, "route"), rows)
    return paths.folder


def _answer(i: int, system: str, said: str) -> Prediction:
    return Prediction(example_id=f"m{i}", system=system, task="route", output=said, request_digest="0" * 64)


def _scores(i: int, system: str, true: str, said: str) -> list[Score]:
    common = {"example_id": f"m{i}", "system": system, "task": "route"}
    if i == 7:
        lost = {"status": "unscored", "failure": Failure(code="no-answer")}
        return [Score(**common, **lost, metric=metric) for metric in ("accuracy", "macro_f1")]
    names = sorted({"delivery", "refund"})
    pair = (float(names.index(true)), float(names.index(said)))
    hit = Score(**common, metric="accuracy", parts=(float(true == said),), detail=f"{true}\t{said}")
    return [hit, Score(**common, metric="macro_f1", parts=pair, detail=f"{true}\t{said}")]


@pytest.mark.parametrize("judge", [pipeline.gate, pipeline.report])
def test_each_recorded_file_is_read_once_and_no_score_is_decoded_twice(
    recording: Path, judge: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, whole = Counter[Path](), Path.read_bytes
    decoded: list[int] = []

    def counted(path: Path) -> bytes:
        read[path.relative_to(recording)] += 1
        return whole(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    rows_of = ScoreRows._all
    monkeypatch.setattr(ScoreRows, "_all", lambda rows: decoded.append(len(rows)) or rows_of(rows))
    judge(recording)  # type: ignore[operator]
    lines = {path: n for path, n in read.items() if path.suffix == ".jsonl"}
    assert len([path for path in lines if path.parts[0] == "scores"]) == len(SYSTEMS)
    assert set(lines.values()) == {1}
    assert decoded == []
    assert (recording / "report.html").stat().st_size > 10_000


def test_judging_again_loads_nothing_that_answers_or_trains(recording: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from evalgate import pipeline\n"
        f"pipeline.gate(Path({str(recording)!r}))\n"
        f"print([name for name in {NOT_NEEDED!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stdout
