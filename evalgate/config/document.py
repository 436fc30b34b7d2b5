"""YAML with places: every value knows its line, so that all problems of all files come as one error."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from evalgate.core.errors import UsageError

Place = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads `2e-4` as text; people mean the number."""


class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same by libyaml, in a fourteenth of the time; its words for what is wrong are others."""


for _class in (_Loader, _FastLoader):
    _class.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
    )


def _node(text: str) -> yaml.Node | None:
    """A document's tree. Raises what PyYAML's own parser raises, whose messages do not depend on the installation."""
    try:
        found: yaml.Node | None = _FastLoader(text).get_single_node()
    except (yaml.YAMLError, ValueError):
        found = _Loader(text).get_single_node()
    return found


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, else the list of them; empty if none are known."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known: {', '.join(known)}" if known else ""


class Problems:
    """Collects what is wrong in the user's files, in the order found."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []

    def add(self, where: str, text: str) -> None:
        """Note one problem; the same one twice counts once."""
        if (where, text) not in self._found:
            self._found.append((where, text))

    def raise_if_any(self, fix: str) -> None:
        """Raise one `UsageError` [bad-config] with all of them."""
        if not self._found:
            return
        if len(self._found) == 1:
            where, what = self._found[0]
            raise UsageError(what, code="bad-config", fix=fix, where=where)
        lines = "".join(f"\n  {where}: {text}" for where, text in self._by_line())
        raise UsageError(f"{len(self._found)} problems in the configuration:{lines}", code="bad-config", fix=fix)

    def _by_line(self) -> list[tuple[str, str]]:
        """Files in the order they were read, and each file from top to bottom."""
        parts = [where.rpartition(":") for where, _ in self._found]
        names = [
            name if line.isdigit() else where for (name, _, line), (where, _) in zip(parts, self._found, strict=True)
        ]
        lines = [int(line) if line.isdigit() else 0 for _, _, line in parts]
        order = sorted(range(len(parts)), key=lambda i: (names.index(names[i]), lines[i]))
        return [self._found[i] for i in order]


class Document:
    """One YAML file: its data, and the line on which each key or list item stands."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self.path, self.problems = path, problems
        self.data: dict[str, Any] = {}
        self.ok = False
        self._lines: dict[Place, int] = {}
        self._read()

    def where(self, place: Place = ()) -> str:
        """`file:line` of the nearest key that stands in the file."""
        return f"{self.path}:{self._lines.get(self.nearest(place), 1)}"

    def nearest(self, place: Place) -> Place:
        """The longest beginning of a place that stands in the file."""
        while place and place not in self._lines:
            place = place[:-1]
        return place

    def problem(self, place: Place, text: str) -> None:
        """Note a problem of one key, named with its path."""
        name = spell(place)
        self.problems.add(self.where(place), f"{name}: {text}" if name else text)

    def _read(self) -> None:
        text = read_text(self.path, self.problems)
        if text is None:
            return
        try:
            self._parse(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            self.problems.add(f"{self.path}:{line}", f"this is not YAML: {error.problem or error.context}")
        except (yaml.YAMLError, ValueError) as error:
            self.problems.add(self.where(), f"this is not YAML: {str(error).splitlines()[0]}")

    def _parse(self, text: str) -> None:
        node = _node(text)
        if not isinstance(node, yaml.MappingNode):
            self.problems.add(self.where(), "the file must hold a mapping of keys to values")
            return
        self._walk(node, (), ())
        self.data = _Loader("").construct_document(node)
        self.ok = True

    def _walk(self, node: yaml.Node, place: Place, above: tuple[int, ...]) -> None:
        self._lines.setdefault(place, node.start_mark.line + 1)
        if id(node) in above:
            raise yaml.MarkedYAMLError(problem="an anchor contains itself", problem_mark=node.start_mark)
        above = (*above, id(node))
        if isinstance(node, yaml.SequenceNode):
            for index, child in enumerate(node.value):
                self._walk(child, (*place, index), above)
        elif isinstance(node, yaml.MappingNode):
            self._walk_keys(node, place, above)

    def _walk_keys(self, node: yaml.MappingNode, place: Place, above: tuple[int, ...]) -> None:
        seen: dict[str, int] = {}
        for key, child in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            # PyYAML keeps the last of two equal keys without a word; that hides a slip of the pen.
            if name in seen and name != "<<":
                text = f"the key '{name}' stands twice (first on line {seen[name]})"
                self.problems.add(f"{self.path}:{line}", f"{spell(place)}: {text}" if place else text)
            seen.setdefault(name, line)
            self._lines[(*place, name)] = line
            self._walk(child, (*place, name), above)


def spell(place: Place) -> str:
    """A place as people write it: `gates[1].metric`."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def read_text(path: Path, problems: Problems, *, said_at: str = "") -> str | None:
    """A UTF-8 file's text; None, with a problem noted, if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problems.add(said_at or str(path), f"there is no file '{path}'" if said_at else "there is no such file")
    except UnicodeDecodeError as error:
        problems.add(said_at or str(path), f"'{path.name}' is not UTF-8 text (byte {error.start})")
    except OSError as error:
        problems.add(said_at or str(path), f"'{path}' cannot be read: {error.strerror}")
    return None
