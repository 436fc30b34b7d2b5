"""Files of records: append-only JSONL, atomic documents, torn lines healed."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from evalgate.core.errors import EvalgateError
from evalgate.core.record import Record, from_json, to_json_line
from evalgate.core.score_rows import ScoreRows
from evalgate.sealing import Seal, SealedLine

R = TypeVar("R", bound=Record)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk into an error that says where and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(path.parent if path.parent.exists() else "/").free
            raise EvalgateError(
                f"no space left on the disk ({free / 1e6:.0f} MB free); what was written before is kept",
                code="no-space",
                fix="free some space and run the same command again: it goes on where it stopped",
                where=str(path),
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise EvalgateError(
                f"cannot write: {error.strerror}",
                code="not-writable",
                fix="choose another folder with `-o FOLDER` or change its permissions",
                where=str(path),
            ) from error
        raise


def write_atomic(path: Path, data: bytes) -> None:
    """Write a whole file so that a reader or a crash sees the old one or the new one, never half of it."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + f".tmp{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_record(path: Path, record: Record) -> None:
    """Write one record as indented JSON, atomically."""
    write_atomic(path, msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")


def write_lines(path: Path, records: Iterable[Record]) -> None:
    """Write a whole file of records, one a line, atomically."""
    write_atomic(path, b"".join(map(to_json_line, records)))


def read_record(path: Path, kind: type[R], *, fix: str) -> R:
    """Read one record; a missing or wrong file is an `EvalgateError` with the given fix."""
    try:
        return from_json(path.read_bytes(), kind)
    except (FileNotFoundError, NotADirectoryError):
        raise EvalgateError(f"there is no {path.name}", code="not-a-run", fix=fix, where=str(path)) from None
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise EvalgateError(
            f"{path.name} cannot be read: {error}", code="broken-record", fix=fix, where=str(path)
        ) from None


def read_lines(path: Path, kind: type[R], seal: Seal | None = None) -> list[R]:
    """All whole lines of an append-only file; a last line torn by a crash is left out. Empty if there is no file.

    With a seal the lines are opened; raises `sealed` where that cannot be.
    """
    return _decode_lines(path, _opened(path, seal), kind)


def read_scores(path: Path, seal: Seal | None = None) -> ScoreRows:
    """All whole lines of a file of scores, by column; opened as by `read_lines`."""
    data = _opened(path, seal)
    with _decoding(path):
        return ScoreRows(data)


def _opened(path: Path, seal: Seal | None) -> bytes:
    data = _whole(path)
    if seal is None:
        return data
    return b"".join(seal.open(line.sealed, str(path)) + b"\n" for line in _decode_lines(path, data, SealedLine))


def read_keys(path: Path, kind: type[R], seal: Seal | None = None) -> Sequence[R | SealedLine]:
    """What has been recorded, never opened: the records themselves, or with a seal their ids."""
    return _decode_lines(path, _whole(path), SealedLine) if seal else read_lines(path, kind)


def _whole(path: Path) -> bytes:
    data = path.read_bytes() if path.exists() else b""
    return data[: data.rfind(b"\n") + 1]


def _decode_lines(path: Path, data: bytes, kind: type[R]) -> list[R]:
    with _decoding(path):
        return msgspec.json.Decoder(kind).decode_lines(data)


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    try:
        yield
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise EvalgateError(
            f"a recorded line cannot be read: {error}",
            code="broken-record",
            fix=f"delete {path} and run again: only what it held is made anew",
            where=str(path),
        ) from None


def count_lines(path: Path, without: bytes | None = None) -> int:
    """How many whole lines an append-only file has, but for those that hold some bytes; 0 if there is no file."""
    data = _whole(path)
    return data.count(b"\n") - (data.count(without) if without else 0)


class Appender:
    """Appends records to one JSONL file; each call is on disk (not fsynced) when it returns.

    With a seal every line is closed before it is written, but for the ids that tell what was done.
    """

    def __init__(self, path: Path, seal: Seal | None = None) -> None:
        self.path, self._seal = path, seal
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _heal(path)
            self._file: BinaryIO = path.open("ab", buffering=0)

    def write(self, records: Iterable[Record]) -> None:
        """Append records in one system call."""
        self.append(b"".join(to_json_line(self._closed(record)) for record in records))

    @property
    def sealed(self) -> bool:
        """Whether lines are closed, so that only records may be written."""
        return self._seal is not None

    def append(self, data: bytes) -> None:
        """Append whole lines of records as they are in one system call."""
        with disk_errors(self.path):
            written = self._file.write(data)
            while written < len(data):  # a raw file may take less than all of it when the disk is nearly full
                written += self._file.write(data[written:])

    def _closed(self, record: Record) -> Record:
        if self._seal is None:
            return record
        ids = {name: getattr(record, name, "") for name in ("example_id", "metric", "request_digest")}
        return SealedLine(sealed=self._seal.seal(to_json_line(record).strip()), **ids)

    def __enter__(self) -> Appender:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _heal(path: Path) -> None:
    """Cut a last line that a crash left without its newline."""
    if not path.exists():
        return
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        os.truncate(path, end)
