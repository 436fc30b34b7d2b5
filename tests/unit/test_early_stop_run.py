"""Whole runs with an early stop, with a backend that has no model: who is asked what, and what is decided."""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desk_candidates import (
    CANDIDATES,
    GATES,
    N_PAIRS,
    N_REDTEAM,
    N_WARMUP,
    N,
    desk_backend,
    heldout,
    number,
    pretend_trained,
    without_times,
    write_desk,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from recorder import Recorder

from evalgate import pipeline
from evalgate.backends.fake import FakeBackend
from evalgate.core.data import RunOptions
from evalgate.core.record import canonical_json
from evalgate.core.results import Decision
from evalgate.core.serving import Cost
from evalgate.doctor.inject import diagnose
from evalgate.files import Appender
from evalgate.judging import judge_run
from evalgate.store import load_run
from evalgate.suite.order import first_half

WHOLE = 2 * N + N_REDTEAM
HALVES = N  # half of each of the two tasks that must be won
ROUNDS = N_PAIRS + N_WARMUP


def run(suite: Path, backend: FakeBackend | None = None, name: str = "run", **options: Any) -> Decision:
    chosen = RunOptions(suite=str(suite), output=str(suite.parents[1] / name), **options)
    pretend_trained(chosen)
    return pipeline.run(chosen, Recorder(), backend or desk_backend())


def outcomes(decision: Decision) -> dict[str, str]:
    return {f"{v.candidate}.{v.gate}": v.outcome for v in decision.verdicts}


STOPPED = {
    "breaker.policies": "pass", "loser.policies": "fail", "winner.policies": "pass",
    "breaker.routing": "pass", "loser.routing": "fail", "winner.routing": "pass",
    "breaker.refusals": "fail", "loser.refusals": "not_run", "winner.refusals": "pass",
    "breaker.speed": "not_run", "loser.speed": "not_run", "winner.speed": "pass",
}  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FakeBackend, Decision]:
    suite, backend = write_desk(tmp_path_factory.mktemp("desk")), desk_backend()
    return suite, backend, run(suite, backend)


def test_a_loser_is_asked_half_a_breaker_all_but_latency_and_a_winner_everything(
    done: tuple[Path, FakeBackend, Decision],
) -> None:
    suite, backend, decision = done
    assert outcomes(decision) == STOPPED
    assert (decision.outcome, decision.ship) == ("ship", "winner")
    asked = Counter(adapter for adapter, _ in heldout(backend))
    assert asked.total() == 1204
    assert asked == {"loser": HALVES, "breaker": WHOLE, "winner": WHOLE + ROUNDS, None: 2 * WHOLE + ROUNDS}
    data = load_run(suite.parents[1] / "run")
    for task in ("route", "policy_qa"):
        ids = [e.id for e in data.examples[task]]
        half = first_half(ids, task=task, data_digest=data.run.data_digest)
        assert {p.example_id for p in data.predictions["loser"][task]} == set(half)
    assert {v.look for v in decision.verdicts if v.candidate == "loser" and v.outcome == "fail"} == {"half"}
    assert {name: len(pairs) for name, pairs in data.latency.items()} == {"winner": N_PAIRS, "loser": 0, "breaker": 0}


def test_the_saving_is_stated(done: tuple[Path, FakeBackend, Decision]) -> None:
    suite, _, _ = done
    text = (suite.parents[1] / "run" / "report.md").read_text()
    assert f"- loser was stopped early: {WHOLE - HALVES} of {WHOLE} questions were not asked (about " in text
    assert f" s at the baselines' measured pace) and {N_PAIRS} pairs of timed calls were not made\n" in text
    assert f"- breaker was stopped early: {N_PAIRS} pairs of timed calls were not made\n" in text
    assert "winner was stopped" not in text
    page = (suite.parents[1] / "run" / "report.html").read_text()
    assert (
        "Not run: required gates &#39;policies&#39; and &#39;routing&#39; failed at half of the held-out set." in page
    )
    assert "<p>None: every recorded item was scored.</p>" in page
    assert f" · {N // 2} not asked</span>" in page


def test_the_doctor_misses_no_answer_of_a_stopped_candidate(done: tuple[Path, FakeBackend, Decision]) -> None:
    found = diagnose(done[0].parents[1] / "run")
    assert not [finding.what for finding in found if finding.hard]


def test_what_everyone_took_is_recorded(done: tuple[Path, FakeBackend, Decision]) -> None:
    costs = load_run(done[0].parents[1] / "run").costs
    counted: Counter[tuple[str, str]] = Counter()
    for cost in costs:
        assert cost.seconds > 0
        counted[cost.system, cost.task] += cost.n
    assert counted["zero", "route"] == N and counted["other", "redteam"] == N_REDTEAM
    assert counted["loser", "route"] == N // 2 and counted["winner", "route"] == N


def test_winning_is_measured_before_harm_and_harm_before_latency(done: tuple[Path, FakeBackend, Decision]) -> None:
    asked = [(a, number(prompt)[0]) for a, prompt in heldout(done[1]) if a is not None]
    seen = [key for key, _ in itertools.groupby(asked)]
    halves = [(c, t) for c in CANDIDATES for t in ("route", "policy_qa")]
    rest = [(c, t) for c in ("breaker", "winner") for t in ("route", "policy_qa")]
    assert seen[:12] == [*halves, *rest, ("breaker", "redteam"), ("winner", "redteam")]
    assert {adapter for adapter, _ in seen[12:]} == {"winner"}


@pytest.mark.parametrize(("redteam_s", "first"), [(1e6, "greet"), (1e-6, "redteam")])
def test_in_the_harm_stage_the_cheapest_is_asked_first(tmp_path: Path, redteam_s: float, first: str) -> None:
    """By what baselines took; both are asked whatever came first, so the clock decides nothing."""
    suite, backend = write_desk(tmp_path, ungated=True), desk_backend()
    with Appender(tmp_path / "run" / "costs.jsonl") as file:
        costs = {"redteam": redteam_s, "greet": 1e3}
        file.write([Cost(system="zero", task=task, n=1, seconds=seconds) for task, seconds in costs.items()])
    run(suite, backend, candidates=("breaker",))
    asked = [number(prompt)[0] for adapter, prompt in heldout(backend) if adapter == "breaker"]
    harm = [task for task, _ in itertools.groupby(asked) if task in costs]
    assert (harm[0], set(harm)) == (first, {"redteam", "greet"})


def test_judged_again_it_is_the_same_decision(done: tuple[Path, FakeBackend, Decision]) -> None:
    assert pipeline.gate(done[0].parents[1] / "run") == done[2]


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(order=st.permutations(range(4)))
def test_the_order_of_gates_in_the_recording_changes_no_byte(
    done: tuple[Path, FakeBackend, Decision], order: list[int]
) -> None:
    data = load_run(done[0].parents[1] / "run")
    gates = tuple(data.run.gates[i] for i in order)
    suite = msgspec.structs.replace(data.run.suite, gates=gates)
    other = msgspec.structs.replace(data, run=msgspec.structs.replace(data.run, gates=gates, suite=suite))
    assert canonical_json(judge_run(other)) == canonical_json(judge_run(data))


def test_the_order_of_gates_in_the_yaml_changes_neither_lock_nor_questions_nor_decision(
    done: tuple[Path, FakeBackend, Decision], tmp_path: Path
) -> None:
    suite, backend = write_desk(tmp_path, order=tuple(reversed(GATES))), desk_backend()
    decision = run(suite, backend)
    assert without_times(decision) == without_times(done[2])
    untimed = WHOLE * 2 + HALVES + WHOLE * 2
    assert heldout(backend)[:untimed] == heldout(done[1])[:untimed]
    locks = [msgspec.json.decode((s / "suite.lock").read_bytes()) for s in (suite, done[0])]
    assert locks[0]["digest"] == locks[1]["digest"]


@pytest.mark.slow
@pytest.mark.parametrize("calls", [5, 2 * WHOLE + 30, 2 * WHOLE + 3 * HALVES - 1, 4 * WHOLE, 4 * WHOLE + HALVES + 9])
def test_killed_and_run_again_it_is_the_same_recording(
    done: tuple[Path, FakeBackend, Decision], tmp_path: Path, calls: int
) -> None:
    """Among the baselines, in the first half, just before the look, in the harm stage, and in latency."""
    suite, left = write_desk(tmp_path), calls
    whole = desk_backend()

    def mortal(name: str | None) -> Any:
        def answer(prompt: str) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            chosen = whole._by_adapter.get(name or "", whole._answer)
            return chosen(prompt)

        return answer

    with pytest.raises(KeyboardInterrupt):
        run(suite, desk_backend(base=mortal(None), **{name: mortal(name) for name in CANDIDATES}))
    rest = desk_backend()
    decision = run(suite, rest)
    assert without_times(decision) == without_times(done[2])
    cut, kept = (load_run(s.parents[1] / "run") for s in (suite, done[0]))
    for system, tasks in kept.predictions.items():
        for task, predictions in tasks.items():
            both = (predictions, cut.predictions[system][task])
            said = [{p.example_id: (p.output, p.request_digest) for p in found} for found in both]
            assert said[0] == said[1]
            assert len(cut.predictions[system][task]) == len(predictions)
    assert {c: [p.example_id for p in pairs] for c, pairs in cut.latency.items()} == {
        c: [p.example_id for p in pairs] for c, pairs in kept.latency.items()
    }


@pytest.mark.slow
def test_no_early_stop_goes_on_with_the_rest_and_takes_nothing_back(tmp_path: Path) -> None:
    suite = write_desk(tmp_path)
    stopped = run(suite)
    backend = desk_backend()
    complete = run(suite, backend, early_stop=False)
    asked = Counter(adapter for adapter, _ in heldout(backend))
    assert asked["loser"] == WHOLE - HALVES + ROUNDS and asked["breaker"] == ROUNDS
    assert outcomes(complete) == STOPPED | {
        "loser.refusals": "pass", "breaker.speed": "pass", "loser.speed": "pass"
    }  # fmt: skip
    assert {v.look for v in complete.verdicts} == {"full"}
    assert {v.n for v in complete.verdicts if v.candidate == "loser"} == {N, N_REDTEAM, N_PAIRS}
    assert load_run(suite.parents[1] / "run").run.early_stop is None
    # The policy is put back: the decision is that of the look, although all answers are there.
    idle = desk_backend()
    assert without_verdict_scores(run(suite, idle)) == without_verdict_scores(stopped)
    assert idle.asked == []


def without_verdict_scores(decision: Decision) -> Any:
    """The decision without the tables of scores, which show all that is recorded."""
    value = without_times(decision)
    assert isinstance(value, dict)
    return {k: v for k, v in value.items() if k not in ("scores", "slices")}


def test_a_suite_that_says_nothing_measures_everything(tmp_path: Path) -> None:
    suite, backend = write_desk(tmp_path, early_stop=""), desk_backend()
    decision = run(suite, backend)
    assert Counter(a for a, _ in heldout(backend))["loser"] == WHOLE + ROUNDS
    assert len(heldout(backend)) == 1428, "with the early stop: 1204 (docs/decisions/0017)"
    assert "not_run" not in outcomes(decision).values()
    assert "the `early_stop` section" not in (suite / "suite.lock").read_text()


def test_the_policy_is_part_of_the_lock(tmp_path: Path) -> None:
    suite = write_desk(tmp_path)
    path = suite / "suite.yaml"
    path.write_text(path.read_text().replace("after_failure: skip", "after_failure: measure"))
    with pytest.raises(Exception, match=r"the `early_stop` section differs"):
        run(suite)


def test_measured_all_the_same_after_a_failure_if_the_suite_says_so(tmp_path: Path) -> None:
    suite, backend = write_desk(tmp_path, early_stop="{after_failure: measure}"), desk_backend()
    decision = run(suite, backend)
    asked = Counter(adapter for adapter, _ in heldout(backend))
    assert (asked["loser"], asked["breaker"]) == (HALVES, WHOLE + ROUNDS)
    assert outcomes(decision) == STOPPED | {"breaker.speed": "pass"}


@pytest.mark.slow
def test_an_adapter_that_was_trained_anew_leaves_nothing_stale(tmp_path: Path) -> None:
    """It loses now; what its predecessor said of other tasks must not stay."""
    suite = write_desk(tmp_path)
    run(suite, desk_backend(loser=desk_backend()._by_adapter["winner"]))
    folder = suite.parents[1] / "run"
    assert load_run(folder).predictions["loser"]["redteam"]
    card = folder / "adapters" / "loser" / "card.json"
    chosen = RunOptions(suite=str(suite), output=str(folder))
    old = card.read_text()
    card.write_text(old.replace(msgspec.json.decode(old)["adapter_digest"], "f" * 64))
    decision = pipeline.run(chosen, Recorder(), desk_backend())
    data = load_run(folder)
    assert outcomes(decision)["loser.routing"] == "fail"
    assert data.predictions["loser"]["redteam"] == [] and data.latency["loser"] == []
    assert len(data.predictions["loser"]["route"]) == N // 2
