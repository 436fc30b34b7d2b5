"""Structured output: does it parse, does it keep the schema, and how many fields are right."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from evalgate.core.data import Example, Task
from evalgate.core.results import MetricSpec
from evalgate.metrics.scoring import MeanMetric, Options

# jsonschema's keyword -> the word for the failure in the report.
TAXONOMY = {
    "required": "missing-key",
    "additionalProperties": "extra-key",
    "type": "wrong-type",
    "enum": "not-in-enum",
    "pattern": "pattern",
}
MAX_CHARS = 100_000


class _DuplicateError(ValueError):
    pass


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({k for k, _ in pairs}) < len(pairs):
        raise _DuplicateError
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def parse(output: str) -> tuple[Any, str | None]:
    """The value that the whole output is, or None and the word for what is wrong with it."""
    text = output.strip()
    if len(text) > MAX_CHARS:
        return None, "too-long"
    try:
        return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant), None
    except _DuplicateError:
        return None, "duplicate-key"
    except (ValueError, RecursionError):
        return None, _why_not_json(text)


def _why_not_json(text: str) -> str:
    if text.startswith("```"):
        return "fence"
    start, end = text.find("{"), text.rfind("}")
    if start < 0:
        return "not-json"
    if end < start or text.count("{") > text.count("}"):
        return "truncated"
    try:
        json.loads(text[start : end + 1], parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return "not-json"
    return "prose-around"


def failure_of(output: str, schema: dict[str, object] | None) -> str | None:
    """None if the output is JSON that keeps the schema, else the word for the first failure."""
    value, failure = parse(output)
    if failure is not None or schema is None:
        return failure
    from jsonschema import Draft202012Validator

    error = next(iter(Draft202012Validator(schema).iter_errors(value)), None)
    return None if error is None else TAXONOMY.get(str(error.validator), str(error.validator))


def leaves(value: Any, path: str = "") -> Counter[str]:
    """A JSON value as a bag of `path=typed value` strings; list positions do not count."""
    bag: Counter[str] = Counter()
    if isinstance(value, dict):
        for key, item in value.items():
            bag += leaves(item, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            bag += leaves(item, f"{path}[]")
    else:
        bag[f"{path}={json.dumps(value)}"] += 1
    return bag


class JsonValid(MeanMetric):
    """1 if the whole output is JSON that keeps the task's schema; `detail` says what is wrong with it."""

    def __init__(self, options: Options) -> None:
        del options
        spec = MetricSpec(name="json_valid", unit="fraction", better="higher", signature="strict|draft:2020-12|v1")
        super().__init__(spec)

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """1 or 0."""
        failure = failure_of(output, task.schema)
        return float(failure is None), failure


class FieldF1(MeanMetric):
    """F1 over the fields of one object, values compared with types; output that is not JSON has no field right."""

    def __init__(self, options: Options) -> None:
        del options
        super().__init__(MetricSpec(name="field_f1", unit="fraction", better="higher", signature="typed|strict|v1"))

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """F1 in [0, 1], against the best reference."""
        value, failure = parse(output)
        if failure is not None:
            return 0.0, failure
        found = leaves(value)
        return max(_bag_f1(found, leaves(json.loads(r))) for r in example.references), None


class ExactObject(MeanMetric):
    """1 if the parsed output equals a reference, key order aside."""

    def __init__(self, options: Options) -> None:
        del options
        super().__init__(MetricSpec(name="exact_object", unit="fraction", better="higher", signature="strict|v1"))

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """1 or 0."""
        value, failure = parse(output)
        if failure is not None:
            return 0.0, failure
        found = _canonical(value)
        return float(any(found == _canonical(json.loads(r)) for r in example.references)), None


def _canonical(value: Any) -> str:
    """The same text for the same value: key order aside, but lists in order, 1 not 1.0 and `[]` not nothing."""
    return json.dumps(value, sort_keys=True)


def _bag_f1(found: Counter[str], wanted: Counter[str]) -> float:
    total = sum(found.values()) + sum(wanted.values())
    return 2 * sum((found & wanted).values()) / total if total else 1.0
