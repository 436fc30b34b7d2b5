"""YAML and XML that would be read by a program: well formed, unambiguous, and within bounds that keep reading quick."""

from __future__ import annotations

import math
from typing import Any
from xml.parsers import expat

from evalgate.core.data import Example, Task
from evalgate.core.results import MetricSpec
from evalgate.core.strict_json import MAX_CHARS, without_fence
from evalgate.metrics.json_schema import Schemas, broken
from evalgate.metrics.options import choice_option, refuse_options, text_option
from evalgate.metrics.scoring import MeanMetric, Options

MAX_YAML_DEPTH = 100
# Nodes once every alias is written out: ten lines of aliases can stand for a billion.
MAX_NODES = 100_000
FENCE = ("keep", "strip")
_CUT = [expat.errors.codes[e] for e in (expat.errors.XML_ERROR_UNCLOSED_TOKEN, expat.errors.XML_ERROR_NO_ELEMENTS)]
_TAG = "tag:yaml.org,2002:"
_NUMBERS = {f"{_TAG}{kind}" for kind in ("int", "float", "bool", "null")}
_TAGS = _NUMBERS | {f"{_TAG}{kind}" for kind in ("str", "timestamp", "map", "seq", "merge", "value")}


class _YamlError(Exception):
    """`word` says what is wrong."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def parse_yaml(output: str) -> tuple[Any, str | None]:
    """The value that the whole output is, in the terms of JSON, or None and the word for what is wrong with it.

    One document, no tags of its own, no key twice, keys are texts; dates stay texts.
    """
    import yaml

    if len(output) > MAX_CHARS:
        return None, "too-long"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _refuse_depth(yaml, output, loader)
        node = yaml.compose(output, Loader=loader)
        if node is None:
            return None, "empty"
        _refuse_bomb(yaml, node)
        return _value(yaml, node, yaml.SafeLoader("")), None
    except _YamlError as error:
        return None, error.word
    except RecursionError:  # chains of aliases nest deeper than the text does
        return None, "too-deep"
    except (yaml.YAMLError, ValueError):
        return None, "not-yaml"


def _refuse_depth(yaml: Any, output: str, loader: Any) -> None:
    """Nesting is counted on the stream of events: composing deep nodes would end the process."""
    depth = 0
    for event in yaml.parse(output, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_YAML_DEPTH:
            raise _YamlError("too-deep")


def _refuse_bomb(yaml: Any, node: Any) -> None:
    """Count nodes with aliases written out, each node once; a node inside itself has no end."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(item: Any) -> int:
        key = id(item)
        if key in open_nodes:
            raise _YamlError("alias-bomb")
        if key not in sizes:
            open_nodes.add(key)
            sizes[key] = 1 + sum(map(size, _children(yaml, item)))
            open_nodes.discard(key)
        if sizes[key] > MAX_NODES:
            raise _YamlError("alias-bomb")
        return sizes[key]

    size(node)


def _children(yaml: Any, node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _value(yaml: Any, node: Any, maker: Any) -> Any:
    if node.tag not in _TAGS:
        raise _YamlError("tag")
    if isinstance(node, yaml.SequenceNode):
        return [_value(yaml, item, maker) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        return _mapping(yaml, node, maker)
    return _scalar(node, maker)


def _mapping(yaml: Any, node: Any, maker: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, item in node.value:
        key = _value(yaml, key_node, maker)
        if not isinstance(key, str) or key_node.tag.endswith(":merge"):
            raise _YamlError("key-not-text")
        if key in found:
            raise _YamlError("duplicate-key")
        found[key] = _value(yaml, item, maker)
    return found


def _scalar(node: Any, maker: Any) -> Any:
    if node.tag not in _NUMBERS:
        return node.value
    found = maker.construct_object(node)
    if isinstance(found, float) and not math.isfinite(found):
        raise _YamlError("not-finite")
    return found


def xml_failure(output: str, root: str = "") -> str | None:
    """None if the output is one well-formed XML document, else the word for what is wrong with it.

    A document type is refused, so no entity is ever expanded or fetched. Elements may nest as deep as they like.
    """
    seen: list[str] = []

    def doctype(*_: Any) -> None:
        raise _YamlError("doctype")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = lambda name, _: seen.append(name) if not seen else None
    try:
        parser.Parse(output.strip().encode("utf-8", "strict"), True)
    except _YamlError as error:
        return error.word
    except UnicodeEncodeError:
        return "lone-surrogate"
    except expat.ExpatError as error:
        return "truncated" if seen and error.code in _CUT else "not-xml"
    return "wrong-root" if root and seen != [root] else None


class YamlValid(MeanMetric):
    """1 if the output is one YAML document that keeps the task's schema, if it has one."""

    def __init__(self, options: Options) -> None:
        refuse_options("yaml_valid", options, known=("fence",))
        self._strip = choice_option("yaml_valid", options, "fence", FENCE) == "strip"
        self._schemas = Schemas()
        signature = f"{'fence:stripped' if self._strip else 'strict'}|yaml:1.1-json|draft:declared,2020-12|v1"
        super().__init__(MetricSpec(name="yaml_valid", unit="fraction", better="higher", signature=signature))

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """1 or 0."""
        value, failure = parse_yaml(without_fence(output) if self._strip else output)
        failure = failure or broken(value, self._schemas.of(task.schema), len(output))
        return float(failure is None), failure


class XmlValid(MeanMetric):
    """1 if the output is one well-formed XML document, with the element `root` at its top if that is given."""

    def __init__(self, options: Options) -> None:
        refuse_options("xml_valid", options, known=("fence", "root"))
        self._strip = choice_option("xml_valid", options, "fence", FENCE) == "strip"
        self._root = text_option("xml_valid", options, "root") if "root" in options else ""
        root = f"|root:{self._root}" if self._root else ""
        signature = f"{'fence:stripped' if self._strip else 'strict'}{root}|v1"
        super().__init__(MetricSpec(name="xml_valid", unit="fraction", better="higher", signature=signature))

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """1 or 0."""
        failure = xml_failure(without_fence(output) if self._strip else output, self._root)
        return float(failure is None), failure
