"""Task names to the YAML files that they need: a look at the files' first keys, where lm-eval parses all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from evalgate.core.errors import UsageError

# As lm-eval looks for them: every *.yaml below a folder, in the order of their paths, the first of a name counts.
SKIPPED = {"__pycache__", ".ipynb_checkpoints"}
KEY = re.compile(rb"""^["']?(task|group|class)["']?[ \t]*:[ \t]*["']?([^\s"'#]+)""", re.MULTILINE)
INCLUDE = re.compile(rb"""^["']?include["']?[ \t]*:(.*(?:\n[ \t]*-.*)*)""", re.MULTILINE)


class Named:
    """The tasks, groups and tags below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @cached_property
    def _texts(self) -> dict[Path, bytes]:
        """All YAML files and what they include, read but not parsed: 14,000 of lm-eval's in under two seconds."""
        found = (Path(folder) / name for folder, _, names in _walk(self._root) for name in names)
        kept = (path for path in sorted(found, key=Path.as_posix) if path.name.endswith("yaml") or not path.suffix)
        return {path: path.read_bytes() for path in kept}

    @cached_property
    def files(self) -> dict[str, Path]:
        """The file of each task and group."""
        found: dict[str, Path] = {}
        for path, text in self._texts.items():
            if path.suffix == ".yaml":
                keys = dict(reversed(KEY.findall(text)))
                written_in_python = b"class" in keys
                if name := (not written_in_python and keys.get(b"group")) or keys.get(b"task"):
                    found.setdefault(name.decode(errors="replace"), path)
        return found

    @cached_property
    def _includes(self) -> dict[Path, set[str]]:
        """The names of the files that a file includes."""
        found = {}
        for path, text in self._texts.items():
            if match := INCLUDE.search(text):
                found[path] = {Path(word.strip("[],\"'")).name for word in match[1].decode(errors="replace").split()}
        return found

    def tagged(self, tag: str) -> list[str]:
        """The tasks with a tag, in the order of their files; empty for an unknown one."""
        word = re.compile(rb"(?<![\w-])" + re.escape(tag.encode()) + rb"(?![\w-])")
        holders = {path for path, text in self._texts.items() if b"tag" in text and word.search(text)}
        size = -1
        while len(holders) != size:  # a file may include one that includes the one with the tag
            size, names = len(holders), {path.name for path in holders}
            holders |= {path for path, included in self._includes.items() if included & names}
        return [name for name, path in self.files.items() if path in holders and tag in _tags(path)]


def _tags(path: Path) -> set[str]:
    config = read_config(path)
    tags = config.get("tag") or []
    return set() if "group" in config and "class" not in config else set([tags] if isinstance(tags, str) else tags)


def _walk(root: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    import os

    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED]
        yield folder, folders, names


def read_config(path: Path) -> dict[str, Any]:
    """One YAML file of lm-eval's with what it includes; functions stay names."""
    from lm_eval.tasks._yaml_loader import load_yaml

    config: dict[str, Any] = load_yaml(path, resolve_func=False)
    return config


def stock_folder() -> Path:
    """Where lm-eval's own tasks lie."""
    import lm_eval.tasks

    return Path(lm_eval.tasks.__file__).parent


def needed_files(names: Iterable[str], own: Path | None) -> dict[str, Path]:
    """The files of tasks and groups that some names need, groups and tags followed to their tasks.

    The suite's own come first; lm-eval's are looked at where these do not suffice. Raises `unknown-capability-task`.
    """
    places = _Places(own)
    found: dict[str, Path] = {}
    todo = [(name, "") for name in names]
    while todo:
        name, parent = todo.pop(0)
        if name in found:
            continue
        if path := places.file_of(name):
            found[name] = path
            config = read_config(path)
            if "group" in config and "class" not in config:
                todo += [(child, name) for child in _children(config.get("task"), places)]
        elif tagged := places.tagged(name):
            todo += [(child, name) for child in tagged]
        else:
            raise _unknown(name, parent, places, own)
    return found


class _Places:
    """The suite's own tasks, then lm-eval's."""

    def __init__(self, own: Path | None) -> None:
        self._own = Named(own) if own else None
        self.stock = Named(stock_folder())

    def file_of(self, name: str) -> Path | None:
        mine = self._own.files.get(name) if self._own else None
        return mine or self.stock.files.get(name)

    def tagged(self, tag: str) -> list[str]:
        mine = self._own.tagged(tag) if self._own else []
        return mine + [name for name in self.stock.tagged(tag) if name not in mine]

    def names(self) -> list[str]:
        return [*(self._own.files if self._own else ()), *self.stock.files]


def _children(members: object, places: _Places) -> Iterator[str]:
    """The names that a group's `task:` lists; an inline group has members of its own."""
    for member in members if isinstance(members, list) else [members]:
        if isinstance(member, str):
            yield member
        elif isinstance(member, Mapping):
            inline, name = member.get("task"), member.get("group")
            if isinstance(inline, list):
                yield from _children(inline, places)
            elif isinstance(name, str):
                yield name
            elif isinstance(inline, str) and ("dataset_path" not in member or places.file_of(inline)):
                yield inline  # else it is a task that is defined in place


def _unknown(name: str, parent: str, places: _Places, own: Path | None) -> UsageError:
    close = get_close_matches(name, places.names(), n=1)
    of = f" (of '{parent}')" if parent else ""
    return UsageError(
        f"lm-eval knows no task {name}{of}" + (f"; did you mean '{close[0]}'?" if close else ""),
        code="unknown-capability-task",
        fix="correct `capability.tasks` in suite.yaml; `lm_eval ls tasks` lists all names",
        where=str(own or ""),
    )
