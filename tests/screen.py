"""A terminal for tests: a command in a real pseudo-terminal, and what its screen then shows.

Knows what rich writes: new lines, carriage returns, the cursor going up, erasing a line, colours, the cursor hidden.
Anything else is a test's failure, so that no code goes unseen.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

CODE = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])|\x1b.?", flags=re.S)


class Screen:
    """Lines as a terminal of `width` columns shows them, the ones that scrolled away included."""

    def __init__(self, width: int = 80) -> None:
        self.width = width
        self._rows: list[list[str]] = [[]]
        self._row = self._column = 0
        self.cursor = True

    @property
    def lines(self) -> list[str]:
        """What stands on the screen, without spaces at the ends."""
        return ["".join(row).rstrip() for row in self._rows]

    @property
    def text(self) -> str:
        """The lines as one text, without empty ones at the end."""
        return "\n".join(self.lines).rstrip("\n")

    def feed(self, text: str) -> None:
        """Take in what a program has written."""
        place = 0
        while place < len(text):
            if text[place] == "\x1b":
                found = CODE.match(text, place)
                assert found is not None
                self._code(found)
                place = found.end()
            else:
                self._put(text[place])
                place += 1

    def _code(self, found: re.Match[str]) -> None:
        private, numbers, kind = found[1], found[2], found[3]
        if kind == "m" and not private:
            return
        if private and numbers == "25" and kind in "lh":
            self.cursor = kind == "h"
        elif kind == "A":
            self._row = max(0, self._row - int(numbers or 1))
        elif kind == "K" and numbers == "2":
            self._rows[self._row] = []
        else:
            raise AssertionError(f"this terminal does not know {found[0]!r}")

    def _put(self, sign: str) -> None:
        if sign == "\r":
            self._column = 0
        elif sign == "\n":
            self._down()
        else:
            assert sign >= " ", f"this terminal does not know {sign!r}"
            wide = 2 if unicodedata.east_asian_width(sign) in "WF" else 1
            if self._column + wide > self.width:
                self._down()
                self._column = 0
            row = self._rows[self._row]
            row.extend(" " * (self._column + 1 - len(row)))
            row[self._column] = sign
            self._column += wide

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._rows):
            self._rows.append([])


class Shown(NamedTuple):
    """What a command wrote to its terminal and to stdout, its exit code, and the screen at the end."""

    written: str
    out: str
    code: int
    screen: Screen


def in_terminal(
    command: Sequence[str],
    *,
    width: int = 80,
    height: int = 24,
    environment: Mapping[str, str] | None = None,
    interrupt: Callable[[str], bool] | None = None,
    limit_s: float = 120,
) -> Shown:
    """Run a command with stdin and stderr in a pseudo-terminal of its own and stdout in a pipe.

    As soon as `interrupt` says so of what was written, Ctrl-C is pressed, once.
    """
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in {"CI", "NO_COLOR", "COLUMNS", "LINES", "FORCE_COLOR"}}
    env |= {"TERM": "xterm-256color", "PYTHONUTF8": "1", **(environment or {})}
    written, started = b"", time.monotonic()
    with subprocess.Popen(
        command, stdin=follower, stdout=subprocess.PIPE, stderr=follower, env=env, start_new_session=True
    ) as process:
        os.close(follower)
        while process.poll() is None or select.select([leader], [], [], 0)[0]:
            if select.select([leader], [], [], 0.02)[0]:
                try:
                    written += os.read(leader, 1 << 16)
                except OSError:  # the other end is closed
                    break
            if interrupt is not None and interrupt(written.decode(errors="replace")):
                os.killpg(process.pid, signal.SIGINT)
                interrupt = None
            if time.monotonic() - started > limit_s:
                process.kill()
                raise AssertionError(f"no end after {limit_s} s: {written[-500:]!r}")
        assert process.stdout is not None
        out = process.stdout.read().decode()
    os.close(leader)
    screen = Screen(width)
    screen.feed(written.decode(errors="replace"))
    return Shown(written.decode(errors="replace"), out, process.returncode, screen)
