"""The lines of a ledger: each names the lines before it by digest, so that two branches of history can grow and meet.

Git merges both files by keeping both sides' lines (`merge=union`); what order they then stand in does not matter.
Reasons, and what is not noticed: docs/decisions/0015-ledger.md.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import BinaryIO

import msgspec

from evalgate.core.errors import EvalgateError
from evalgate.core.record import Record, digest_bytes, from_json, to_json_line
from evalgate.files import disk_errors, write_atomic

LEDGER_FILE, DIGESTS_FILE = "ledger.jsonl", "ledger.digests"
ATTRIBUTES_FILE = ".gitattributes"


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
    parents: tuple[str, ...]


class Extended(Record, frozen=True, kw_only=True, tag_field="kind", tag="extended"):
    """Examples were added to the set that the line `opened` began; it goes on counting."""

    opened: str
    contents: tuple[str, ...]
    date: str
    parents: tuple[str, ...]


class Taken(Record, frozen=True, kw_only=True, tag_field="kind", tag="look"):
    """One look: these candidates, on these examples, under these gates. Its number follows from the whole ledger."""

    opened: str
    claim: Claim
    date: str
    parents: tuple[str, ...]


class Decided(Record, frozen=True, kw_only=True, tag_field="kind", tag="decided"):
    """What a look said when it was first judged: the outcome, and that of each candidate. `look` is that line."""

    look: str
    run: str
    outcome: str
    candidates: dict[str, str]
    date: str
    parents: tuple[str, ...]


Entry = Opened | Extended | Taken | Decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """All lines by digest, in an order that every reader finds alike, and the digests of all lines before each."""

    entries: dict[str, Entry]
    before: dict[str, frozenset[str]]

    @property
    def heads(self) -> tuple[str, ...]:
        """The lines that no other one names: one, or after a merge several."""
        named = {parent for entry in self.entries.values() for parent in entry.parents}
        return tuple(sorted(self.entries.keys() - named))


def read_chain(data: bytes, path: Path) -> Chain:
    """Check all whole lines; the order is by how many lines come before, then by digest, never by a clock.

    A line that stands there twice counts once. A last one without its end was never acted on: a look begins when it is
    on disk. Raises `ledger-broken`.
    """
    found: dict[str, Entry] = {}
    for number, line in enumerate(whole_lines(data), 1):
        try:
            entry: Entry = from_json(line, Entry)  # type: ignore[arg-type]
        except (msgspec.ValidationError, msgspec.DecodeError):
            raise broken("a line of the ledger cannot be read", f"{path}:{number}", path) from None
        found.setdefault(digest_bytes(line), entry)
    for number, line in enumerate(whole_lines(data), 1):
        entry = found[digest_bytes(line)]
        if not _stands(entry, found):
            raise broken("a line before this one is missing or was edited", f"{path}:{number}", path)
    before: dict[str, frozenset[str]] = {}
    for digest in TopologicalSorter({digest: entry.parents for digest, entry in found.items()}).static_order():
        before[digest] = frozenset(found[digest].parents).union(*(before[parent] for parent in found[digest].parents))
    ordered = sorted(found, key=lambda digest: (len(before[digest]), digest))
    return Chain(entries={digest: found[digest] for digest in ordered}, before=before)


def _stands(entry: Entry, found: dict[str, Entry]) -> bool:
    """Is everything there that a line builds on?"""
    match entry:
        case Opened():
            return all(parent in found for parent in entry.parents)
        case Extended() | Taken():
            base = isinstance(found.get(entry.opened), Opened)
        case Decided():
            base = isinstance(found.get(entry.look), Taken)
    return base and bool(entry.parents) and all(parent in found for parent in entry.parents)


def whole_lines(data: bytes) -> list[bytes]:
    """The lines of an append-only file, without a last one that has no end."""
    return data[: data.rfind(b"\n") + 1].splitlines()


def known_digests(folder: Path) -> set[str]:
    """The lines that the ledger has had, by the file that names them."""
    path = folder / DIGESTS_FILE
    return {line.decode("utf-8", "replace") for line in whole_lines(path.read_bytes())} if path.exists() else set()


@contextmanager
def writing(folder: Path) -> Iterator[BinaryIO]:
    """The ledger for one writer; others wait, for it takes milliseconds. A torn last line is cut."""
    path = folder / LEDGER_FILE
    with disk_errors(path), path.open("a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for name in (LEDGER_FILE, DIGESTS_FILE):
            if (folder / name).exists():
                os.truncate(folder / name, (folder / name).read_bytes().rfind(b"\n") + 1)
        yield file


def append(file: BinaryIO, folder: Path, entry: Entry) -> str:
    """Add a line, then its digest to the file that names all lines; both are on disk when this returns."""
    line = to_json_line(entry)
    _write(file, line)
    digests = [digest_bytes(each) for each in whole_lines((folder / LEDGER_FILE).read_bytes())]
    known = known_digests(folder)  # a kill may have left it a line behind
    with (folder / DIGESTS_FILE).open("ab", buffering=0) as names:
        _write(names, "".join(f"{digest}\n" for digest in digests if digest not in known).encode())
    return digest_bytes(line[:-1])


def _write(file: BinaryIO, data: bytes) -> None:
    written = file.write(data)
    while written < len(data):  # a raw file may take less than all of it when the disk is nearly full
        written += file.write(data[written:])
    os.fsync(file.fileno())


def write_attributes(folder: Path) -> None:
    """Let git keep both sides where two branches added lines; what else stands in .gitattributes stays."""
    path = folder / ATTRIBUTES_FILE
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    missing = [name for name in (LEDGER_FILE, DIGESTS_FILE) if f"{name} " not in text]
    if missing:
        start = text if not text or text.endswith("\n") else text + "\n"
        lines = "".join(f"{name} text eol=lf merge=union\n" for name in missing)
        write_atomic(path, (start + lines).encode())


def broken(what: str, where: str, path: Path) -> EvalgateError:
    """The error for a ledger that nobody can count with."""
    fix = (
        f"restore {LEDGER_FILE} and {DIGESTS_FILE} with `git checkout {path.parent}` (after a merge: keep the lines of "
        "both sides); commit them after every look, and let nobody edit them"
    )
    return EvalgateError(what, code="ledger-broken", fix=fix, where=where)
