"""What a cache holds, and how it is emptied: whole files go, by when they were last used."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from evalgate.cache.places import files_of, refuse_other
from evalgate.core.record import Record
from evalgate.core.seeds import now

DAY_S = 86_400


class Holding(Record, frozen=True, kw_only=True):
    """How much of one kind is kept; `used_s` is when one of its files was last used, in seconds since 1970."""

    kind: str
    n_records: int
    n_files: int
    n_bytes: int
    used_s: float


def holdings(folder: Path) -> list[Holding]:
    """What is kept, by kind; nothing where there is no cache. Raises `not-a-cache`."""
    refuse_other(folder)
    found: dict[str, list[Path]] = {}
    for path in files_of(folder):
        found.setdefault(path.parent.name, []).append(path)
    return [_holding(kind, paths) for kind, paths in sorted(found.items())]


def _holding(kind: str, paths: list[Path]) -> Holding:
    states = [path.stat() for path in paths]
    return Holding(
        kind=kind,
        n_records=sum(path.read_bytes().count(b"\n") for path in paths),
        n_files=len(paths),
        n_bytes=sum(state.st_size for state in states),
        used_s=max(state.st_mtime for state in states),
    )


def remove(folder: Path, *, unused_days: int | None = None) -> tuple[int, int]:
    """Delete files, all or those not used for some days; gives their number and bytes. Raises `not-a-cache`.

    A run that is writing goes on; what it had in a file that is deleted is asked again another time.
    """
    refuse_other(folder)
    n, n_bytes = 0, 0
    limit_s = None if unused_days is None else datetime.fromisoformat(now()).timestamp() - unused_days * DAY_S
    for path in files_of(folder):
        state = path.stat()
        if limit_s is None or state.st_mtime < limit_s:
            path.unlink()
            n, n_bytes = n + 1, n_bytes + state.st_size
    return n, n_bytes
