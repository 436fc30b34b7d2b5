"""Progress on a terminal: what is at work below, in lines that are drawn again, and what is done above."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Any, TextIO

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
BETWEEN = " · "


class _Guarded(Console):
    """A console that one thread prints to at a time.

    rich goes up as many lines as it drew last; another thread that draws meanwhile would make that a wrong number, and
    a line above would be lost.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._guard = RLock()

    def __enter__(self) -> Console:
        self._guard.acquire()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        try:
            super().__exit__(*error)
        finally:
            self._guard.release()


class Bars:
    """The stages at work with bar, rate and time left, the whole run below them; what has ended stands above."""

    def __init__(self, stream: TextIO, clock: Callable[[], float], work: Work) -> None:
        self._console = _Guarded(file=stream, force_terminal=True, highlight=False, markup=False, emoji=False)
        self._clock, self._work = clock, work
        self._started = clock()
        self._active: list[Tally] = []
        self._doing = ""
        self._gpu, self._gpu_at = "", float("-inf")
        self._live: Live | None = None
        self._ended = Event()

    def start(self) -> None:
        """Begin to draw. What others print to the terminal meanwhile goes above."""
        self._live = Live(
            self,  # drawn anew whenever anything is printed
            console=self._console,
            auto_refresh=False,  # the console's guard comes first, which rich's own thread does not know
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # data that goes to a file stays there
        )
        with self._console:
            self._live.start()
        self._ended = Event()
        Thread(target=self._redraw, args=(self._live, self._ended), daemon=True).start()

    def stop(self) -> None:
        """Take away what is drawn, and show the cursor again."""
        if self._live is None:
            return
        self._ended.set()
        with self._console:
            self._live.stop()
        self._live = None

    def _redraw(self, live: Live, ended: Event) -> None:
        while not ended.wait(1 / REDRAWN):
            with self._console:
                if not ended.is_set():
                    live.refresh()

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
        if width < NARROW:  # as many lines as it takes
            told = "\n  " + ", ".join(text for _, text in finished(tally))
        else:
            told = gap + "  " + fitted(finished(tally), width - cell_len(name) - len(gap) - 4, cell_len)
        mark = ("✓ ", "green") if whole else ("✗ ", "yellow")
        self._print(self._text(mark, (name, "bold"), told))

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
            took = duration(seconds)
            name = self._shortened(text, max(LEAST_NAME, self._console.width - len(took) - 5))
            self._print(self._text(("✓ ", "green"), (name, "bold"), f"  {took}"))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=self._live is None)

    def _text(self, *parts: Part) -> Text:
        """Parts with their styles as one text, in signs that the terminal has and that do nothing to it."""
        sane = ((part, "") if isinstance(part, str) else part for part in parts)
        return Text.assemble(*((writable(clean(text), self._console.encoding), style) for text, style in sane))

    def __rich__(self) -> RenderableType:
        """The lines at work, as they stand now."""
        width = min(self._console.width, WIDEST) - 1  # a full line makes some terminals begin a new one
        active = tuple(self._active)  # another thread draws
        lines = [line for tally in active for line in self._stage(tally, width)]
        if lines and self._doing:
            lines.append(self._text(f"  {self._doing}"))
        if not lines:
            lines = [self._text((self._shortened(self._doing or "working", width), "bold"))]
        whole = self._whole(active[-1].system if active else "", width)
        lines += [self._text((line, "dim")) for line in whole]
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

    def _whole(self, system: str, width: int) -> list[str]:
        """How far the run is, and time and memory: in one line if they fit, else in two."""
        work, names = self._work, self._work.names
        run: list[Piece] = []
        if system in names:
            run.append((2, f"system {names.index(system) + 1} of {len(names)}"))
        if work.total:
            run.append((3, f"{work.done:,} of {work.total:,} answers"))
        if (left := work.left_s) is not None and work.done < work.total:
            run.append((1, f"about {duration(left)} of answers left"))
        machine = [(2, f"{duration(self._clock() - self._started)} in all"), *([(1, self._gpu)] if self._gpu else [])]
        one = BETWEEN.join(text for _, text in [*run, *machine])
        return [one] if cell_len(one) <= width else [fitted(part, width, cell_len, BETWEEN) for part in (run, machine)]

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
