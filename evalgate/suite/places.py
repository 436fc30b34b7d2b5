"""Where a change stands: the line of a frozen document or of suite.yaml that is not as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalgate.core.record import digest_bytes, short

if TYPE_CHECKING:
    from yaml import Node


def text_bytes(path: Path) -> bytes:
    """A text file's bytes with Unix line ends: git may check it out with others, and that is no change."""
    return path.read_bytes().replace(b"\r\n", b"\n")


def line_digests(path: Path) -> tuple[str, ...]:
    """A short digest of each line of a text file, without the spaces at its end; empty if there is no such file."""
    if not path.is_file():
        return ()
    return tuple(short(digest_bytes(line.rstrip())) for line in text_bytes(path).split(b"\n"))


def changed_line(path: Path, before: Sequence[str]) -> str:
    """`file:line` of the first line that differs from `before`; the file alone where that is not known."""
    after = line_digests(path)
    if not before or not after:
        return str(path)
    pairs = zip(before, after, strict=False)
    place = next((line for line, (old, new) in enumerate(pairs, 1) if old != new), min(len(before), len(after)))
    return f"{path}:{place}"


def changed_setting(path: Path, parts: Sequence[str], before: Sequence[str]) -> str:
    """`file:line` of the first changed line of a suite.yaml in the settings named as in `Lock.policy`.

    A setting that is gone is placed where it would stand.
    """
    import yaml

    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    after, known = line_digests(path), set(before)
    first, last = min(_span(root, _way(part)) for part in parts)
    changed = (line for line in range(first, last + 1) if known and after[line - 1] not in known)
    return f"{path}:{next(changed, first)}"


def _way(part: str) -> tuple[str, ...]:
    """The keys that lead to a setting: `gate 'json'` is the item of `gates` with that name."""
    if found := re.fullmatch(r"(gate|task) '(.*)'", part, re.DOTALL):
        return (f"{found[1]}s", found[2])
    return tuple(re.findall(r"`(\w+)`", part))


def _span(node: Node | None, way: Sequence[str]) -> tuple[int, int]:
    """The first and last line of the value at the end of `way`, as far as it can be followed."""
    first, last = 1, 1
    for step in way:
        found = _child(node, step)
        if found is None:
            break
        key, node = found
        first = key.start_mark.line + 1
        # A block's end mark stands at the beginning of the line that follows it.
        last = max(first, node.end_mark.line + (node.end_mark.column > 0))
    return first, last


def _child(node: Node | None, step: str) -> tuple[Node, Node] | None:
    """The key and the value of a mapping's entry, or the item of a list whose `name` is `step`."""
    from yaml import MappingNode, SequenceNode

    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    for item in node.value if isinstance(node, SequenceNode) else ():
        named = _child(item, "name")
        if named is not None and named[1].value == step:
            return item, item
    return None
