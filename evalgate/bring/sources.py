"""What `--from` names: a file, a folder of files, a saved dataset, or a dataset of the hub; and their splits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from evalgate.bring.rows import Row, Table
from evalgate.bring.tables import is_saved_dataset, read_hub, read_parquet, read_saved
from evalgate.bring.text_files import READERS
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.record import digest_bytes

# What people call the splits.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "test": "heldout",
    "testing": "heldout",
    "heldout": "heldout",
    "held-out": "heldout",
    "held_out": "heldout",
}
_READERS = READERS | {".parquet": read_parquet}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


def read_sources(
    given: Sequence[str], *, revision: str | None = None, subset: str | None = None, split: str | None = None
) -> list[Table]:
    """Read every source, in order. Each table's `split` is `train`, `dev`, `heldout`, or None where no name tells it.

    With `split` all rows are that split's. Raises `no-such-file`, `unknown-format`, `no-rows`, or what the readers do.
    """
    tables: list[Table] = []
    for name in given:
        path = Path(name).expanduser()
        if path.is_dir():
            tables += read_saved(path) if is_saved_dataset(path) else _folder(path)
        elif path.is_file():
            tables.append(read_file(path))
        elif path.suffix.lower() in _READERS or name.startswith((".", "/", "~")) or not _HUB_ID.fullmatch(name):
            raise UsageError(
                f"there is no file '{name}'", code="no-such-file", fix="correct the path after `--from`", where=name
            )
        else:
            tables += read_hub(name, revision, subset)[0]
    for table in tables:
        if not table.rows:
            fix = "give a file with at least one row, or leave it out"
            raise EvalgateError(f"{table.path} has no rows", code="no-rows", fix=fix, where=table.path)
    return [Table(t.path, t.rows, t.digest, split or _meaning(t), t.notes) for t in tables]


def read_file(path: Path) -> Table:
    """One file by its ending; raises `unknown-format` for an ending that tells nothing."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            f"the ending of '{path.name}' tells no format",
            code="unknown-format",
            fix=f"rename it or convert it; known: {', '.join(_READERS)}",
            where=str(path),
        )
    notes: list[str] = []
    try:
        rows: list[Row] = reader(path, notes)
        digest = digest_bytes(path.read_bytes())
    except OSError as error:
        raise EvalgateError(
            f"the file cannot be read: {error.strerror or error}",
            code="not-readable",
            fix="check its permissions",
            where=str(path),
        ) from None
    return Table(str(path), rows, digest, notes=notes)


def split_in(name: str) -> str | None:
    """The split that a file's name tells: `cleaned_test.jsonl`, `train-00000-of-00001.parquet`; None if none or two."""
    stem = name.lower().split(".")[0]
    found = {SPLIT_NAMES[word] for word in re.split(r"[-_ ]+", stem) if word in SPLIT_NAMES}
    found |= {"heldout"} if "held-out" in stem or "held_out" in stem else set()
    return found.pop() if len(found) == 1 else None


def _folder(folder: Path) -> list[Table]:
    """The files of a folder whose names tell a split, of one format; all its files if no name does."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() in _READERS)
    files = [p for p in files if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    named = [p for p in files if split_in(p.name)]
    if not files:
        raise UsageError(
            f"the folder '{folder}' holds no file that can be read",
            code="no-such-file",
            fix=f"give a folder with files that end in {', '.join(_READERS)}",
            where=str(folder),
        )
    # Beside the rows there may be other files of a split, such as schemas: the ending that tells most splits counts.
    told = {suffix: {split_in(p.name) for p in named if p.suffix.lower() == suffix} for suffix in _READERS}
    best = max(told, key=lambda suffix: len(told[suffix]))
    named = [p for p in named if p.suffix.lower() == best]
    left = [p.name for p in files if p not in named] if named else []
    tables = [read_file(path) for path in named or files]
    if left:
        tables[0].notes.append(f"left out, found beside the files of the splits in {best}: {', '.join(left[:5])}")
    return tables


def _meaning(table: Table) -> str | None:
    if table.split is not None:  # a dataset's own name of the split
        return SPLIT_NAMES.get(table.split.lower(), table.split)
    return split_in(Path(table.path).name)
