"""The ledger beside suite.lock: how often a held-out set has decided. Lines are only ever added, each names the last.

A look is taken when candidates are first asked the held-out set; its number is never given back. Statistics and
reasons: docs/decisions/0015-ledger.md.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from evalgate.core.data import Example
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.record import Record, digest_bytes, digest_of, from_json, short, to_json_line
from evalgate.core.results import Look
from evalgate.core.seeds import now
from evalgate.store import disk_errors, write_record
from evalgate.suite.lock import LOCK_FILE, SUITE_FILE, read_lock

LEDGER_FILE = "ledger.jsonl"


class Claim(Record, frozen=True, kw_only=True):
    """What a run wants to look at. The first three digests make two looks the same; the rest is for people.

    `alpha` is the largest error rate of a gate for this one look.
    """

    candidates_digest: str
    heldout_digest: str
    policy_digest: str
    suite_digest: str
    candidates: tuple[str, ...]
    n_heldout: int
    alpha: float
    run: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two looks the same."""
        return self.candidates_digest, self.heldout_digest, self.policy_digest


class Opened(Record, frozen=True, kw_only=True, tag_field="kind", tag="opened"):
    """A held-out set starts to count. `contents` are its examples' inputs as short digests, whatever their ids."""

    suite: str
    looks: int
    contents: tuple[str, ...]
    date: str
    previous: str


class Extended(Record, frozen=True, kw_only=True, tag_field="kind", tag="extended"):
    """Examples were added to the set; it goes on counting."""

    contents: tuple[str, ...]
    date: str
    previous: str


class Taken(Record, frozen=True, kw_only=True, tag_field="kind", tag="look"):
    """One look: these candidates, on these examples, under these gates."""

    number: int
    claim: Claim
    date: str
    previous: str


class Decided(Record, frozen=True, kw_only=True, tag_field="kind", tag="decided"):
    """What a look said when it was first judged: the outcome, and that of each candidate."""

    number: int
    run: str
    outcome: str
    candidates: dict[str, str]
    date: str
    previous: str


Entry = Opened | Extended | Taken | Decided


@dataclass(slots=True, kw_only=True)
class Ledger:
    """The ledger's present count, and what earlier held-out sets held.

    `contents` and `section` (digests of lines) are the present set's, `closed` and `entries` go back to the beginning.
    """

    path: Path
    looks: int = 0
    tip: str = ""
    taken: dict[tuple[str, str, str], Look] = field(default_factory=dict)
    decided: dict[int, Decided] = field(default_factory=dict)
    contents: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    entries: set[str] = field(default_factory=set)
    section: set[str] = field(default_factory=set)
    history: list[Taken] = field(default_factory=list)

    @property
    def used(self) -> int:
        """How many looks have been taken."""
        return len(self.history)

    def add(self, entry: Entry, digest: str) -> None:
        """Count one line in."""
        match entry:
            case Opened():
                self.closed |= self.contents
                self.looks, self.contents, self.section = entry.looks, set(entry.contents), set()
                self.taken, self.decided, self.history = {}, {}, []
            case Extended():
                self.contents |= set(entry.contents)
            case Taken():
                spent = sum(earlier.claim.alpha for earlier in self.history)
                self.history.append(entry)
                self.taken[entry.claim.key] = Look(
                    number=entry.number, looks=self.looks, alpha=entry.claim.alpha, entry=digest,
                    bound=spent + (self.looks - entry.number + 1) * entry.claim.alpha,
                )  # fmt: skip
            case Decided():
                self.decided.setdefault(entry.number, entry)
        self.tip = digest
        self.entries.add(digest)
        self.section.add(digest)

    def refuse_spent(self, claim: Claim) -> None:
        """Raise `ledger-spent` where no look is left and this one was never taken."""
        if claim.key not in self.taken and self.used >= self.looks:
            times = "once" if self.looks == 1 else f"{self.looks} times"
            raise UsageError(
                f"This held-out set has decided {times}. More decisions would mostly reward luck.",
                code="ledger-spent",
                fix="Freeze a new set: write examples that were never used into every heldout.jsonl and run "
                f"`evalgate freeze {self.path.parent} --bump`",
                where=str(self.path),
            )


def contents_of(examples: Iterable[Example]) -> set[str]:
    """Held-out examples by what systems are given: another id, label or reference does not make one fresh."""
    return {short(digest_of(example.inputs)) for example in examples}


def read_ledger(folder: Path) -> Ledger | None:
    """The suite's ledger, every line checked against the one before; None if there is none. Raises `ledger-broken`."""
    path = folder / LEDGER_FILE
    return _parse(path.read_bytes(), path) if path.exists() else None


def open_ledger(folder: Path) -> Ledger:
    """The ledger that a frozen suite counts with; suite.lock names a line that it must hold. Raises `ledger-broken`."""
    ledger, lock, path = read_ledger(folder), read_lock(folder), folder / LEDGER_FILE
    if ledger is None:
        raise _broken("the ledger is gone: suite.lock says that one was opened", str(path), path)
    if lock is None or lock.ledger not in ledger.section:
        raise _broken(
            "the ledger lacks the line that suite.lock names: its end is missing or was edited", str(path), path
        )
    return ledger


def carry_over(folder: Path, name: str, looks: int | None, contents: set[str]) -> str | None:
    """Let a suite that is being frozen count on or, with a wholly fresh held-out set, anew.

    A set that shares even one example with the set that is counted goes on counting. Returns the digest of the last
    line for suite.lock, None where no looks are declared. Raises `ledger-broken`, `ledger-looks`, `ledger-reused`.
    """
    path, lock, known = folder / LEDGER_FILE, read_lock(folder), read_ledger(folder)
    if lock is not None and lock.ledger is not None and (known is None or lock.ledger not in known.entries):
        open_ledger(folder)
    if looks is None and known is None:
        return None
    with _writing(folder) as (file, ledger):
        fresh = not contents & (ledger.contents | ledger.closed)
        if looks is None and fresh:
            return None
        if looks is None or (not fresh and looks != ledger.looks):
            raise _other_looks(path, looks, ledger)
        if fresh:
            digests = tuple(sorted(contents))
            _append(file, ledger, Opened(suite=name, looks=looks, contents=digests, date=now(), previous=ledger.tip))
            return ledger.tip
        if again := contents & ledger.closed:
            raise UsageError(
                f"{len(again)} of {len(contents)} held-out examples were in an earlier held-out set of this suite",
                code="ledger-reused",
                fix="take them out: a set that is counted anew holds no example that has decided before",
                where=str(path),
            )
        if added := contents - ledger.contents:
            _append(file, ledger, Extended(contents=tuple(sorted(added)), date=now(), previous=ledger.tip))
        return ledger.tip


def take(folder: Path, claim: Claim) -> Look:
    """Take a look, or find it if it was taken before; on disk when it returns. Raises `ledger-spent`."""
    open_ledger(folder)
    with _writing(folder) as (file, ledger):
        ledger.refuse_spent(claim)  # again: another run may have been faster
        if claim.key not in ledger.taken:
            number = ledger.used + 1
            _append(file, ledger, Taken(number=number, claim=claim, date=now(), previous=ledger.tip))
        return ledger.taken[claim.key]


def note_decision(folder: Path, look: Look, run: str, outcome: str, candidates: dict[str, str]) -> Decided | None:
    """Write what a look said; of several judgings the first counts, and it is returned.

    None where the suite's folder has no ledger any more, or one that is not this look's: the run carries its own look.
    """
    if read_ledger(folder) is None:
        return None
    with _writing(folder) as (file, ledger):
        if look.entry not in {taken.entry for taken in ledger.taken.values()}:
            return None
        if look.number not in ledger.decided:
            entry = Decided(
                number=look.number, run=run, outcome=outcome, candidates=candidates, date=now(), previous=ledger.tip
            )
            _append(file, ledger, entry)
        return ledger.decided[look.number]


@contextmanager
def _writing(folder: Path) -> Iterator[tuple[BinaryIO, Ledger]]:
    """The ledger for one writer; others wait, for it takes milliseconds. A torn last line is cut."""
    path = folder / LEDGER_FILE
    with disk_errors(path), path.open("a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        data = path.read_bytes()
        ledger = _parse(data, path) or Ledger(path=path)
        file.truncate(data.rfind(b"\n") + 1)
        yield file, ledger
        lock = read_lock(folder)
        if lock is not None and lock.ledger in ledger.section - {ledger.tip}:
            # Without the last line's digest in another file nobody would notice that it is gone.
            write_record(folder / LOCK_FILE, msgspec.structs.replace(lock, ledger=ledger.tip))


def _append(file: BinaryIO, ledger: Ledger, entry: Entry) -> None:
    line = to_json_line(entry)
    written = file.write(line)
    while written < len(line):  # a raw file may take less than all of it when the disk is nearly full
        written += file.write(line[written:])
    os.fsync(file.fileno())
    ledger.add(entry, digest_bytes(line[:-1]))


def _parse(data: bytes, path: Path) -> Ledger | None:
    """Count all whole lines: a last one without its end was never acted on, for a look begins when it is on disk."""
    ledger = Ledger(path=path)
    for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):
        where = f"{path}:{number}"
        try:
            entry: Entry = from_json(line, Entry)  # type: ignore[arg-type]
        except (msgspec.ValidationError, msgspec.DecodeError):
            raise _broken("a line of the ledger cannot be read", where, path) from None
        if entry.previous != ledger.tip:
            raise _broken("a line before this one is missing or was edited", where, path)
        if isinstance(entry, Taken) and entry.number != ledger.used + 1:
            raise _broken(f"look {entry.number} follows look {ledger.used}", where, path)
        ledger.add(entry, digest_bytes(line))
    return ledger if ledger.tip else None


def lost_look(folder: Path, number: int) -> EvalgateError:
    """The error for a run that took a look of which the ledger knows nothing."""
    path = folder / LEDGER_FILE
    return _broken(f"the ledger lacks look {number}, which this run has taken", str(path), path)


def _broken(what: str, where: str, path: Path) -> EvalgateError:
    fix = f"restore it with `git checkout {path}`; commit it after every look, and let nobody edit it"
    return EvalgateError(what, code="ledger-broken", fix=fix, where=where)


def _other_looks(path: Path, looks: int | None, ledger: Ledger) -> UsageError:
    now_said = "suite.yaml declares none" if looks is None else f"suite.yaml now says {looks}"
    return UsageError(
        f"this held-out set was declared with {ledger.looks} looks, {ledger.used} of them used; {now_said}",
        code="ledger-looks",
        fix=f"write `looks: {ledger.looks}` again: another number needs a fresh held-out set",
        where=str(path.parent / SUITE_FILE),
    )
