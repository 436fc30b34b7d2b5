"""What training processes tell the one that waits for them: progress as lines of a file, failures as one file each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.protocols import Progress, Ticker
from evalgate.core.record import Record, from_json, to_json_line
from evalgate.core.showing import Outline, count, state
from evalgate.core.showing import stage as shown
from evalgate.files import write_record

LOG = "log.txt"
# The last line of a traceback, with what torch and its launcher write before it.
RAISED = re.compile(r"^(?:\[rank\d+\]: ?)?((?:[\w.]+\.)?\w*(?:Error|Exception|Interrupt)\b.*)$")
KILLED = re.compile(r"exitcode\s*:\s*-9\b")


class Event(Record, frozen=True, kw_only=True):
    """One piece of news: a stage that begins or ends, steps of it and how it stands, or a line for the user."""

    stage: str = ""
    total: int = 0
    done: int = 0
    tick: int = 0
    end: bool = False
    note: str = ""
    unit: str = ""
    tokens: int = 0
    state: str = ""


class Fault(Record, frozen=True, kw_only=True):
    """An error of one process."""

    what: str
    code: str
    fix: str
    where: str
    usage: bool


class Telling:
    """A progress that writes what it is told to a file; without a path it is silent. Its details are not asked for."""

    verbose = False

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def stage(self, name: str, total: int, done: int = 0) -> AbstractContextManager[Ticker]:
        """A stage."""
        return self.staged(name, total, done)

    @contextmanager
    def staged(
        self, name: str, total: int, done: int = 0, *, unit: str = "", system: str = "", task: str = ""
    ) -> Iterator[Ticker]:
        """A stage whose items have a name."""
        self._write(Event(stage=name, total=total, done=done, unit=unit))
        yield _Step(self._write)
        self._write(Event(end=True))

    def doing(self, text: str) -> AbstractContextManager[None]:
        """Nothing that is worth a line."""
        return nullcontext()

    def outline(self, outline: Outline) -> None:
        """Not known here."""

    def detail(self, text: str) -> None:
        """Not asked for."""

    def note(self, text: str) -> None:
        """A line of news."""
        self._write(Event(note=text))

    def _write(self, event: Event) -> None:
        if self._path is not None:
            with self._path.open("ab", buffering=0) as file:
                file.write(to_json_line(event))


class _Step:
    """The ticker of a stage that is told."""

    def __init__(self, write: Callable[[Event], None]) -> None:
        self._write, self._tokens, self._state = write, 0, ""

    def __call__(self, n: int = 1) -> None:
        self._write(Event(tick=n, tokens=self._tokens, state=self._state))
        self._tokens, self._state = 0, ""

    def count(self, *, failed: int = 0, known: int = 0, tokens: int = 0) -> None:
        """Goes with the next step."""
        self._tokens += tokens

    def state(self, text: str) -> None:
        """Goes with the next step."""
        self._state = text


class Following:
    """Shows on a progress what processes have told so far."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self._path, self._progress, self._place = path, progress, 0
        self._stage = ExitStack()
        self._tick: Ticker | None = None

    def __enter__(self) -> Following:
        return self

    def __exit__(self, *_: object) -> None:
        self._stage.close()

    def read(self) -> None:
        """Take in the lines that are whole."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._place)
            data = file.read()
        data = data[: data.rfind(b"\n") + 1]
        self._place += len(data)
        for line in data.splitlines():
            self._show(from_json(line, Event))

    def _show(self, event: Event) -> None:
        if event.stage:
            begun = shown(self._progress, event.stage, event.total, event.done, unit=event.unit)
            self._tick = self._stage.enter_context(begun)
        if event.tick and self._tick:
            count(self._tick, tokens=event.tokens)
            if event.state:
                state(self._tick, event.state)
            self._tick(event.tick)
        if event.end:
            self._stage.close()
        if event.note:
            self._progress.note(event.note)


def keep_fault(place: Path, rank: int, error: EvalgateError) -> None:
    """Leave an error where the process that waits will look for it."""
    fault = Fault(
        what=error.what, code=error.code, fix=error.fix, where=error.where, usage=isinstance(error, UsageError)
    )
    write_record(place / f"fault-{rank}.json", fault)


def failure_of(place: Path, name: str, code: int) -> EvalgateError:
    """The error of the process that failed first, or what can be read from the log."""
    faults = sorted(place.glob("fault-*.json"), key=lambda path: path.stat().st_mtime_ns)
    if faults:
        fault = from_json(faults[0].read_bytes(), Fault)
        kind: Any = UsageError if fault.usage else EvalgateError
        error: EvalgateError = kind(fault.what, code=fault.code, fix=fault.fix, where=fault.where)
        return error
    log = place / LOG
    text = log.read_text(errors="replace") if log.exists() else ""
    if KILLED.search(text):
        why = "one of them was killed (signal 9), as Linux does when the machine's memory is full"
    else:
        found = [m[1] for line in text.splitlines() if (m := RAISED.match(line)) and "ChildFailedError" not in m[1]]
        why = found[-1][:200] if found else f"exit code {code}"
    return EvalgateError(
        f"the processes that train '{name}' failed: {why}",
        code="training-process-failed",
        fix=f"read {log}; training goes on from its last checkpoint if the recipe stays the same",
        where=str(place.parent),
    )
