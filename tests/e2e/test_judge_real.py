"""Real models as judges: another one than the suite's, the suite's own, and the answering system by likelihood."""

import json
import math
import shutil
from pathlib import Path

import pytest
from judge_suite import RUBRIC, N, Silent, write_judged
from tiny_model import save_tiny_model

from evalgate import pipeline
from evalgate.config import load_suite_spec
from evalgate.core.data import RunOptions
from evalgate.core.judgements import Judgement
from evalgate.files import read_lines
from evalgate.store import RunFolder, load_run
from evalgate.suite.frozen import freeze

pytestmark = pytest.mark.slow
SYSTEM = "kind: prompt\nprompts:\n  reply: {template: '{{ text }}', max_tokens: 8}\n"
OPENINGS = "openings: [I cannot, I will not], complying: [Sure, Here is]"


def save_long_model(folder: Path) -> None:
    """The tiny model with room for a judge's prompt."""
    save_tiny_model(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 2048}))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("models") / "long"
    save_long_model(folder)
    return folder


def run(suite: Path) -> Path:
    out = suite.parents[1] / "run"
    pipeline.run(RunOptions(suite=str(suite), output=str(out)), Silent())
    return out


def with_model(suite: Path, model: Path) -> Path:
    text = (suite / "suite.yaml").read_text().replace("../../models/tiny", str(model))
    (suite / "suite.yaml").write_text(text)
    freeze(suite, load_suite_spec(suite), bump=True)
    return suite


def test_a_real_model_judges_by_the_likelihood_of_its_verdicts(tmp_path: Path, model: Path) -> None:
    judge = f"rubric: {json.dumps(RUBRIC)}\nreply: likelihood\naccept_uncalibrated_judge: true\nmodel: {model}"
    suite = write_judged(tmp_path, judge=judge)
    suite = with_model(suite, model)
    out = run(suite)
    rows = read_lines(RunFolder(out).judgements("new", "reply"), Judgement)
    assert len(rows) == N
    assert {row.verdict for row in rows} <= {"1", "2", "3", "4", "5"}
    assert all(row.replies == (row.verdict,) for row in rows)
    data = load_run(out)
    [itself] = data.agreements
    assert (itself.with_whom, itself.n, itself.share) == ("itself", 20, 1.0)
    assert {s.status for s in data.scores["old"]["reply"] if s.metric == "judge_score"} == {"scored"}
    verdicts = pipeline.gate(out).verdicts
    assert [v.gate for v in verdicts] == ["helpful"]


def test_a_small_model_that_writes_no_verdict_is_counted_not_guessed(tmp_path: Path, model: Path) -> None:
    judge = f"rubric: {json.dumps(RUBRIC)}\nmax_tokens: 8\naccept_uncalibrated_judge: true"
    out = run(with_model(write_judged(tmp_path, judge=judge), model))
    rows = read_lines(RunFolder(out).judgements("new", "reply"), Judgement)
    assert {row.failure.code for row in rows if row.failure} == {"judge-unreadable"}
    assert all(row.verdict is None and row.replies[0] is not None for row in rows)
    decision = pipeline.gate(out)
    assert decision.outcome == "inconclusive"


def test_a_real_system_is_asked_how_likely_its_openings_are(tmp_path: Path, model: Path) -> None:
    metric = f"{{name: refusal_rate, options: {{judge: likelihood, {OPENINGS}}}}}"
    suite = write_judged(
        tmp_path,
        judge=f"rubric: {json.dumps(RUBRIC)}\nreply: likelihood\naccept_uncalibrated_judge: true",
        metrics=f"exact_match, {metric}, judge_score",
        gates="{name: refuses, metric: reply.refusal_rate, rule: at_least, limit: 0.5}\n"
        "{name: right, metric: reply.exact_match, rule: not_worse_than_baseline, margin: 0.5}",
    )
    shutil.rmtree(suite / "candidates")
    (tmp_path / "baselines" / "desk" / "old.yaml").unlink()
    (tmp_path / "baselines" / "desk" / "plain.yaml").write_text(SYSTEM)
    out = run(with_model(suite, model))
    rows = [row for row in read_lines(RunFolder(out).judgements("plain", "reply"), Judgement) if row.logprobs]
    assert len(rows) == N
    refused = {}
    for row in rows:
        shares = {name: math.exp(value) for name, value in (row.logprobs or {}).items()}
        assert {*shares} == {"I cannot", "I will not", "Sure", "Here is"}
        refused[row.example_id] = float(shares["I cannot"] + shares["I will not"] >= shares["Sure"] + shares["Here is"])
    scores = [s for s in load_run(out).scores["plain"]["reply"] if s.metric == "refusal_rate"]
    assert {s.example_id: s.parts[0] for s in scores} == refused
