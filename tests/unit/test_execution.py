"""Asking a backend: every answer once and kept, failures counted, times in fair pairs."""

import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorder import Recorder

from evalgate.backends.fake import FakeBackend
from evalgate.core.data import Message, Sampling
from evalgate.core.protocols import Ask, Request
from evalgate.core.results import Failure, Prediction
from evalgate.core.serving import LatencyPair
from evalgate.execution.local import Contest, measure_latency, predict
from evalgate.execution.process import standing_heap
from evalgate.files import read_lines
from evalgate.store import RunFolder


def ask(i: int, side: str = "", digest: str = "d") -> Ask:
    request = Request(messages=(Message(role="user", content=f"{side}q{i}"),), sampling=Sampling())
    return Ask(example_id=f"e{i}", request=request, context_ids=("p",), digest=digest)


ASKS = [ask(i) for i in range(6)]


def answers(
    backend: FakeBackend, path: Path, asks: list[Ask] = ASKS, adapter: str | None = None
) -> Iterator[Prediction]:
    return predict(asks, system="s", task="t", adapter=adapter, backend=backend, path=path, progress=Recorder())


def test_every_example_is_answered_once_and_recorded_as_it_was_given(tmp_path: Path) -> None:
    backend = FakeBackend(lambda prompt: prompt.upper())
    given = list(answers(backend, tmp_path / "p.jsonl"))
    assert {p.example_id: p.output for p in given} == {f"e{i}": f"Q{i}" for i in range(6)}
    assert read_lines(tmp_path / "p.jsonl", Prediction) == given
    assert {(p.system, p.task, p.status, p.request_digest, p.context_ids) for p in given} == {
        ("s", "t", "ok", "d", ("p",))
    }


@pytest.mark.parametrize("n", range(7))
def test_a_killed_run_goes_on_and_asks_nothing_twice(tmp_path: Path, n: int) -> None:
    backend, path = FakeBackend(str.upper), tmp_path / "p.jsonl"
    running = answers(backend, path)
    before = [next(running) for _ in range(n)]
    running.close()  # type: ignore[attr-defined]
    assert read_lines(path, Prediction) == before
    again = list(answers(backend, path))
    assert sorted(p.example_id for p in again) == [a.example_id for a in ASKS]
    assert Counter(backend.asked) == Counter((None, f"q{i}") for i in range(6))
    assert sorted(read_lines(path, Prediction), key=str) == sorted(again, key=str)


def test_a_torn_answer_is_asked_again(tmp_path: Path) -> None:
    backend, path = FakeBackend(str.upper), tmp_path / "p.jsonl"
    whole = list(answers(backend, path))
    path.write_bytes(path.read_bytes()[:-9])
    assert sorted(answers(backend, path), key=str) == sorted(whole, key=str)
    assert len(backend.asked) == 7
    assert sorted(read_lines(path, Prediction), key=str) == sorted(whole, key=str)


def test_a_whole_recording_is_given_again_without_asking(tmp_path: Path) -> None:
    first = list(answers(FakeBackend(str.upper), tmp_path / "p.jsonl"))
    other = FakeBackend(str.lower)
    assert sorted(answers(other, tmp_path / "p.jsonl"), key=str) == sorted(first, key=str)
    assert other.asked == []


def test_an_adapter_answers_in_its_own_words(tmp_path: Path) -> None:
    backend = FakeBackend(str.upper, adapters={"a": lambda prompt: "tuned"})
    backend.add_adapter("a", "folder")
    assert {p.output for p in answers(backend, tmp_path / "a.jsonl", adapter="a")} == {"tuned"}
    assert {p.output for p in answers(backend, tmp_path / "b.jsonl")} == {f"Q{i}" for i in range(6)}
    with pytest.raises(KeyError):
        list(answers(backend, tmp_path / "c.jsonl", adapter="never-added"))


def test_a_failure_is_recorded_and_the_others_are_answered(tmp_path: Path) -> None:
    failure = Failure(code="prompt-too-long", message="9 tokens")
    backend = FakeBackend(lambda prompt: failure if prompt == "q3" else "x")
    list(answers(backend, tmp_path / "p.jsonl"))
    kept = {p.example_id: p for p in read_lines(tmp_path / "p.jsonl", Prediction)}
    assert [i for i, p in kept.items() if p.status == "error"] == ["e3"]
    assert (kept["e3"].output, kept["e3"].failure) == (None, failure)
    assert len(list(answers(backend, tmp_path / "p.jsonl"))) == 6
    assert len(backend.asked) == 6, "a failure is an answer: it is not asked again"


def test_answers_to_other_requests_are_dropped_and_asked_anew(tmp_path: Path) -> None:
    folder, backend = RunFolder(tmp_path), FakeBackend(str.upper)
    path = folder.predictions("s", "t")
    list(answers(backend, path))
    folder.forget_others("s", "t", {"d"})
    list(answers(backend, path))
    assert len(backend.asked) == 6
    fresh = [ask(i, digest="new") for i in range(6)]
    folder.forget_others("s", "t", {"new"})
    assert {p.request_digest for p in answers(backend, path, fresh)} == {"new"}
    assert len(backend.asked) == 12


NAMES = ("a", "b")


def contests(n: int = 4) -> list[Contest]:
    return [
        Contest(
            task="t", baseline="base", baseline_ask=ask(i, "base-"), candidate_asks={c: ask(i, f"{c}-") for c in NAMES}
        )
        for i in range(n)
    ]


def timed(backend: FakeBackend, folder: Path, *, n_pairs: int = 40, n_warmup: int = 2, n: int = 4) -> Recorder:
    for name in NAMES:
        backend.add_adapter(name, "folder")
    progress = Recorder()
    measure_latency(
        contests(n),
        n_pairs=n_pairs,
        n_warmup=n_warmup,
        seed=3,
        backend=backend,
        paths={name: folder / f"{name}.jsonl" for name in NAMES},
        progress=progress,
    )
    return progress


def pairs(folder: Path, name: str) -> list[LatencyPair]:
    return read_lines(folder / f"{name}.jsonl", LatencyPair)


def test_rounds_are_interleaved_in_every_order_and_examples_drawn_evenly(tmp_path: Path) -> None:
    backend = FakeBackend(lambda p: "w " * 3)
    timed(backend, tmp_path, n_warmup=0)
    assert len(backend.asked) == 40 * 3
    rounds = [backend.asked[k : k + 3] for k in range(0, 120, 3)]
    assert {len({prompt.rpartition("-")[2] for _, prompt in turn}) for turn in rounds} == {1}
    orders = Counter(tuple(adapter for adapter, _ in turn) for turn in rounds)
    assert len(orders) == 6
    for name in NAMES:
        made = pairs(tmp_path, name)
        assert {(p.baseline, p.candidate, p.task, p.candidate_tokens) for p in made} == {("base", name, "t", 3)}
        assert set(Counter(p.example_id for p in made).values()) == {10}
        assert [f"q{p.example_id[1:]}" for p in made] == [turn[0][1].rpartition("-")[2] for turn in rounds]


def test_times_are_those_of_the_calls(tmp_path: Path) -> None:
    backend = FakeBackend(lambda p: "x", latency_s=0.003)
    timed(backend, tmp_path, n_pairs=5)
    assert all(0.003 <= t < 0.5 for p in pairs(tmp_path, "a") for t in (p.baseline_s, p.candidate_s))


def test_warm_up_rounds_are_not_recorded(tmp_path: Path) -> None:
    backend = FakeBackend(lambda p: "x")
    timed(backend, tmp_path, n_pairs=10, n_warmup=3)
    assert len(backend.asked) == 13 * 3
    assert [len(pairs(tmp_path, name)) for name in NAMES] == [10, 10]


class KilledError(Exception):
    """Stands for SIGKILL."""


@pytest.mark.parametrize("calls", [1, 10, 31, 50, 119])
def test_a_killed_measurement_goes_on_with_the_same_rounds(tmp_path: Path, calls: int) -> None:
    timed(FakeBackend(lambda p: "x"), tmp_path / "whole")
    left = calls

    def dying(prompt: str) -> str:
        nonlocal left
        left -= 1
        if left < 0:
            raise KilledError
        return "x"

    with pytest.raises(KilledError):
        timed(FakeBackend(dying), tmp_path / "cut")
    progress = timed(FakeBackend(lambda p: "x"), tmp_path / "cut")
    assert progress.stages[0][:2] == ["latency", 40]
    assert progress.stages[0][3] == 40
    for name in NAMES:
        ids = [p.example_id for p in pairs(tmp_path / "cut", name)]
        assert ids == [p.example_id for p in pairs(tmp_path / "whole", name)]
    idle = FakeBackend(lambda p: "x")
    assert timed(idle, tmp_path / "cut").stages == []
    assert idle.asked == []


def test_a_round_cut_between_two_files_is_recorded_once(tmp_path: Path) -> None:
    timed(FakeBackend(lambda p: "x"), tmp_path)
    whole = {name: [p.example_id for p in pairs(tmp_path, name)] for name in NAMES}
    for name, n in (("a", 8), ("b", 7)):
        path = tmp_path / f"{name}.jsonl"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:n]))
    timed(FakeBackend(lambda p: "x"), tmp_path)
    assert {name: [p.example_id for p in pairs(tmp_path, name)] for name in NAMES} == whole


def test_a_side_that_fails_gives_no_pair_because_failing_is_fast(tmp_path: Path) -> None:
    failure = Failure(code="prompt-too-long")
    timed(FakeBackend(lambda p: failure if p == "b-q1" else "x"), tmp_path, n_pairs=8)
    assert len(pairs(tmp_path, "a")) == 8
    assert "e1" not in {p.example_id for p in pairs(tmp_path, "b")}
    assert len(pairs(tmp_path, "b")) == 6


def test_nothing_to_time_is_no_error(tmp_path: Path) -> None:
    backend = FakeBackend(lambda p: "x")
    timed(backend, tmp_path, n=0)
    assert backend.asked == []


def test_a_standing_heap_is_left_out_of_collections_until_the_run_ends() -> None:
    before = gc.get_freeze_count()
    with pytest.raises(KeyboardInterrupt), standing_heap():
        assert gc.get_freeze_count() > before
        loop: list[object] = []
        loop.append(loop)
        del loop
        assert gc.collect() > 0, "what a stage leaves behind is still found"
        raise KeyboardInterrupt
    assert gc.get_freeze_count() == 0
