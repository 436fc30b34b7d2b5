"""A folder with the data that lm-eval tasks need, so that they run without a network and always on the same rows.

One Parquet file a split, one folder a data set; `mirror.json` holds the digest of each file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import file_digest
from pathlib import Path
from typing import Any

from evalgate.core.errors import UsageError
from evalgate.core.record import Record, digest_of
from evalgate.files import read_record, write_atomic, write_record

INDEX = "mirror.json"
# What a mirrored task must not hand on to `datasets`: the files are there already.
KEYS = ("dataset_path", "dataset_name", "dataset_kwargs")


class Mirrored(Record, frozen=True, kw_only=True):
    """One data set as tasks name it; `files` are the digests of its splits' files, `rows` how many rows each has."""

    path: str
    name: str | None = None
    kwargs: str = "{}"
    folder: str
    files: dict[str, str]
    rows: dict[str, int]


class Index(Record, frozen=True, kw_only=True):
    """What a mirror holds, and by which versions it was written."""

    data: tuple[Mirrored, ...] = ()
    versions: dict[str, str] = {}


class Mirror:
    """A mirror on disk."""

    def __init__(self, root: Path, index: Index) -> None:
        self.root, self.index = root, index

    def overrides(self, files: Mapping[str, Path], names: list[str]) -> dict[str, dict[str, Any]]:
        """By task, the settings that make it read the mirror. Raises `mirror-incomplete`, `mirror-changed`."""
        known = {(m.path, m.name, m.kwargs): m for m in self.index.data}
        found, checked = {}, set()
        for task, config in data_of(files).items():
            wanted = _identity(config)
            if wanted not in known:
                raise self._incomplete(f"has no data of the task {task} ({wanted[0]})", names)
            entry = known[wanted]
            if entry.folder not in checked:
                checked.add(entry.folder)
                self._check(entry, names)
            place = str((self.root / entry.folder).resolve())
            found[task] = {"dataset_path": place, "dataset_name": None, "dataset_kwargs": None}
        return found

    def _check(self, entry: Mirrored, names: list[str]) -> None:
        for split, digest in entry.files.items():
            path = self.root / entry.folder / f"{split}.parquet"
            if not path.is_file():
                raise self._incomplete(f"lacks {path.relative_to(self.root)}", names)
            if _digest(path) != digest:
                raise UsageError(
                    f"the mirror's file {path.relative_to(self.root)} is not what was mirrored",
                    code="mirror-changed",
                    fix=f"delete it and run `evalgate capability mirror {' '.join(names)} --to {self.root}`",
                    where=str(path),
                )

    def _incomplete(self, what: str, names: list[str]) -> UsageError:
        return UsageError(
            f"the mirror {what}",
            code="mirror-incomplete",
            fix=f"run `evalgate capability mirror {' '.join(names)} --to {self.root}` where there is a network",
            where=str(self.root / INDEX),
        )


def read_mirror(root: Path) -> Mirror:
    """A mirror's index. Raises `no-mirror` where there is none, `broken-record`."""
    path = root / INDEX
    if not path.is_file():
        raise UsageError(
            f"there is no mirror: the folder has no {INDEX}",
            code="no-mirror",
            fix=f"`evalgate capability mirror TASKS --to {root}` makes one, where there is a network",
            where=str(root),
        )
    return Mirror(root, read_record(path, Index, fix="delete it and mirror the tasks again"))


def data_of(files: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """The settings of the tasks among some files that read a data set; a task that makes its rows itself has none."""
    from evalgate.capability.names import read_config

    configs = {name: read_config(path) for name, path in files.items()}
    return {
        name: config
        for name, config in configs.items()
        if "group" not in config and "class" not in config and "custom_dataset" not in config and "task" in config
    }


def _identity(config: Mapping[str, Any]) -> tuple[str, str | None, str]:
    """What tells one data set from another: all that goes to `load_dataset`."""
    kwargs = {k: v for k, v in (config.get("dataset_kwargs") or {}).items() if k != "trust_remote_code"}
    return (
        str(config.get("dataset_path")),
        config.get("dataset_name"),
        json.dumps(kwargs, sort_keys=True, default=str),
    )


def mirror_tasks(
    names: Iterable[str], root: Path, *, own: Path | None = None, note: Callable[[str], None] = lambda _: None
) -> Index:
    """Write what tasks need into a folder, as far as it is not there; `own` has a suite's own YAML files.

    Raises `unknown-capability-task`, `capability-data`.
    """
    from importlib.metadata import version

    from evalgate.capability.loading import data_errors
    from evalgate.capability.names import needed_files

    names = list(names)
    files = needed_files(names, own)
    before = read_mirror(root).index if (root / INDEX).is_file() else Index()
    known = {(m.path, m.name, m.kwargs): m for m in before.data if _whole(root, m)}
    for config in data_of(files).values():
        wanted = _identity(config)
        if wanted in known:
            continue
        with data_errors(names):
            known[wanted] = _bring(root, wanted, dict(config.get("dataset_kwargs") or {}))
        rows = ", ".join(f"{n:,} {split}" for split, n in known[wanted].rows.items())
        note(f"{wanted[0]}{f' ({wanted[1]})' if wanted[1] else ''}: {rows}")
    index = Index(
        data=tuple(known[key] for key in sorted(known, key=str)),
        versions={"lm_eval": version("lm_eval"), "datasets": version("datasets")},
    )
    write_record(root / INDEX, index)
    return index


def _bring(root: Path, wanted: tuple[str, str | None, str], kwargs: dict[str, Any]) -> Mirrored:
    """Load one data set and write its splits; the index that names them comes last."""
    import datasets

    path, name, text = wanted
    kwargs.pop("trust_remote_code", None)
    loaded = datasets.load_dataset(path=path, name=name, **kwargs)
    folder = "/".join(
        re.sub(r"[^\w.-]+", "-", part).strip(".-") or "data"
        for part in (Path(path).name if Path(path).is_absolute() else path.replace("/", "--"), name or "default")
    )
    folder += "" if text == "{}" and not Path(path).is_absolute() else f"-{digest_of(list(wanted))[:8]}"
    place = root / folder
    place.mkdir(parents=True, exist_ok=True)
    lines = ["---", "configs:", "- config_name: default", "  data_files:"]
    for split, rows in loaded.items():
        rows.to_parquet(str(place / f"{split}.parquet"))
        lines += [f"  - split: {split}", f"    path: {split}.parquet"]
    write_atomic(place / "README.md", "\n".join([*lines, "---", ""]).encode())
    return Mirrored(
        path=path,
        name=name,
        kwargs=text,
        folder=folder,
        files={split: _digest(place / f"{split}.parquet") for split in loaded},
        rows={split: len(rows) for split, rows in loaded.items()},
    )


def _whole(root: Path, entry: Mirrored) -> bool:
    return all(
        (path := root / entry.folder / f"{split}.parquet").is_file() and _digest(path) == digest
        for split, digest in entry.files.items()
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
