"""Where answers are kept, and how a folder that is ours is known: nothing else is ever written or deleted in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalgate.core.errors import UsageError
from evalgate.files import disk_errors, write_atomic

NAME, LINES = ".predictions", ".jsonl"
# The mark by which backup tools know a cache, too (https://bford.info/cachedir).
TAG = "CACHEDIR.TAG"
TAG_TEXT = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n# Answers that evalgate keeps. Deleting them costs time only.\n"
)
IGNORE = ".gitignore"


def place_of(run: Path, reports: Path, given: str | None) -> Path:
    """The cache of a run: the one given, or one beside the reports, or beside the run's folder if that lies elsewhere.

    Raises `not-a-cache` before anything runs.
    """
    beside = reports if run.resolve().is_relative_to(reports.resolve()) else run.parent
    place = Path(given) if given else beside / NAME
    refuse_other(place)
    return place


def refuse_other(folder: Path) -> None:
    """Raise `not-a-cache` for a folder that holds something else."""
    if folder.is_dir():
        # Two processes may make it at once: what is beside the tag then is ours as well.
        names = {path.name for path in folder.iterdir()}
        if TAG in names or all(name.startswith((TAG, IGNORE)) for name in names):
            return
    elif not folder.exists():
        return
    raise UsageError(
        f"this is no cache of evalgate: it holds other files and no {TAG}",
        code="not-a-cache",
        fix="name an empty or a new folder; nothing was written or deleted",
        where=str(folder),
    )


def make_place(folder: Path) -> None:
    """Make the folder ours, and one that git leaves alone."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in ((TAG, TAG_TEXT), (IGNORE, b"*\n")):
            if not (folder / name).exists():
                write_atomic(folder / name, text)


def files_of(folder: Path, kind: str = "*") -> Iterator[Path]:
    """The files of a cache, the oldest first; nothing where there is none."""
    yield from sorted(folder.glob(f"{kind}/*{LINES}"), key=lambda path: (path.name, path.parent.name))
