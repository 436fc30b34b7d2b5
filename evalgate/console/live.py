"""Progress on a terminal: what is at work below, in lines that are drawn again, and what is done above."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from evalgate.console.pieces import (
    Piece,
    clean,
    counted,
    duration,
    finished,
    fitted,
    gpu_memory,
    moving,
    writable,
)
from evalgate.console.tally import Tally, Work

if TYPE_CHECKING:
    from rich.console import RenderableType

Part = str | tuple[str, str]
WIDEST, BAR, LEAST_BAR, NAMES, LEAST_NAME, NARROW = 100, 28, 8, 32, 12, 60
# How often the terminal is drawn, a second, and how often the GPU is asked, in seconds.
REDRAWN, GPU_S = 4, 1.0


class Bars:
    """The stages at work with bar, rate and time left, the whole run below them; what has ended stands above."""

    def __init__(self, stream: TextIO, clock: Callable[[], float], work: Work) -> None:
        self._console = Console(file=stream, force_terminal=True, highlight=False, markup=False, emoji=False)
        self._clock, self._work = clock, work
        self._started = clock()
        self._active: list[Tally] = []
        self._doing = ""
        self._gpu, self._gpu_at = "", float("-inf")
        self._live: Live | None = None

    def start(self) -> None:
        """Begin to draw. What others print to the terminal meanwhile goes above."""
        self._live = Live(
            self,  # drawn anew whenever anything is printed
            console=self._console,
            refresh_per_second=REDRAWN,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # data that goes to a file stays there
        )
        self._live.start()

    def stop(self) -> None:
        """Take away what is drawn, and show the cursor again."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def begin(self, tally: Tally) -> None:
        """A stage begins."""
        self._active.append(tally)
        self.moved(tally)

    def moved(self, tally: Tally) -> None:
        """Asks the GPU here, between steps: a thread of its own could disturb a CUDA graph that is being recorded."""
        if (now := self._clock()) - self._gpu_at >= GPU_S:
            self._gpu_at, self._gpu = now, gpu_memory()

    def end(self, tally: Tally) -> None:
        """A stage ends: one line above."""
        self._active.remove(tally)
        whole = tally.done >= tally.total
        name, width = self._shortened(tally.name, NAMES), self._console.width - 1
        wide = max((cell_len(f"{n} · {t}") for n, t in self._work.pairs), default=0)
        gap = " " * max(0, min(wide, NAMES) - cell_len(name))
        if width < NARROW:  # a line of its own
            between, room = "\n  ", width - 2
        else:
            between, room = gap + "  ", width - cell_len(name) - len(gap) - 4
        mark = ("✓ ", "green") if whole else ("✗ ", "yellow")
        self._print(self._text(mark, (name, "bold"), between + fitted(finished(tally), room, cell_len)))

    def note(self, text: str) -> None:
        """One line of news, above."""
        self._print(self._text(text))

    def detail(self, text: str) -> None:
        """One line for who wants to know more."""
        self._print(self._text((text, "dim")))

    def doing(self, text: str) -> None:
        """Work that cannot be counted begins; empty: it has ended."""
        self._doing = text

    def did(self, text: str, seconds: float, *, tell: bool) -> None:
        """It has ended; who waited for it is told how long."""
        if tell or seconds >= 2:
            self._print(self._text(("✓ ", "green"), (text, "bold"), f"  {duration(seconds)}"))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=self._live is None)

    def _text(self, *parts: Part) -> Text:
        """Parts with their styles as one text, in signs that the terminal has and that do nothing to it."""
        sane = ((part, "") if isinstance(part, str) else part for part in parts)
        return Text.assemble(*((writable(clean(text), self._console.encoding), style) for text, style in sane))

    def __rich__(self) -> RenderableType:
        """The lines at work, as they stand now."""
        width = min(self._console.width, WIDEST) - 1  # a full line makes some terminals begin a new one
        lines = [line for tally in tuple(self._active) for line in self._stage(tally, width)]
        if lines and self._doing:
            lines.append(self._text(f"  {self._doing}"))
        if not lines:
            lines = [self._text((self._shortened(self._doing or "working", width), "bold"))]
        lines.append(self._text((fitted(self._whole(), width, cell_len, " · "), "dim")))
        return Group(*(self._cut(line, width) for line in lines if line.plain.strip()))

    def _cut(self, line: Text, width: int) -> Text:
        line.no_wrap = True
        line.truncate(width)
        return line

    def _stage(self, tally: Tally, width: int) -> list[Text]:
        n_done = counted(tally)
        if cell_len(n_done) + LEAST_NAME + 2 > width:
            n_done = f"{tally.done:,}/{tally.total:,}"
        share = min(1.0, tally.done / tally.total) if tally.total else 1.0
        name = self._shortened(tally.name, max(4, width - cell_len(n_done) - 2))
        room = min(BAR, width - cell_len(name) - cell_len(n_done) - 4)
        bar: list[Part] = []
        if room >= LEAST_BAR:
            filled = int(room * share)
            bar = ["  ", ("━" * filled, "cyan"), ("─" * (room - filled), "dim")]
        how = fitted(moving(tally), width - 2, cell_len)
        return [self._text((name, "bold"), *bar, f"  {n_done}"), self._text(f"  {how}")]

    def _whole(self) -> list[Piece]:
        work = self._work
        found: list[Piece] = []
        now = self._active[-1].system if self._active else ""
        if now in work.names:
            found.append((2, f"system {work.names.index(now) + 1} of {len(work.names)}"))
        if work.total:
            found.append((4, f"{work.done:,} of {work.total:,} answers"))
        found.append((3, f"{duration(self._clock() - self._started)} in all"))
        if (left := work.left_s) is not None and work.done < work.total:
            found.append((1, f"about {duration(left)} of answers left"))
        return [*found, (5, self._gpu)] if self._gpu else found

    def _shortened(self, name: str, width: int) -> str:
        """The name in at most `width` columns, its middle left out: both ends tell."""
        name = " ".join(clean(name).split())
        if cell_len(name) <= width:
            return name
        head, tail = name, name
        while cell_len(tail) > (width - 1) // 2:
            tail = tail[1:]
        while head and cell_len(head) + 1 + cell_len(tail) > width:
            head = head[:-1]
        return f"{head}…{tail}"
