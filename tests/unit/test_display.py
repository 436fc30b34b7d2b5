"""What a command shows of its progress: plain lines, a live display, nothing, or more; and no text harms a terminal."""

import io
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from screen import Screen

from evalgate.cli import run_cli
from evalgate.console import decision_text, show_decision
from evalgate.console.pieces import clean, duration, fitted, gpu_memory, rate, writable
from evalgate.console.progress import Loudness, RichProgress, redrawn
from evalgate.core import showing
from evalgate.core.data import Sampling
from evalgate.core.protocols import Ask, Progress, Request
from evalgate.core.results import Decision, Failure, Generation, Verdict
from evalgate.execution.local import predict
from evalgate.sealing import Seal
from evalgate.training.following import Following, Telling


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Plain:
    """Plain lines with their clock."""

    def __init__(self, loudness: Loudness = Loudness.NORMAL) -> None:
        self.stream, self.clock = io.StringIO(), Clock()
        self.progress = RichProgress(self.stream, live=False, clock=self.clock, loudness=loudness)

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


class Terminal(io.StringIO):
    """A stream that a live display is drawn on, with the columns of a real terminal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, width: int, encoding: str = "utf-8") -> None:
        super().__init__()
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("LINES", "24")
        monkeypatch.setenv("TERM", "xterm-256color")
        self._width, self._encoding = width, encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    @property
    def screen(self) -> Screen:
        screen = Screen(self._width)
        screen.feed(self.getvalue().replace("\n", "\r\n"))  # as a terminal driver does
        return screen


@contextmanager
def live(terminal: Terminal) -> Iterator[tuple[RichProgress, Clock]]:
    clock = Clock()
    with RichProgress(terminal, live=True, clock=clock) as progress:
        yield progress, clock


def test_plain_lines_say_what_runs_how_fast_and_how_long_still() -> None:
    plain = Plain()
    with showing.stage(plain.progress, "few-shot · route", 1200, 200, unit="examples") as tick:
        for _ in range(480):
            plain.clock.now += 0.03125
            tick()
        plain.clock.now += 5
        showing.count(tick, failed=3, tokens=500)
        tick(520)
    plain.progress.note("saved")
    before = ", 200 recorded before"
    assert plain.lines == [
        "[00:00:00] few-shot · route: 200/1,200 examples",
        f"[00:00:05] few-shot · route: 360/1,200 examples, 32 examples/s, 5 s so far, 26 s left{before}",
        f"[00:00:10] few-shot · route: 520/1,200 examples, 32 examples/s, 10 s so far, 21 s left{before}",
        f"[00:00:15] few-shot · route: 680/1,200 examples, 32 examples/s, 15 s so far, 16 s left{before}",
        f"[00:00:20] few-shot · route: 1,200 examples in 20 s, 50 examples/s, 25 tokens/s, 3 failed{before}",
        "[00:00:20] saved",
    ]


@pytest.mark.parametrize(("seconds", "most"), [(1, 2), (60, 12), (3600, 60), (100_000, 200)])
def test_plain_lines_come_at_a_bounded_pace_however_long_a_stage_takes(seconds: int, most: int) -> None:
    plain = Plain()
    with plain.progress.stage("training", 10_000) as tick:
        for _ in range(10_000):
            plain.clock.now += seconds / 10_000
            tick()
    assert 2 <= len(plain.lines) <= most


def test_a_slow_stage_still_speaks_twice_a_minute_at_first() -> None:
    plain = Plain()
    with showing.stage(plain.progress, "training a", 1000, unit="steps") as tick:
        for _ in range(10):
            plain.clock.now += 31
            tick()
        showing.state(tick, "loss 0.412")
        tick(990)
    assert plain.lines[1] == "[00:00:31] training a: 1/1,000 steps, 31 s each, 31 s so far, 8 h 36 min left"
    assert len(plain.lines) == 12
    assert plain.lines[-1] == "[00:05:10] training a: 1,000 steps in 5 min 10 s, 3.2 steps/s, loss 0.412"


def test_what_needs_no_work_is_one_line() -> None:
    plain = Plain()
    with showing.stage(plain.progress, "a · route", 400, 400, unit="examples"):
        pass
    with showing.stage(plain.progress, "a · extract", 400, 10, unit="examples") as tick:
        showing.count(tick, known=390)
        tick(390)
    assert plain.lines == [
        "[00:00:00] a · route: 400 examples, all recorded before",
        "[00:00:00] a · extract: 10/400 examples",
        "[00:00:00] a · extract: 400 examples, all known",
    ]


def test_known_answers_do_not_make_the_others_look_fast() -> None:
    plain = Plain()
    with showing.stage(plain.progress, "a · route", 400, unit="examples") as tick:
        showing.count(tick, known=380)
        tick(380)
        plain.clock.now += 40
        tick(10)
    assert plain.lines[1] == (
        "[00:00:40] a · route: 390/400 examples, 0.25 examples/s, 40 s so far, 40 s left, 380 known"
    )
    assert plain.lines[-1] == "[00:00:40] a · route: stopped at 390/400 examples after 40 s, 380 known"


def test_each_stage_says_whose_turn_it_is() -> None:
    plain = Plain()
    showing.outline(plain.progress, {"zero-shot": {"route": 4}, "few-shot": {"route": 4}})
    with showing.stage(plain.progress, "few-shot · route", 4, unit="examples", system="few-shot", task="route") as tick:
        tick(4)
    assert plain.lines[0] == "[00:00:00] few-shot · route: 0/4 examples (system 2 of 2)"


def test_quiet_says_nothing_and_verbose_says_more() -> None:
    for loudness in Loudness:
        plain = Plain(loudness)
        with plain.progress:
            showing.detail(plain.progress, "digest 3fa9c1")
            with showing.doing(plain.progress, "opening the model"):
                plain.clock.now += 61
            with plain.progress.stage("a", 1) as tick:
                tick()
            plain.progress.note("saved")
        said = ["[00:00:00] opening the model", "[00:01:01] a: 0/1", "[00:01:01] a: 1 in 0 s", "[00:01:01] saved"]
        more = ["[00:00:00] digest 3fa9c1", said[0], "[00:01:01] opening the model: took 1 min 01 s", *said[1:]]
        assert plain.lines == {Loudness.QUIET: [], Loudness.NORMAL: said, Loudness.VERBOSE: more}[loudness]


def test_a_stage_that_fails_says_how_far_it_came_and_its_error_goes_on() -> None:
    plain = Plain()
    for _ in range(2):
        with pytest.raises(ValueError, match="x"), plain.progress.stage("a", 4) as tick:
            tick()
            raise ValueError("x")
    assert plain.lines == ["[00:00:00] a: 0/4", "[00:00:00] a: stopped at 1/4 after 0 s"] * 2


def test_the_live_display_shows_the_stage_the_run_and_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, 80)
    with live(terminal) as (progress, clock):
        progress.outline({"zero-shot": {"route": 400}, "few-shot": {"route": 400}})
        with progress.staged("zero-shot · route", 400, unit="examples", system="zero-shot", task="route") as tick:
            clock.now += 8
            tick(400)
        with progress.staged("few-shot · route", 400, unit="examples", system="few-shot", task="route") as tick:
            clock.now += 20
            tick.count(failed=2, tokens=3000)
            tick(100)
            progress.note("news of [red]1[/red]")
            assert terminal.screen.text == (
                "✓ zero-shot · route  400 examples in 8 s, 50 examples/s\n"
                "news of [red]1[/red]\n"
                "few-shot · route  ━━━━━━━─────────────────────  100/400 examples\n"
                "  5 examples/s, 150 tokens/s, 20 s so far, 1 min 00 s left, 2 failed\n"
                "system 2 of 2 · 500 of 800 answers · about 17 s of answers left · 28 s in all"
            )
            assert not terminal.screen.cursor
            clock.now += 45
            tick(300)
    assert terminal.screen.text == (
        "✓ zero-shot · route  400 examples in 8 s, 50 examples/s\n"
        "news of [red]1[/red]\n"
        "✓ few-shot · route   400 examples in 1 min 05 s, 6.2 examples/s, 2 failed"
    )
    assert terminal.screen.cursor


def test_the_live_display_says_what_it_does_while_nothing_can_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, 80)
    with live(terminal) as (progress, clock):
        with progress.doing("opening the model"):
            clock.now += 61
            progress.note("news")
            assert terminal.screen.text == "news\nopening the model\n1 min 01 s in all"
        with progress.staged("training a", 10, unit="steps") as tick, progress.doing("looking at dev answers"):
            tick.state("loss 0.41")
            progress.note("more")
            assert terminal.screen.lines[-4:] == [
                "training a  ────────────────────────────  0/10 steps",
                "  0 s so far, loss 0.41",
                "  looking at dev answers",
                "1 min 01 s in all",
            ]
    assert terminal.screen.text == (
        "news\n✓ opening the model  1 min 01 s\nmore\n✗ training a  stopped at 0/10 steps after 0 s, loss 0.41"
    )


@pytest.mark.parametrize("width", [20, 40, 60, 79, 80, 120, 300])
def test_what_is_drawn_again_has_whole_lines_and_leaves_none_behind(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    terminal, name = Terminal(monkeypatch, width), "a-candidate-with-a-very-long-name · 要約と分類の長い名前"
    with live(terminal) as (progress, clock):
        progress.outline({"zero-shot": {"route": 90_000}, "a-candidate-with-a-very-long-name": {"route": 90_000}})
        for _ in range(5):
            with progress.staged(
                name, 90_000, unit="examples", system="a-candidate-with-a-very-long-name", task="route"
            ) as tick:
                clock.now += 1000
                tick.count(failed=12, known=34_567, tokens=1_000_000)
                tick(90_000)
                progress.note("n")
                shown = terminal.screen.lines
                drawn = shown[len(shown) - shown[::-1].index("n") :]
                assert "90,000/90,000" in drawn[0]
                assert all(line and len(line) < width for line in drawn)
    shown = terminal.screen
    assert (shown.text.count("✓"), shown.lines.count("n"), shown.text.count("90,000/")) == (5, 5, 0)


def test_lines_of_several_threads_are_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, 80)
    with live(terminal) as (progress, _):

        def talk(name: str) -> None:
            for i in range(40):
                with progress.staged(f"{name} · {i}", 1, unit="examples") as tick:
                    tick()
                    progress.note(f"{name} {i}")

        threads = [Thread(target=talk, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = terminal.screen.lines
    assert [found.count(f"{name} {i}") for name in "abc" for i in range(40)] == [1] * 120
    assert sum(line.startswith("✓ ") for line in found) == 120


def test_a_terminal_of_40_columns_shows_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, 40)
    with live(terminal) as (progress, clock):
        progress.outline({"few-shot": {"extract": 400}})
        with progress.staged("few-shot · extract", 400, unit="examples", system="few-shot", task="extract") as tick:
            clock.now += 20
            tick.count(failed=2, tokens=3000)
            tick(100)
            progress.note("news")
            assert terminal.screen.text == (
                "news\nfew-shot · extract  100/400 examples\n"
                "  5 examples/s, 1 min 00 s left\nabout 1 min 00 s of answers left\n20 s in all"
            )
    assert terminal.screen.lines[1:4] == [
        "✗ few-shot · extract",
        "  stopped at 100/400 examples after 20",
        "s, 2 failed",
    ]


def test_a_terminal_without_utf_8_gets_its_own_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, 80, "ascii")
    with live(terminal) as (progress, _), progress.staged("a · ü", 4, unit="examples") as tick:
        tick(2)
        progress.note("x · y …")
        assert terminal.screen.text.splitlines() == [
            "x - y ~",
            "a - ?  ##############..............  2/4 examples",
            "  0 s so far",
            "0 s in all",
        ]
    assert terminal.getvalue().isascii()


def test_no_color_gives_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    coloured = Terminal(monkeypatch, 80)
    with live(coloured) as (progress, _), progress.stage("a", 4) as tick:
        tick(4)
    assert "\x1b[32m" in coloured.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal(monkeypatch, 80)
    with live(plain) as (progress, _), progress.stage("a", 4) as tick:
        tick(4)
    assert "\x1b[3" not in plain.getvalue().replace("\x1b[?", "")


HOSTILE = "\x1b[2J\x1b]0;owned\x07 [red]x[/red] \u202egnp.exe \r\x9b31m :smile:"


def test_hostile_names_and_news_do_nothing_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, 120)
    with live(terminal) as (progress, _):
        with progress.staged(HOSTILE, 4, unit="examples", system=HOSTILE, task="t") as tick:
            tick.state(HOSTILE)
            tick(2)
            progress.note(HOSTILE)
        with progress.doing(HOSTILE):
            progress.note("n")
    shown = terminal.screen.text  # which knows no code but those of a display
    assert r"\x1b[2J\x1b]0;owned\x07 [red]x[/red] \u202egnp.exe \r\x9b31m :smile:" in shown
    assert not any(sign in terminal.getvalue() for sign in ("\x07", "\x9b", "\u202e", "\x1b]", "\x1b[2J"))
    plain = Plain()
    plain.progress.note(HOSTILE)
    assert plain.lines == [r"[00:00:00] \x1b[2J\x1b]0;owned\x07 [red]x[/red] \u202egnp.exe \r\x9b31m :smile:"]


@given(st.text(max_size=40))
def test_clean_text_has_no_controls_and_what_was_printable_stays(text: str) -> None:
    told = clean(text)
    assert not [sign for sign in told if (sign < " " and sign not in "\n\t") or "\x7f" <= sign < "\xa0"]
    assert clean(told) == told
    if text.isprintable():
        assert told == text
    assert len(writable(told, "ascii")) == len(told)


@given(st.lists(st.tuples(st.integers(0, 5), st.text(min_size=1, max_size=9)), max_size=6), st.integers(0, 60))
def test_a_fitted_line_fits_keeps_the_order_and_drops_the_least_important(
    pieces: list[tuple[int, str]], width: int
) -> None:
    line = fitted(pieces, width)
    assert len(line) <= width
    whole = ", ".join(text for _, text in pieces)
    assert (line == whole) == (len(whole) <= width)
    if short := [piece for piece in pieces if len(piece[1]) <= width]:
        assert any(text in line for rank, text in short if rank == min(short)[0])


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("per_s", "text"), [(12345.6, "12,346 rows/s"), (9.96, "10 rows/s"), (0.5, "0.5 rows/s"), (0.02, "50 s each")]
)
def test_rate(per_s: float, text: str) -> None:
    assert rate(per_s, "rows") == text


def test_time_left_is_counted_down_between_items_and_up_where_they_are_late() -> None:
    clock, said = Clock(), []
    progress = RichProgress(io.StringIO(), live=False, clock=clock)
    with progress.staged("a", 4, unit="steps") as tick:
        said.append(tick.left_s)
        clock.now += 10
        tick()
        for seconds in (0, 20, 15):
            clock.now += seconds
            said.append(tick.left_s)
    assert said == [None, 30, 10, 135]


def test_the_rest_of_a_run_is_expected_by_what_each_task_has_taken() -> None:
    clock = Clock()
    progress = RichProgress(io.StringIO(), live=False, clock=clock)
    planned = {"a": {"short": 10, "long": 10}, "b": {"short": 10, "long": 10, "new": 10}}
    progress.outline(planned)
    for task, seconds in (("short", 10), ("long", 90)):
        with progress.staged(f"a · {task}", 10, unit="examples", system="a", task=task) as tick:
            clock.now += seconds
            tick(10)
    work = progress.work
    assert (work.done, work.total, work.left_s) == (20, 50, 10 + 90 + 50)  # `new` at the pace of all
    with progress.staged("b · long", 5, unit="examples", system="b", task="long") as tick:
        clock.now += 45
        tick(5)
    with progress.staged("b · long", 10, 5, unit="examples", system="b", task="long"):
        assert (work.done, work.left_s) == (25, pytest.approx(10 + 45 + 10 * 145 / 25))
    progress.outline(planned | {"b": {}})
    assert (work.names, work.done, work.total, work.left_s) == (["a", "b"], 20, 20, 0)


def test_gpu_memory_is_what_torch_says_where_it_uses_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert gpu_memory() == ""
    assert "torch" not in sys.modules
    cuda = SimpleNamespace(is_initialized=lambda: False, mem_get_info=lambda: (127_500_000_000, 139_800_000_000))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert gpu_memory() == ""
    cuda.is_initialized = lambda: True
    assert gpu_memory() == "GPU 12.3 of 139.8 GB"
    terminal, plain = Terminal(monkeypatch, 80), Plain()
    with live(terminal) as (progress, _), progress.stage("a", 4):
        progress.note("n")
        assert terminal.screen.lines[-1] == "0 s in all · GPU 12.3 of 139.8 GB"
    with live(terminal) as (progress, clock):  # in a line of its own where the run's takes one
        progress.outline({"a": {"t": 8000}})
        with progress.staged("a · t", 8000, unit="examples", system="a", task="t") as tick:
            clock.now += 64
            tick(1000)
            progress.note("n")
            assert terminal.screen.lines[-2:] == [
                "system 1 of 1 · 1,000 of 8,000 answers · about 7 min 28 s of answers left",
                "1 min 04 s in all · GPU 12.3 of 139.8 GB",
            ]
    with plain.progress.stage("a", 1) as tick:
        tick()
    assert plain.lines[-1] == "[00:00:00] a: 1 in 0 s, GPU 12.3 of 139.8 GB"

    def lost() -> tuple[int, int]:
        raise RuntimeError("CUDA error")

    cuda.mem_get_info = lost
    assert gpu_memory() == ""


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "CI": "true"}, False),
        ({"TERM": "xterm", "CI": "1"}, False),
        ({"TERM": "xterm", "CI": "false"}, True),
        ({"TERM": "dumb"}, False),
    ],
)
def test_only_a_terminal_outside_ci_is_drawn_on(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: bool
) -> None:
    monkeypatch.delenv("CI", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert redrawn(Tty()) is expected
    assert not redrawn(io.StringIO())


class Bare:
    """A display that knows stages and news only."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    @contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[object]:
        self.seen.append((name, total, done))
        yield self.seen.append

    def note(self, text: str) -> None:
        self.seen.append(text)


def test_a_display_that_knows_only_stages_is_told_only_those() -> None:
    bare = Bare()
    progress: Progress = bare  # type: ignore[assignment]
    showing.outline(progress, {"a": {"b": 1}})
    showing.detail(progress, "digest")
    with showing.doing(progress, "x"), showing.stage(progress, "a", 2, 1, unit="examples", system="s") as tick:
        showing.count(tick, failed=1)
        showing.state(tick, "loss")
        tick(1)
    assert (bare.seen, showing.verbose(progress)) == ([("a", 2, 1), 1], False)


def test_what_training_processes_tell_is_shown_as_that_of_one(tmp_path: Path) -> None:
    plain = Plain()
    telling = Telling(tmp_path / "events.jsonl")
    with Following(tmp_path / "events.jsonl", plain.progress) as following:
        showing.outline(telling, {"a": {"b": 1}})
        showing.detail(telling, "not asked for")
        with showing.stage(telling, "training a", 4, 1, unit="steps") as tick:
            following.read()
            plain.clock.now += 10
            showing.count(tick, tokens=5000)
            showing.state(tick, "loss 0.41")
            tick(2)
            following.read()
            with showing.doing(telling, "looking at dev answers"):
                tick()
        telling.note("saved")
        following.read()
    assert plain.lines == [
        "[00:00:00] training a: 1/4 steps",
        "[00:00:10] training a: 3/4 steps, 0.2 steps/s, 500 tokens/s, 10 s so far, 5 s left, loss 0.41, "
        "1 recorded before",
        "[00:00:10] training a: 4 steps in 10 s, 0.3 steps/s, 500 tokens/s, loss 0.41, 1 recorded before",
        "[00:00:10] saved",
    ]


def test_a_sealed_suite_shows_how_much_is_answered_and_nothing_of_how(tmp_path: Path) -> None:
    pyrage = pytest.importorskip("pyrage", reason="the extra `seal` is not installed")
    seal = Seal([str(pyrage.x25519.Identity.generate().to_public())])
    asks = [Ask(example_id=f"e{i}", request=Request(messages=(), sampling=Sampling())) for i in range(4)]
    for kept, fates in ((None, ", 4 failed"), (seal, "")):
        plain = Plain()
        given = predict(asks, system="a", task="t", adapter=None, backend=Broken(), path=tmp_path / f"{kept is None}",
                        progress=plain.progress, seal=kept)  # fmt: skip
        assert len(list(given)) == 4
        assert plain.lines == ["[00:00:00] a · t: 0/4 examples", f"[00:00:00] a · t: 4 examples in 0 s{fates}"]


class Broken:
    """A backend that answers nothing."""

    def generate(self, requests: Sequence[Request], *, adapter: str | None = None) -> Iterator[tuple[int, Generation]]:
        for i in range(len(requests)):
            yield i, Generation(output=None, status="error", failure=Failure(code="x", message="y"))


def test_an_error_is_told_without_loading_what_is_heavy() -> None:
    code = "from evalgate.cli import run_cli; import sys; run_cli(['gate', '--frob'])\n\
print([m for m in ('numpy', 'rich', 'torch', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr[:17]) == ("[]\n", "error[bad-usage]:")


def test_names_in_errors_and_decisions_do_nothing_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["gate", f"no-{HOSTILE[:-8]}"]) == 3
    assert r"\x1b[2J\x1b]0;owned\x07 [red]x[/red]" in capsys.readouterr().err
    decision = Decision(
        outcome="ship", ship=HOSTILE, reason="[b]r", verdicts=(Verdict(gate=HOSTILE, outcome="pass", reason=""),)
    )
    for kind in ("text", "md"):
        text = decision_text(decision, kind)
        assert not any(sign in text for sign in ("\x1b", "\x07", "\x9b", "\u202e", "\r"))
        assert r"\x1b[2J" in text


def test_names_in_the_table_of_a_decision_are_shown_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, 200)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", terminal)
    verdict = Verdict(gate="[red]gate", outcome="pass", reason="", candidate=f"[b]{HOSTILE}")
    show_decision(Decision(outcome="ship", ship=":smile:", reason="r", verdicts=(verdict,)), "text")
    lines = terminal.screen.lines
    assert r"[b]\x1b[2J\x1b]0;owned\x07 [red]x[/red] \u202egnp.exe \r\x9b31m :smile:" in lines[1]
    assert (lines[3].split()[1], lines[-2]) == ("[red]gate", "decision: SHIP :smile:: r")
