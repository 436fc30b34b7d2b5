"""The command in a real pseudo-terminal: what is on the screen while it runs, at its end, and after Ctrl-C."""

import os
import re
import sys
from pathlib import Path

import pytest
from screen import Screen, Shown, in_terminal

from evalgate.config import load_suite_spec
from evalgate.suite.frozen import freeze

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "unit"))
from small_suite import write_suite  # noqa: E402

pytestmark = pytest.mark.slow

DONE = """\
✓ zero_shot · summarize  20 examples, 1 failed
✓ zero_shot · route      20 examples, 1 failed
✓ zero_shot · extract    20 examples, 1 failed
11 of 20 answers of zero_shot to extract break the constraint json_schema
✓ zero_shot · policy_qa  20 examples, 1 failed
✓ zero_shot · redteam    20 examples, 1 failed
✓ rag · policy_qa        20 examples, 1 failed"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """The small suite without what needs a real model."""
    folder = write_suite(tmp_path, 20)
    text = (folder / "suite.yaml").read_text()
    (folder / "suite.yaml").write_text("".join(x for x in text.splitlines(keepends=True) if "capability" not in x))
    (tmp_path / "models" / "tiny" / "config.json").write_text("{}")
    (tmp_path / "models" / "tiny" / "model.safetensors").write_bytes(b"no weights")
    freeze(folder, load_suite_spec(folder))
    return folder


def run(suite: Path, *arguments: str, width: int = 80, seconds: float = 0.03, **given: object) -> Shown:
    command = [sys.executable, str(ROOT / "tests" / "terminal_run.py"), "run", str(suite), "--candidates", ""]
    place = ["-o", str(suite.parents[1] / "run"), "-L", "20", "--no-cache"]
    environment = {"SECONDS": str(seconds), "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    environment |= given.pop("environment", {})  # type: ignore[arg-type]
    return in_terminal([*command, *place, *arguments], width=width, environment=environment, **given)  # type: ignore[arg-type]


def timeless(screen: Screen) -> str:
    """The screen without times and rates, and without what is told only if it took long."""
    text = re.sub(r" in [\d.]+ s(, [\d,.]+ (examples|tokens)/s)*", "", screen.text)
    return re.sub(r"✓ (checking|opening|judging)[^\n]*\n?", "", text).rstrip("\n")


def test_the_screen_shows_the_work_and_keeps_what_was_done(suite: Path) -> None:
    shown = run(suite)
    assert (shown.code, shown.out.splitlines()[0][:36]) == (1, "decision: KEEP THE BASELINE: There i")
    assert timeless(shown.screen) == DONE
    assert shown.screen.cursor
    frames = frames_of(shown)
    at_work = [frame for frame in frames if re.search(r"^zero_shot · extract  [━─]{28}  \d+/20 examples$", frame, re.M)]
    assert at_work
    *_, stage, how, whole = at_work[-1].splitlines()
    assert stage.startswith("zero_shot · extract")
    assert re.match(r"  .*\d+ s so far", how)
    assert re.match(r"system 1 of 2 · \d+ of 120 answers · .*\d+ s in all", whole)
    # Run again there is nothing to do, and each line says so.
    again = run(suite)
    assert again.screen.text.count("20 examples, all recorded before") == 6
    assert "11 of 20 answers" not in again.screen.text


def frames_of(shown: Shown) -> list[str]:
    """The screen each time before it is drawn again."""
    screen, frames = Screen(shown.screen.width), []
    for part in re.split(r"(?=\r\x1b\[2K)", shown.written):
        frames.append(screen.text)
        screen.feed(part)
    return frames


def test_a_narrow_terminal_has_no_line_that_is_too_long_and_none_left_behind(suite: Path) -> None:
    shown = run(suite, width=40)
    told = re.sub(r"\n  ", " ", shown.screen.text)
    assert [told.count(mark) for mark in ("✓ zero_shot", "✓ rag", "so far", "in all", "working")] == [5, 1, 0, 0, 0]
    assert all(len(line) <= 40 for line in shown.screen.lines)


def test_ctrl_c_leaves_a_clean_terminal_and_says_how_to_go_on(suite: Path) -> None:
    shown = run(suite, seconds=0.3, interrupt=lambda text: "zero_shot · route" in text)
    assert shown.code == 130
    *_, stage, _, end = shown.screen.text.splitlines()
    assert re.match(r"✗ zero_shot · route      stopped at \d+/20 examples after \d+ s", stage)
    assert end == "interrupted: what was recorded is kept; run the same command again to go on"
    assert (shown.screen.cursor, shown.out) == (True, "")
    assert "Traceback" not in shown.written
    rest = run(suite)
    assert "✓ zero_shot · summarize  20 examples, all recorded before" in rest.screen.lines
    assert rest.code == 1


def test_a_ci_job_with_a_terminal_gets_plain_lines(suite: Path) -> None:
    shown = run(suite, width=200, environment={"CI": "true"})
    assert not re.search(r"[^\n\r -~·]", shown.written)
    lines = shown.screen.lines
    assert all(re.match(r"\[\d\d:\d\d:\d\d\] ", line) for line in lines if line)
    assert lines[3][11:] == "zero_shot · summarize: 0/20 examples (system 1 of 2)"


def test_quiet_draws_nothing_and_a_terminal_without_utf_8_is_served(suite: Path) -> None:
    plain = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "NO_COLOR": "1"}
    shown = run(suite, environment=plain)
    assert shown.written.isascii()
    assert "\x1b[3" not in shown.written.replace("\x1b[?", "")
    signs = DONE.translate(str.maketrans({"✓": "+", "·": "-"}))
    assert signs in timeless(shown.screen)
    quiet = run(suite, "-q")
    assert (quiet.written, quiet.out.startswith("decision: ")) == ("", True)
