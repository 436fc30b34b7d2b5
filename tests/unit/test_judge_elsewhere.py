"""Whole runs with a judge on a server, with one whose verdicts are sealed, and scores made again from what it said."""

import json
from pathlib import Path
from typing import Any

import pytest
from faulty_server import Fault, FaultyServer
from judge_suite import RUBRIC, N, Silent, by_length, write_judged

from evalgate import pipeline
from evalgate.backends.fake import FakeBackend
from evalgate.config import load_suite_spec
from evalgate.core.data import RunOptions
from evalgate.core.errors import EvalgateError
from evalgate.core.results import Score
from evalgate.doctor.inject import diagnose
from evalgate.doctor.rescore import rescore
from evalgate.plugins import metric_names
from evalgate.sealing import IDENTITY_FILE, make_identity
from evalgate.store import load_run
from evalgate.suite.frozen import freeze

JUDGE = f"rubric: {json.dumps(RUBRIC)}\naccept_uncalibrated_judge: true"


def run(suite: Path, **options: Any) -> Any:
    """A run whose own model is never asked: all answers are recorded."""
    out = str(suite.parents[1] / "run")
    chosen = RunOptions(**{"suite": str(suite), "output": out, "use_cache": False, **options})
    return pipeline.run(chosen, Silent(), FakeBackend(lambda _: "not asked"))


def on(server: FaultyServer) -> str:
    return f"{JUDGE}\nmodel: {{backend: openai_http, id: big, base_url: '{server.url}', timeout_s: 5}}"


@pytest.mark.slow
def test_a_judge_on_a_server_that_falters_judges_every_answer_once(tmp_path: Path) -> None:
    def flaky(prompt: str, n: int) -> Fault:
        return "500" if n == 0 and "Answer 3" in prompt else "ok"

    with FaultyServer(flaky, models=("big",)).running() as server:
        server.says = by_length
        suite = write_judged(tmp_path, judge=on(server))
        decision = run(suite)
        n_asked = sum(server.asked.values())
        assert run(suite).verdicts == decision.verdicts
        assert sum(server.asked.values()) == n_asked, "what is judged is judged no second time"
    assert decision.outcome == "ship"
    assert {s.system: s.estimate.value for s in decision.scores if s.metric == "judge_score"} == {"old": 0, "new": 1}
    said = load_run(suite.parents[1] / "run").scores
    assert [len([s for s in said[x]["reply"] if s.metric == "judge_score"]) for x in ("old", "new")] == [N, N]


@pytest.mark.slow
def test_a_judge_that_is_not_there_is_named_before_anything_is_judged(tmp_path: Path) -> None:
    with FaultyServer(models=("big",)).running() as server:
        suite = write_judged(tmp_path, judge=on(server))
    with pytest.raises(EvalgateError) as found:
        run(suite)
    assert found.value.code == "server-unreachable"
    assert server.url in str(found.value)


@pytest.mark.slow
def test_nothing_that_a_judge_said_of_a_sealed_suite_lies_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyrage", reason="sealing needs the extra `seal`")
    monkeypatch.delenv(IDENTITY_FILE, raising=False)
    public = make_identity(tmp_path / "owner.key")
    suite = write_judged(tmp_path, freezes=False, judge=JUDGE)
    text = (suite / "suite.yaml").read_text()
    (suite / "suite.yaml").write_text(f"{text}looks: 2\ndisclosure: verdict\nsealed_for: {public}\n")
    freeze(suite, load_suite_spec(suite, metric_names()))

    def judge(prompt: str) -> str:
        return f"A quagga would say so.\n{by_length(prompt)}"

    chosen = RunOptions(suite=str(suite), output=str(tmp_path / "run"), use_cache=False)
    backend = FakeBackend(judge)
    decision = pipeline.run(chosen, Silent(), backend)
    assert decision.outcome == "ship"
    assert len(backend.asked) >= 2 * N, "the judge was asked"
    for path in (tmp_path / "run").rglob("*"):
        assert path.is_dir() or b"quagga" not in path.read_bytes(), path


@pytest.mark.slow
def test_scores_are_made_again_from_what_the_judge_said(tmp_path: Path) -> None:
    prefer = json.dumps("Which answer helps more with this question? {{ question }}")
    suite = write_judged(
        tmp_path,
        judge=f"{JUDGE}\npreference: {prefer}",
        metrics="exact_match, judge_score, judge_win",
        gates="{name: preferred, metric: reply.judge_win, rule: at_least, limit: 0.5}",
    )
    path = tmp_path / "baselines" / "desk" / "old" / "reply.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))  # one answer is missing
    out = tmp_path / "run"
    chosen = RunOptions(suite=str(suite), output=str(out), use_cache=False)
    decision = pipeline.run(chosen, Silent(), FakeBackend(by_length))
    assert [f.what for f in diagnose(out) if f.hard] == []
    run_file = out / "run.json"
    recorded = json.loads(run_file.read_text())
    recorded["signatures"] |= {"reply.judge_score": "judge:old|v0", "reply.judge_win": "judge:old|v0"}
    run_file.write_text(json.dumps(recorded))
    before = sorted((s.system, s.example_id, s.metric, s.parts) for x in ("old", "new") for s in scores(out, x))
    assert set(rescore(out)) == {"reply.judge_score", "reply.judge_win"}
    assert sorted((s.system, s.example_id, s.metric, s.parts) for x in ("old", "new") for s in scores(out, x)) == before
    assert pipeline.gate(out).verdicts == decision.verdicts


def scores(folder: Path, system: str) -> list[Score]:
    return load_run(folder).scores[system]["reply"]
