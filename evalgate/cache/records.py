"""Records by key in files to which one process each appends: no lock, no index on disk, nothing shared to tear.

A reader takes whole lines whose checksum is right, and nothing else. Why not a database: docs/decisions/0030.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar
from uuid import uuid4
from zlib import crc32

import msgspec

from evalgate.cache.places import LINES, files_of, make_place
from evalgate.core.errors import EvalgateError
from evalgate.core.record import DIGEST_CHARS, Record, from_json
from evalgate.core.seeds import now

R = TypeVar("R", bound=Record)
Add = Callable[[str, Record], None]

# A line is {"key":"...","check":"...","record":{...}}, so keys stand at one place and are read without parsing.
HEAD, MIDDLE, BEFORE = b'{"key":"', b'","check":"', b'","record":'
CHECK_CHARS = 8
KEY = slice(len(HEAD), len(HEAD) + DIGEST_CHARS)
CHECK = slice(KEY.stop + len(MIDDLE), KEY.stop + len(MIDDLE) + CHECK_CHARS)
RECORD = slice(CHECK.stop + len(BEFORE), -1)


class Place(NamedTuple):
    """Where a line stands."""

    path: Path
    start: int
    length: int


class Cache:
    """Records of several kinds below one folder; the first record of a key is its record.

    It never stops a run: what goes wrong is said once, and from then on nothing is kept.

    Args:
        folder: Where the files lie; it is made with the first record.
        note: Is told what went wrong.
    """

    def __init__(self, folder: Path, note: Callable[[str], None] = lambda _: None) -> None:
        self.folder, self._note, self._broken = folder, note, False
        self._places: dict[str, dict[bytes, Place]] = {}
        self._read: dict[Path, int] = {}
        self._name = f"{now().replace(':', '').partition('+')[0]}-{uuid4().hex[:12]}{LINES}"

    def find(self, kind: str, keys: Iterable[str], form: type[R]) -> dict[str, R]:
        """The records of those keys that have one, also of what other processes have added by now."""
        places = self._look(kind)
        wanted: dict[Path, list[tuple[Place, str]]] = {}
        for key in dict.fromkeys(keys):
            if (place := places.get(key.encode())) is not None:
                wanted.setdefault(place.path, []).append((place, key))
        found: dict[str, R] = {}
        for path, here in wanted.items():
            with suppress(OSError), path.open("rb") as file:  # a file that was cleared away is no record
                for place, key in sorted(here):
                    file.seek(place.start)
                    line = file.read(place.length)
                    with suppress(msgspec.ValidationError, msgspec.DecodeError):  # of a version with other fields
                        if _key_of(line) == key.encode():
                            found[key] = from_json(line[RECORD], form)
                os.utime(path)  # `prune` goes by when a file was last used
        return found

    def _look(self, kind: str) -> dict[bytes, Place]:
        """The places of all whole lines, read on from where the last look ended."""
        places = self._places.setdefault(kind, {})
        for path in files_of(self.folder, kind):
            start = self._read.get(path, 0)
            with suppress(OSError), path.open("rb") as file:
                file.seek(start)
                for line in file:
                    if not line.endswith(b"\n"):  # torn, or still being written
                        break
                    key = _key_of(line[:-1])
                    if key is not None:
                        places.setdefault(key, Place(path, start, len(line) - 1))
                    start += len(line)
            self._read[path] = start
        return places

    @contextmanager
    def adding(self, kind: str) -> Iterator[Add]:
        """A function that keeps one record for a key: it is in the file (not fsynced) when the call returns."""
        file = _File(self.folder, self.folder / kind / self._name)
        try:
            yield lambda key, record: self._add(file, key, record)
        finally:
            file.close()

    def _add(self, file: _File, key: str, record: Record) -> None:
        if self._broken:
            return
        try:
            file.append(_line(key.encode(), msgspec.json.encode(record)))
        except (OSError, EvalgateError) as error:
            self._broken = True
            why = error.strerror if isinstance(error, OSError) else error.what
            self._note(f"{self.folder}: {why}; from here on no answers are kept there, and the run goes on without")


class _File:
    """One process's own file of one kind, made when the first line comes."""

    def __init__(self, folder: Path, path: Path) -> None:
        self._folder, self._path, self._handle = folder, path, -1

    def append(self, line: bytes) -> None:
        """Write one line whole, or take back what was written of it."""
        if self._handle < 0:
            make_place(self._folder)
            self._path.parent.mkdir(exist_ok=True)
            self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        end = os.lseek(self._handle, 0, os.SEEK_END)
        written = 0
        try:
            while written < len(line):  # a disk that is nearly full may take less than all of it
                written += os.write(self._handle, line[written:])
        except BaseException:
            os.ftruncate(self._handle, end)
            raise

    def close(self) -> None:
        """Close what was opened."""
        if self._handle >= 0:
            with suppress(OSError):  # a network's file system may tell of lost bytes only now
                os.close(self._handle)


def _line(key: bytes, record: bytes) -> bytes:
    return b"".join((HEAD, key, MIDDLE, b"%08x" % crc32(record, crc32(key)), BEFORE, record, b"}\n"))


def _key_of(line: bytes) -> bytes | None:
    """The key of a line without its end; None unless every byte is what was written."""
    key = line[KEY]
    return key if _line(key, line[RECORD]) == line + b"\n" else None
