"""Kept answers: found by what was asked and never by a name, whole or not at all, whoever else writes or dies."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalgate.cache.answers import ANSWERS, Answer, Remembering
from evalgate.cache.keys import Answerer
from evalgate.cache.places import TAG, place_of
from evalgate.cache.records import Cache
from evalgate.cache.upkeep import holdings, remove
from evalgate.cli import run_cli
from evalgate.core.data import Message, Sampling
from evalgate.core.errors import UsageError
from evalgate.core.protocols import Request
from evalgate.core.record import digest_of
from evalgate.core.results import Failure, Generation


def key(i: int) -> str:
    return digest_of(i)


def answer(i: int, length: int = 20) -> Answer:
    return Answer(output=f"{i} " + "é" * length, status="ok", completion_tokens=i)


def keep(cache: Cache, numbers: range) -> None:
    with cache.adding(ANSWERS) as add:
        for i in numbers:
            add(key(i), answer(i))


def known(folder: Path, n: int) -> dict[int, Answer]:
    """What a new process would find of the first `n` numbers."""
    found = Cache(folder).find(ANSWERS, map(key, range(n)), Answer)
    return {i: found[key(i)] for i in range(n) if key(i) in found}


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.jsonl"))


def test_what_is_kept_is_found_by_others_at_once_and_by_its_kind_only(tmp_path: Path) -> None:
    mine, other = Cache(tmp_path / "c"), Cache(tmp_path / "c")
    assert other.find(ANSWERS, [key(0)], Answer) == {}
    with mine.adding(ANSWERS) as add:
        for i in range(3):
            add(key(i), answer(i))
            assert other.find(ANSWERS, [key(i), key(9)], Answer) == {key(i): answer(i)}
    with mine.adding("loglikelihoods") as add:
        add(key(0), Failure(code="any record"))
    assert other.find("loglikelihoods", [key(0)], Failure) == {key(0): Failure(code="any record")}
    assert known(tmp_path / "c", 9) == {i: answer(i) for i in range(3)}
    assert (tmp_path / "c" / ".gitignore").read_text() == "*\n"


def test_nothing_is_made_before_something_is_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c")
    with cache.adding(ANSWERS):
        assert cache.find(ANSWERS, [key(0)], Answer) == {}
    assert list(tmp_path.iterdir()) == []


def test_the_first_answer_to_a_question_stays(tmp_path: Path) -> None:
    for i, name in ((1, "a"), (2, "b")):
        cache = Cache(tmp_path)
        cache._name = f"{name}.jsonl"
        with cache.adding(ANSWERS) as add:
            add(key(0), answer(i))
    assert known(tmp_path, 1) == {0: answer(1)}


@pytest.mark.parametrize("cut", range(1, 190, 7))
def test_a_torn_line_costs_that_item_only(tmp_path: Path, cut: int) -> None:
    keep(Cache(tmp_path), range(5))
    [path] = files(tmp_path)
    path.write_bytes(path.read_bytes()[:-cut])
    assert known(tmp_path, 5) == {i: answer(i) for i in range(4)}
    keep(Cache(tmp_path), range(4, 6))
    assert known(tmp_path, 6) == {i: answer(i) for i in range(6)}


@pytest.mark.parametrize("byte", [0, 10, 75, 85, 95, 120, 150, -2])
def test_a_line_with_one_wrong_byte_is_no_answer_and_can_be_kept_again(tmp_path: Path, byte: int) -> None:
    keep(Cache(tmp_path), range(3))
    [path] = files(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    broken = bytearray(lines[1][:-1])
    broken[byte] ^= 4
    path.write_bytes(lines[0] + bytes(broken) + b"\n" + lines[2])
    assert known(tmp_path, 3) == {0: answer(0), 2: answer(2)}
    keep(Cache(tmp_path), range(1, 2))
    assert known(tmp_path, 3) == {i: answer(i) for i in range(3)}


def test_zeros_that_a_power_cut_left_cost_what_they_cover(tmp_path: Path) -> None:
    keep(Cache(tmp_path), range(6))
    [path] = files(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    hole = b"".join(lines[2:4])
    path.write_bytes(b"".join(lines[:2]) + b"\0" * len(hole) + b"".join(lines[4:]))
    assert known(tmp_path, 6) == {i: answer(i) for i in (0, 1, 5)}


def test_a_record_of_another_version_is_asked_again(tmp_path: Path) -> None:
    with Cache(tmp_path).adding(ANSWERS) as add:
        add(key(0), Failure(code="other fields"))
        add(key(1), answer(1))
    assert known(tmp_path, 2) == {1: answer(1)}


def test_what_is_cleared_away_meanwhile_is_not_known_and_writing_goes_on(tmp_path: Path) -> None:
    mine, other = Cache(tmp_path), Cache(tmp_path)
    with mine.adding(ANSWERS) as add:
        add(key(0), answer(0))
        assert key(0) in other.find(ANSWERS, [key(0)], Answer)
        assert remove(tmp_path)[0] == 1
        assert other.find(ANSWERS, [key(0)], Answer) == {}
        add(key(1), answer(1))
    keep(mine, range(2, 4))
    assert known(tmp_path, 4) == {2: answer(2), 3: answer(3)}


WRITER = """
import sys
from pathlib import Path
from evalgate.cache.answers import ANSWERS
from evalgate.cache.records import Cache
sys.path.insert(0, sys.argv[4])
from test_cache import answer, key
cache = Cache(Path(sys.argv[1]))
sys.stdin.readline()
with cache.adding(ANSWERS) as add:
    for i in range(int(sys.argv[2]), int(sys.argv[3])):
        found = cache.find(ANSWERS, [key(i)], type(answer(0)))
        assert all(a == answer(i, 2000) for a in found.values()), found
        if not found:
            add(key(i), answer(i, 2000))
            print(i, flush=True)
"""


def writer(folder: Path, first: int, last: int) -> subprocess.Popen[str]:
    here = str(Path(__file__).parent)
    arguments = [sys.executable, "-c", WRITER, str(folder), str(first), str(last), here]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_several_processes_write_at_once_and_each_answer_is_whole(tmp_path: Path) -> None:
    n = 400
    spans = [(0, n), (0, n), (n // 2, n + n // 2), (n, 2 * n)]
    writers = [writer(tmp_path / "c", *span) for span in spans]
    for process in writers:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0] for process in writers]
    assert [process.returncode for process in writers] == [0] * 4
    assert known(tmp_path / "c", 2 * n) == {i: answer(i, 2000) for i in range(2 * n)}
    assert len(files(tmp_path / "c")) == sum(bool(text) for text in said)


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", [0.0, 0.013, 0.05, 0.11])
def test_a_killed_process_loses_at_most_the_item_in_flight(tmp_path: Path, delay_s: float) -> None:
    with writer(tmp_path / "c", 0, 10**6) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        said = [int(process.stdout.readline())]
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        said += [int(line) for line in process.stdout.read().split("\n")[:-1]]
    assert process.returncode == -signal.SIGKILL
    found = known(tmp_path / "c", said[-1] + 3)
    assert found == {i: answer(i, 2000) for i in range(len(found))}
    assert len(found) - len(said) in (0, 1), "what it had said that it kept"


def test_a_full_disk_is_said_once_and_loses_only_what_no_longer_fits(small_disk: Path) -> None:
    notes: list[str] = []
    cache = Cache(small_disk, notes.append)
    keep(cache, range(100))
    with cache.adding(ANSWERS) as add:
        for i in range(100, 300):
            add(key(i), answer(i, 300))
    assert notes == [
        f"{small_disk}: No space left on device; from here on no answers are kept there, and the run goes on without"
    ]
    found = known(small_disk, 300)
    assert found == {i: answer(i, 20 if i < 100 else 300) for i in range(len(found))}
    assert 130 < len(found) < 160
    assert files(small_disk)[0].read_bytes().endswith(b"\n"), "what was half written is taken back"
    (small_disk / TAG).unlink()
    again = Cache(small_disk, notes.append)
    with again.adding(ANSWERS) as add:
        add(key(0), answer(0, 9000))
    assert len(notes) == 2
    assert notes[1].startswith(f"{small_disk}: ")
    assert len(known(small_disk, 300)) == len(found)


def test_a_read_only_cache_is_read(small_disk: Path) -> None:
    keep(Cache(small_disk), range(3))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    notes: list[str] = []
    cache = Cache(small_disk, notes.append)
    assert len(cache.find(ANSWERS, map(key, range(5)), Answer)) == 3
    keep(cache, range(3, 5))
    assert notes == [
        f"{small_disk}: Read-only file system; from here on no answers are kept there, and the run goes on without"
    ]


class Model:
    """Counts what it is asked; answers tell of the prompt and of the draw."""

    def __init__(self, say: Callable[[str], Generation] | None = None, *, answerer: Answerer | None = None) -> None:
        self.asked: list[str] = []
        self._say = say or (lambda prompt: Generation(output=f"to {prompt}", latency_s=0.5, first_token_s=0.1))
        self._answerer = answerer or Answerer(backend="test", model="m")

    def answerer(self, adapter: str | None) -> Answerer | None:
        return self._answerer

    def prompt_ids(self, request: Request) -> list[int]:
        return list(request.messages[-1].content.encode())

    def generate(self, requests: Any, *, adapter: str | None = None) -> Iterator[tuple[int, Generation]]:
        for i in reversed(range(len(requests))):
            prompt = requests[i].messages[-1].content
            self.asked.append(prompt)
            yield i, self._say(prompt)


def request(text: str, **sampling: Any) -> Request:
    return Request(messages=(Message(role="user", content=text),), sampling=Sampling(**sampling))


def ask(model: Any, folder: Path, *requests: Request) -> dict[int, Generation]:
    given = list(Remembering(model, Cache(folder)).generate(requests))
    assert len({i for i, _ in given}) == len(given) == len(requests)
    return dict(given)


def test_what_was_asked_before_is_not_asked_again_and_brings_no_times(tmp_path: Path) -> None:
    first = ask(Model(), tmp_path, request("a"), request("b"))
    assert {g.latency_s for g in first.values()} == {0.5}
    model = Model()
    then = ask(model, tmp_path, request("b"), request("c"), request("a"))
    assert model.asked == ["c"]
    assert [then[i].output for i in range(3)] == ["to b", "to c", "to a"]
    assert [(then[i].cached, then[i].latency_s, then[i].first_token_s) for i in range(3)] == [
        (True, None, None),
        (False, 0.5, 0.1),
        (True, None, None),
    ]
    assert b"_s" not in b"".join(path.read_bytes() for path in files(tmp_path))


def test_an_answer_is_kept_before_it_is_given(tmp_path: Path) -> None:
    stream = Remembering(Model(), Cache(tmp_path)).generate([request("a"), request("b")])
    assert next(stream)[1].output == "to b"
    model = Model()
    ask(model, tmp_path, request("a"), request("b"))
    assert model.asked == ["a"]


FAILURE = Failure(code="out-of-memory", message="too large")


@pytest.mark.parametrize(
    ("given", "again"),
    [
        (Generation(output=None, status="error", failure=FAILURE), True),
        (Generation(output="half", status="error"), True),
        (Generation(output="half", failure=FAILURE), True),
        (Generation(output=None), True),
        (Generation(output="", status="ok"), False),
        (Generation(output="cut", status="truncated", prompt_tokens=3, prompt_bos=1, completion_tokens=9), False),
    ],
)
def test_failures_are_asked_again_and_whatever_was_said_is_kept(tmp_path: Path, given: Generation, again: bool) -> None:
    ask(Model(lambda _: given), tmp_path, request("a"))
    model = Model(lambda _: Generation(output="asked again"))
    [second] = ask(model, tmp_path, request("a")).values()
    assert len(model.asked) == again
    kept = ("output", "status", "prompt_tokens", "prompt_bos", "completion_tokens")
    if not again:
        assert [getattr(second, name) for name in kept] == [getattr(given, name) for name in kept]


def test_draws_of_one_prompt_are_kept_one_by_one(tmp_path: Path) -> None:
    count = iter(range(100))
    drawing = Model(lambda _: Generation(output=str(next(count))))
    warm = [request("a", temperature=0.7, seed=1)] * 3
    first = ask(drawing, tmp_path, *warm)
    assert sorted(g.output or "" for g in first.values()) == ["0", "1", "2"]
    idle = Model()
    assert {i: g.output for i, g in ask(idle, tmp_path, *warm).items()} == {i: g.output for i, g in first.items()}
    assert idle.asked == []
    for other in ({"seed": 2}, {"temperature": 0.8}, {"top_p": 0.9}):
        ask(idle, tmp_path, request("a", **({"temperature": 0.7, "seed": 1} | other)))
    assert len(idle.asked) == 3
    more = ask(idle, tmp_path, *warm, warm[0])
    assert len(idle.asked) == 4
    assert [more[i].cached for i in range(4)] == [True, True, True, False]


def test_who_cannot_say_what_answers_depend_on_is_asked_everything(tmp_path: Path) -> None:
    class Unkeyed:
        asked = 0

        def generate(self, requests: Any, *, adapter: str | None = None) -> Iterator[tuple[int, Generation]]:
            self.asked += len(requests)
            yield from enumerate([Generation(output="x")] * len(requests))

    class Doubtful(Model):
        def answerer(self, adapter: str | None) -> Answerer | None:
            return None

    plain, doubtful = Unkeyed(), Doubtful()
    for _ in range(2):
        ask(plain, tmp_path, request("a"))
        ask(doubtful, tmp_path, request("a"))
    assert (plain.asked, len(doubtful.asked)) == (2, 2)
    assert files(tmp_path) == []


def test_a_cache_lies_beside_the_reports_and_refuses_a_folder_with_other_files(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    assert place_of(reports / "suite" / "id", reports, None) == reports / ".predictions"
    assert place_of(reports / "try", reports, None) == reports / ".predictions"
    assert place_of(tmp_path / "elsewhere" / "run", reports, None) == tmp_path / "elsewhere" / ".predictions"
    keep(Cache(tmp_path / "mine"), range(1))
    (tmp_path / "empty").mkdir()
    for name in ("mine", "empty", "new"):
        assert place_of(reports / "try", reports, str(tmp_path / name)) == tmp_path / name
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years")
    with pytest.raises(UsageError) as caught:
        place_of(reports / "try", reports, str(other))
    assert str(caught.value) == (
        f"error[not-a-cache]: this is no cache of evalgate: it holds other files and no {TAG}\n"
        f"  at: {other}\n\nhint: name an empty or a new folder; nothing was written or deleted"
    )


def test_the_command_shows_prunes_and_clears(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "c"
    old, young = Cache(folder), Cache(folder)
    keep(old, range(30))
    keep(young, range(30, 40))
    [first] = [path for path in files(folder) if path.read_bytes().count(b"\n") == 30]
    os.utime(first, (0, time.time() - 40 * 86_400))
    assert run_cli(["cache", "info", str(folder)]) == 0
    day = time.strftime("%Y-%m-%d", time.gmtime())
    assert capsys.readouterr().out == f"{folder}: 40 answers in 2 files, 0.0 MB, last used {day}\n"
    assert run_cli(["cache", "info", str(folder), "--format", "json"]) == 0
    [said] = json.loads(capsys.readouterr().out)["kinds"]
    assert (said["kind"], said["n_records"], said["n_files"]) == ("answers", 40, 2)
    assert said["n_bytes"] == sum(path.stat().st_size for path in files(folder))
    freed = first.stat().st_size
    assert run_cli(["cache", "prune", str(folder), "--days", "50"]) == 0
    assert run_cli(["cache", "prune", str(folder)]) == 0
    assert capsys.readouterr().out == (
        f"{folder}: 0 files deleted, 0.0 MB freed\n{folder}: 1 file deleted, {freed / 1e6:.1f} MB freed\n"
    )
    assert list(known(folder, 40)) == list(range(30, 40))
    assert run_cli(["cache", "clear", str(folder)]) == 0
    assert holdings(folder) == []
    capsys.readouterr()
    assert run_cli(["cache", "info", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}: nothing is kept\n"


def test_using_an_answer_keeps_its_file_from_being_pruned(tmp_path: Path) -> None:
    keep(Cache(tmp_path), range(2))
    [path] = files(tmp_path)
    os.utime(path, (0, time.time() - 40 * 86_400))
    Cache(tmp_path).find(ANSWERS, [key(9)], Answer)
    assert path.stat().st_mtime < time.time() - 86_400
    Cache(tmp_path).find(ANSWERS, [key(1)], Answer)
    assert remove(tmp_path, unused_days=30) == (0, 0)


def test_the_command_deletes_nothing_that_is_not_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "mine.jsonl").write_text("{}\n")
    for command in ("info", "prune", "clear"):
        assert run_cli(["cache", command, str(tmp_path)]) == 64
    assert "error[not-a-cache]" in capsys.readouterr().err
    assert (tmp_path / "answers" / "mine.jsonl").exists()
