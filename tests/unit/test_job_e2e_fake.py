"""The whole path with a backend that has no model: fast, and every answer known."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from small_suite import write_suite

from evalgate import pipeline
from evalgate.backends.fake import FakeBackend
from evalgate.config import load_suite_spec
from evalgate.core.data import RunOptions
from evalgate.core.errors import UsageError
from evalgate.core.results import Failure
from evalgate.store import load_run
from evalgate.suite.frozen import freeze


class Silent:
    @contextlib.contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[Any]:
        yield lambda n=1: None

    def note(self, text: str) -> None:
        pass


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """The small suite without what needs a model: capability and candidates."""
    folder = write_suite(tmp_path)
    text = (folder / "suite.yaml").read_text()
    kept = [line for line in text.splitlines() if "capability" not in line]
    (folder / "suite.yaml").write_text("\n".join(kept) + "\n")
    model = tmp_path / "models" / "tiny"
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"no weights")
    freeze(folder, load_suite_spec(folder))
    return folder


def say(prompt: str) -> str | Failure:
    if "message 2" in prompt:
        return Failure(code="prompt-too-long", message="9 tokens")
    return "refund" if "message 1" in prompt else '{"order": "A1"}'


def run(suite: Path, backend: FakeBackend, **options: Any) -> Any:
    out = str(suite.parents[1] / "run")
    chosen = RunOptions(**{"suite": str(suite), "output": out, "limit": 4, "candidates": (), **options})
    return pipeline.run(chosen, Silent(), backend)


def test_a_run_records_scores_and_decides(suite: Path) -> None:
    backend = FakeBackend(say)
    decision = run(suite, backend)
    assert decision.outcome == "keep_baseline"
    assert decision.reason == "There is no candidate, so there is nothing to ship."
    data = load_run(suite.parents[1] / "run")
    assert len(backend.asked) == 4 * 6
    extract = {s.example_id: s for s in data.scores["zero_shot"]["extract"] if s.metric == "json_valid"}
    assert {i[-1]: (s.status, s.parts) for i, s in extract.items()} == {
        "0": ("scored", (1.0,)),
        "1": ("scored", (0.0,)),
        "2": ("unscored", ()),
        "3": ("scored", (1.0,)),
    }
    assert extract["extract-heldout-2"].failure == Failure(code="prompt-too-long", message="9 tokens")
    shown = {(s.system, s.task, s.metric): s.estimate for s in decision.scores}
    estimate = shown["zero_shot", "extract", "json_valid"]
    assert estimate is not None
    assert (estimate.value, estimate.n, estimate.n_unscored) == (pytest.approx(2 / 3), 3, 1)
    rag = data.predictions["rag"]["policy_qa"]
    assert {p.context_ids for p in rag} == {("p1",)}
    assert "## Nothing to ship" in (suite.parents[1] / "run" / "report.md").read_text()


def test_a_second_run_asks_nothing_and_a_fresh_one_everything(suite: Path) -> None:
    first = run(suite, FakeBackend(say))
    idle, fresh = FakeBackend(say), FakeBackend(say)
    assert run(suite, idle) == first
    assert idle.asked == []
    anew = run(suite, fresh, resume=False)
    assert replace(anew, serving=first.serving) == first  # but for what a clock says
    assert len(fresh.asked) == 24


@pytest.mark.parametrize("calls", [0, 1, 7, 13, 23])
def test_stopped_after_any_answer_it_goes_on(suite: Path, calls: int) -> None:
    left = calls

    def dying(prompt: str) -> str | Failure:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return say(prompt)

    with pytest.raises(KeyboardInterrupt):
        run(suite, FakeBackend(dying))
    rest = FakeBackend(say)
    run(suite, rest)
    assert len(rest.asked) == 24 - calls
    data = load_run(suite.parents[1] / "run")
    for system, tasks in data.scores.items():
        for task, scores in tasks.items():
            keys = [(s.example_id, s.metric) for s in scores]
            assert len(keys) == len(set(keys)), (system, task)


def test_scores_lost_in_a_crash_are_made_from_the_recorded_answers(suite: Path) -> None:
    first = run(suite, FakeBackend(say))
    path = suite.parents[1] / "run" / "scores" / "zero_shot" / "extract.jsonl"
    whole = sorted(path.read_bytes().splitlines())
    path.write_bytes(path.read_bytes()[:-20])
    idle = FakeBackend(say)
    assert run(suite, idle) == first
    assert idle.asked == []
    assert sorted(path.read_bytes().splitlines()) == whole


def test_gate_says_the_same_as_run(suite: Path) -> None:
    first = run(suite, FakeBackend(say))
    assert pipeline.gate(suite.parents[1] / "run") == first


def test_answers_of_another_precision_are_not_mixed_in(suite: Path) -> None:
    run(suite, FakeBackend(say))
    folder = suite.parents[1] / "run"
    before = (folder / "run.json").read_bytes()
    with pytest.raises(UsageError) as caught:
        run(suite, FakeBackend(say, dtype="bfloat16"))
    assert str(caught.value) == (
        "error[other-serving]: the folder's answers were given under other conditions: dtype float32, now bfloat16\n"
        f"  at: {folder / 'run.json'}\n\n"
        "hint: give this run another folder with `-o FOLDER`, or start over here with `--no-resume`"
    )
    assert (folder / "run.json").read_bytes() == before


def test_a_folder_of_another_run_is_refused_and_left_alone(suite: Path) -> None:
    run(suite, FakeBackend(say))
    folder = suite.parents[1] / "run"
    before = (folder / "run.json").read_bytes()
    with pytest.raises(UsageError, match="other-run"):
        run(suite, FakeBackend(say), limit=3)
    assert (folder / "run.json").read_bytes() == before
    assert json.loads(before)["limit"] == 4
    assert run(suite, FakeBackend(say), limit=3, resume=False).outcome == "keep_baseline"


MACRO = "- {name: routing, metric: route.macro_f1, rule: not_worse_than_baseline, margin: 0.05}"


@pytest.mark.parametrize("limit", [4, None])
def test_a_gate_on_a_metric_that_is_no_mean_is_refused_before_anything_runs(suite: Path, limit: int | None) -> None:
    path = suite / "suite.yaml"
    path.write_text(path.read_text() + f"  {MACRO}\n")
    freeze(suite, load_suite_spec(suite), bump=True)
    backend = FakeBackend(say)
    with pytest.raises(UsageError) as caught:
        run(suite, backend, limit=limit)
    assert str(caught.value) == (
        "error[cannot-gate]: gate 'routing' judges route.macro_f1, which is not a mean of one fraction for each "
        f"example\n  at: {path}\n\n"
        "hint: gate on one of: extract.field_f1, extract.json_valid, policy_qa.exact_match, redteam.refusal_rate, "
        "route.accuracy, summarize.rouge_1, summarize.rouge_l"
    )
    assert backend.asked == []
    assert not (suite.parents[1] / "run").exists()


def test_all_systems_of_a_task_answer_by_likelihood_and_it_is_recorded(suite: Path) -> None:
    text = (suite / "suite.yaml").read_text()
    (suite / "suite.yaml").write_text(
        text.replace("kind: classification,", "kind: classification, answer_by: likelihood,")
    )
    freeze(suite, load_suite_spec(suite), bump=True)
    run(suite, FakeBackend(say))
    answers = {p.example_id[-1]: p for p in load_run(suite.parents[1] / "run").predictions["zero_shot"]["route"]}
    told = {"order": -2.0, "refund": -1.0}
    assert {i: (p.output, p.label_logprobs) for i, p in answers.items() if i != "2"} == dict.fromkeys(
        "013", ("refund", told)
    )
    assert answers["2"].failure == Failure(code="prompt-too-long", message="9 tokens")
    line = (suite.parents[1] / "run" / "predictions" / "zero_shot" / "extract.jsonl").read_text()
    assert "label_logprobs" not in line
