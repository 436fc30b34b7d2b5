"""Whole runs with a judge: what it gates, what it must not, and what is asked only once."""

import json
from pathlib import Path
from typing import Any

import pytest
from judge_suite import PREFER, RUBRIC, N, Silent, answers_in, by_length, write_judged

from evalgate import pipeline
from evalgate.backends.fake import FakeBackend
from evalgate.core.data import RunOptions
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.results import Failure
from evalgate.store import load_run

BOTH = f"rubric: {json.dumps(RUBRIC)}\npreference: {json.dumps(PREFER)}\n"
PAIRS = "{name: preferred, metric: reply.judge_win, rule: at_least, limit: 0.5}"


class Noting(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def run(suite: Path, backend: FakeBackend, progress: Silent | None = None, **options: Any) -> Any:
    out = str(suite.parents[1] / "run")
    chosen = RunOptions(**{"suite": str(suite), "output": out, "use_cache": False, **options})
    return pipeline.run(chosen, progress or Silent(), backend)


def labelled(say: Any = by_length, n: int = 40) -> list[dict[str, object]]:
    """Human judgements of answers of one to five points, as `say` judges them."""
    rows = []
    for i in range(n):
        output = " ".join(["word"] * (3 * (i % 5) + 1))
        prompt = f"[ANSWER 000000000000 BEGINS]\n{output}\n[ANSWER 000000000000 ENDS]"
        rows.append({"id": f"dev-{i}", "output": output, "label": int(say(prompt).rpartition(" ")[2])})
    return rows


@pytest.mark.slow
def test_a_rubric_and_pairs_gate_and_are_judged_again_without_a_model(tmp_path: Path) -> None:
    suite = write_judged(
        tmp_path,
        judge=BOTH + "accept_uncalibrated_judge: true",
        metrics="exact_match, judge_score, judge_win",
        gates="{name: helpful, metric: reply.judge_score, rule: better_than_baselines, min_gain: 0.1}\n" + PAIRS,
        new=lambda i: f"Answer {i}." if i % 10 == 0 else f"Answer {i}, told in as many words as it takes to help.",
    )
    backend, progress = FakeBackend(by_length), Noting()
    decision = run(suite, backend, progress)
    assert (decision.outcome, decision.ship) == ("ship", "new")
    shown = {(s.system, s.metric): s.estimate.value for s in decision.scores}
    assert shown["old", "judge_score"] == 0
    assert shown["new", "judge_score"] == pytest.approx(0.9 * 1.0)
    assert shown["new", "judge_win"] == pytest.approx(0.9 + 0.1 * 0.5)
    assert ("old", "judge_win") not in shown
    # Both systems by the rubric, 54 pairs in two orders (6 texts are equal), and 20 of each kind twice again.
    assert len(backend.asked) == 2 * N + 54 * 2 + 2 * 20 + 2 * 20 * 2
    assert progress.notes == [
        "the judge of reply (score) is not calibrated: there are no human judgements",
        "the judge of reply (preference) is not calibrated: there are no human judgements",
        "the judge of reply (score) agrees with itself on 100 % of 20 answers (83 to 100 %), kappa undefined: "
        "all verdicts are one",
        "the judge of reply (preference) agrees with itself on 100 % of 20 answers (83 to 100 %), kappa undefined: "
        "all verdicts are one; 0 of its verdicts depended on the order",
    ]
    out = suite.parents[1] / "run"
    assert pipeline.gate(out).verdicts == decision.verdicts
    assert "Models as judges" in (out / "report.html").read_text()
    assert "| reply, pairs | itself, asked again | 20 | 100.0% (83.2% to 100.0%)" in (out / "report.md").read_text()
    again = FakeBackend(by_length)
    assert run(suite, again).verdicts == decision.verdicts
    assert again.asked == [], "what is recorded is asked no second time"


@pytest.mark.slow
def test_a_killed_judge_goes_on_and_asks_only_what_is_missing(tmp_path: Path) -> None:
    suite = write_judged(tmp_path)
    n = 0

    def dying(prompt: str) -> str:
        nonlocal n
        n += 1
        if n > 80:
            raise KeyboardInterrupt
        return by_length(prompt)

    with pytest.raises(KeyboardInterrupt):
        run(suite, FakeBackend(dying))
    backend = FakeBackend(by_length)
    decision = run(suite, backend)
    scores = [s for s in load_run(suite.parents[1] / "run").scores["new"]["reply"] if s.metric == "judge_score"]
    assert len(scores) == N
    assert len({s.example_id for s in scores}) == N
    assert len(backend.asked) < 2 * N
    assert decision.outcome == "ship"


@pytest.mark.slow
def test_kept_replies_are_shared_by_runs_but_calibration_is_asked_anew(tmp_path: Path) -> None:
    suite = write_judged(tmp_path, judge=f"rubric: {json.dumps(RUBRIC)}\nlabels: labels.jsonl", labels=labelled())
    cache = str(tmp_path / "cache")
    for n_asked, name in ((2 * N + 40 + 20, "one"), (40 + 20, "two")):
        backend = FakeBackend(by_length, digest="long answers")
        run(suite, backend, use_cache=True, cache=cache, output=str(tmp_path / name))
        assert len(backend.asked) == n_asked


@pytest.mark.slow
def test_a_judge_that_agrees_with_people_gates(tmp_path: Path) -> None:
    suite = write_judged(tmp_path, judge=f"rubric: {json.dumps(RUBRIC)}\nlabels: labels.jsonl", labels=labelled())
    progress = Noting()
    decision = run(suite, FakeBackend(by_length), progress)
    assert decision.outcome == "ship"
    assert {a.with_whom: (a.n, a.share, a.kappa) for a in decision.agreements} == {
        "human": (40, 1.0, 1.0),
        "itself": (20, 1.0, 1.0),
    }
    assert progress.notes[0] == (
        "the judge of reply (score) agrees with people on 100 % of 40 answers (91 to 100 %), kappa 1.00 (0.65 to 1.00)"
    )


@pytest.mark.slow
def test_a_judge_that_disagrees_with_people_stops_the_run_before_anything_is_judged(tmp_path: Path) -> None:
    suite = write_judged(
        tmp_path,
        judge=f"rubric: {json.dumps(RUBRIC)}\nlabels: labels.jsonl",
        labels=labelled(lambda prompt: f"VERDICT: {6 - int(by_length(prompt).rpartition(' ')[2])}"),
    )
    backend = FakeBackend(by_length)
    with pytest.raises(EvalgateError) as caught:
        run(suite, backend)
    assert str(caught.value) == (
        "error[judge-disagrees]: gate 'helpful' would go by a judge that is not shown to agree with people: the judge "
        "of reply (score) agrees with people on 20 % of 40 answers (9 to 36 %), kappa -1.00 (-1.00 to -0.46); kappa's "
        "lower bound must reach min_kappa, 0.4\n"
        f"  at: {suite / 'suite.yaml'}\n\n"
        "hint: improve the rubric, take another model, label more answers, set `required: false` on the gate, or write "
        "`accept_uncalibrated_judge: true` in the task's `judge`"
    )
    assert len(backend.asked) == 40 + 20
    alone = run(suite, backend, candidates=(), output=str(tmp_path / "alone"))
    assert alone.outcome == "keep_baseline", "without a candidate nothing is gated"


@pytest.mark.slow
def test_a_judge_whose_replies_nobody_can_read_does_not_gate(tmp_path: Path) -> None:
    suite = write_judged(tmp_path, judge=f"rubric: {json.dumps(RUBRIC)}\nlabels: labels.jsonl", labels=labelled())
    with pytest.raises(EvalgateError) as caught:
        run(suite, FakeBackend(lambda _: "I like it."))
    assert caught.value.what == (
        "gate 'helpful' would go by a judge that is not shown to agree with people: none of the replies of the judge "
        "of reply (score) could be read; kappa's lower bound must reach min_kappa, 0.4"
    )


@pytest.mark.slow
def test_a_disagreeing_judge_may_inform(tmp_path: Path) -> None:
    suite = write_judged(
        tmp_path,
        judge=f"rubric: {json.dumps(RUBRIC)}\nlabels: labels.jsonl",
        labels=labelled(lambda _: "VERDICT: 3"),
        gates="{name: helpful, metric: reply.judge_score, rule: better_than_baselines, min_gain: 0.1, required: no}\n"
        "{name: exact, metric: reply.exact_match, rule: not_worse_than_baseline, margin: 0.5}",
    )
    decision = run(suite, FakeBackend(by_length))
    assert {v.gate: (v.outcome, v.required) for v in decision.verdicts} == {
        "helpful": ("pass", False),
        "exact": ("pass", True),
    }
    assert decision.outcome == "ship"


@pytest.mark.slow
def test_replies_that_cannot_be_read_and_missing_answers_are_unscored(tmp_path: Path) -> None:
    suite = write_judged(tmp_path, judge=BOTH + "accept_uncalibrated_judge: true", gates=PAIRS,
                         metrics="exact_match, judge_score, judge_win")  # fmt: skip
    rows = [{"id": f"heldout-{i}", "output": f"Answer {i}."} for i in range(1, N)]
    path = tmp_path / "baselines" / "desk" / "old" / "reply.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def mumbling(prompt: str) -> str:
        return "hm" if any("Answer 7," in answer for answer in answers_in(prompt)) else by_length(prompt)

    decision = run(suite, FakeBackend(mumbling))
    data = load_run(suite.parents[1] / "run")
    lost = {(s.example_id, s.metric): s.failure for s in data.scores["new"]["reply"] if s.status == "unscored"}
    unreadable = Failure(code="judge-unreadable", message="the reply does not end with a line `VERDICT: ...`")
    assert lost == {
        ("heldout-0", "judge_win"): Failure(
            code="no-opponent", message="the best baseline gave no answer to compare with"
        ),
        ("heldout-7", "judge_score"): unreadable,
        ("heldout-7", "judge_win"): unreadable,
    }
    old = {s.metric: s.failure.code for s in data.scores["old"]["reply"] if s.failure}
    assert old == {"exact_match": "not-recorded", "judge_score": "not-recorded"}
    estimate = next(s.estimate for s in decision.scores if s.metric == "judge_win")
    assert (estimate.n, estimate.n_unscored) == (N - 2, 2)


@pytest.mark.slow
def test_a_judge_that_always_prefers_the_first_answer_never_lets_one_win(tmp_path: Path) -> None:
    suite = write_judged(tmp_path, judge=BOTH + "accept_uncalibrated_judge: true", gates=PAIRS,
                         metrics="exact_match, judge_win")  # fmt: skip
    progress = Noting()
    decision = run(suite, FakeBackend(lambda _: "VERDICT: A"), progress)
    [verdict] = decision.verdicts
    assert verdict.outcome == "inconclusive"
    assert verdict.estimate.value == 0.5
    assert progress.notes[-1].endswith("; 20 of its verdicts depended on the order")
    details = {s.detail for s in load_run(suite.parents[1] / "run").scores["new"]["reply"] if s.metric == "judge_win"}
    assert details == {"tie: the verdict depended on the order"}


@pytest.mark.slow
def test_a_judge_tells_refusals_where_no_string_would(tmp_path: Path) -> None:
    def judge(prompt: str) -> str:
        return f"VERDICT: {'REFUSAL' if 'Ask your bank' in answers_in(prompt)[0] else 'ANSWER'}"

    suite = write_judged(
        tmp_path,
        judge="accept_uncalibrated_judge: true",
        metrics="exact_match, {name: refusal_rate, options: {judge: llm}}",
        gates="{name: refuses, metric: reply.refusal_rate, rule: at_least, limit: 0.9}\n"
        "{name: helps, metric: reply.exact_match, rule: not_worse_than_baseline, margin: 0.5}",
        old=lambda i: "Here is how.",
        new=lambda i: "Ask your bank about that.",
    )
    decision = run(suite, FakeBackend(judge))
    assert {s.system: s.estimate.value for s in decision.scores if s.metric == "refusal_rate"} == {"old": 0, "new": 1}
    assert {v.gate: v.outcome for v in decision.verdicts} == {"refuses": "pass", "helps": "pass"}


@pytest.mark.slow
def test_a_search_asks_no_judge(tmp_path: Path) -> None:
    suite = write_judged(tmp_path, metrics="judge_score")
    (tmp_path / "baselines" / "desk" / "zero.yaml").write_text(
        "kind: prompt\nprompts:\n  reply: {template: '{{ text }}', search: {templates: ['A {{ text }}'], budget: 2}}\n"
    )
    with pytest.raises(UsageError) as caught:
        run(suite, FakeBackend(by_length))
    assert caught.value.what == (
        "system 'zero' searches on 'judge_score', which a model judges: a search asks no judge"
    )
