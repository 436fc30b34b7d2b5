"""How much of an object is right: its fields, compared with their types, or all of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from evalgate.core.data import Example, Task
from evalgate.core.results import MetricSpec
from evalgate.core.strict_json import parse, without_fence
from evalgate.metrics.options import choice_option, refuse_options
from evalgate.metrics.scoring import MeanMetric, Options

FENCE = ("keep", "strip")


Bag = Counter[tuple[str, str]]


def leaves(value: Any) -> Bag:
    """A JSON value as a bag of (path, value as JSON writes it); list positions do not count."""
    return Counter((path, json.dumps(leaf)) for path, leaf in _walk(value))


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    left = [("", value)]
    while left:
        path, node = left.pop()
        if isinstance(node, dict):
            left += [(f"{path}.{key}", item) for key, item in node.items()]
        elif isinstance(node, list):
            left += [(f"{path}[]", item) for item in node]
        else:
            yield path, node


# Long objects are rare, and reading one again costs less than keeping it.
@lru_cache(maxsize=4_096)
def _wanted(reference: str) -> tuple[Bag, str]:
    value, wrong = parse(reference)
    if wrong is not None:
        raise ValueError(f"the reference is not JSON ({wrong}); freezing refuses it")
    return leaves(value), _canonical(value)


def _canonical(value: Any) -> str:
    """The same text for the same value: key order aside, but lists in order, 1 not 1.0 and `[]` not nothing."""
    return json.dumps(value, sort_keys=True)


class _ObjectMetric(MeanMetric):
    """What is compared with a reference's object; an output that is not JSON has nothing right."""

    def __init__(self, name: str, options: Options, settings: str) -> None:
        refuse_options(name, options, known=("fence",))
        self._strip = choice_option(name, options, "fence", FENCE) == "strip"
        signature = f"{settings}{'fence:stripped' if self._strip else 'strict'}|v1"
        super().__init__(MetricSpec(name=name, unit="fraction", better="higher", signature=signature))

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """A value in [0, 1], against the best reference."""
        found, failure = parse(without_fence(output) if self._strip else output)
        if failure is not None:
            return 0.0, failure
        return self.compare(found, [_wanted(reference) for reference in example.references])

    def compare(self, found: Any, wanted: list[tuple[Bag, str]]) -> tuple[float, str | None]:
        """The value of a parsed output, and the word for what is wrong with it."""
        raise NotImplementedError


class Fields(_ObjectMetric):
    """Precision, recall or F1 over the fields of one object, values compared with types."""

    def __init__(self, name: str, options: Options) -> None:
        self._kind = name.removeprefix("field_")
        super().__init__(name, options, "typed|")

    def compare(self, found: Any, wanted: list[tuple[Bag, str]]) -> tuple[float, str | None]:
        """The best over the references; nothing found where nothing is wanted is right."""
        bag = leaves(found)
        return max(self._share(bag, other) for other, _ in wanted), None

    def _share(self, found: Bag, wanted: Bag) -> float:
        n_found, n_wanted = sum(found.values()), sum(wanted.values())
        shared = sum((found & wanted).values())
        if self._kind == "f1":
            shared, total = 2 * shared, n_found + n_wanted
        else:
            total = n_found if self._kind == "precision" else n_wanted
        return shared / total if total else float(n_found == n_wanted)


class ExactObject(_ObjectMetric):
    """1 if the parsed output equals a reference, key order aside."""

    def __init__(self, options: Options) -> None:
        super().__init__("exact_object", options, "")

    def compare(self, found: Any, wanted: list[tuple[Bag, str]]) -> tuple[float, str | None]:
        """1 or 0; what is wrong is told against the first reference."""
        text = _canonical(found)
        if any(text == other for _, other in wanted):
            return 1.0, None
        return 0.0, _difference(leaves(found), wanted[0][0])


def _difference(found: Bag, wanted: Bag) -> str:
    """The word for how two objects differ: by keys, by types, or by a value only."""
    ours, theirs = ({path for path, _ in bag} for bag in (found, wanted))
    if theirs - ours:
        return "missing-key"
    if ours - theirs:
        return "extra-key"
    same = {(path, _kind(text)) for path, text in found} == {(path, _kind(text)) for path, text in wanted}
    return "wrong-value" if same else "wrong-type"


def _kind(text: str) -> str:
    return {'"': "text", "t": "truth", "f": "truth", "n": "null"}.get(text[:1], "number")
