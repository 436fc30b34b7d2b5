"""Structured output: does it parse, and does it keep the schema."""

from __future__ import annotations

from typing import Any

from evalgate.core.data import Example, Task
from evalgate.core.results import MetricSpec
from evalgate.core.schemas import Validator
from evalgate.core.strict_json import MAX_CHARS, parse, without_fence
from evalgate.metrics.options import refuse_options, whole_option
from evalgate.metrics.scoring import MeanMetric, Options

# JSON Schema's keyword -> the word for the failure in the report.
TAXONOMY = {
    "required": "missing-key",
    "additionalProperties": "extra-key",
    "unevaluatedProperties": "extra-key",
    "type": "wrong-type",
    "enum": "not-in-enum",
    "const": "not-in-enum",
    "pattern": "pattern",
}
LARGEST = 20_000_000


class Schemas:
    """A task's schema, compiled once and not again with every answer."""

    def __init__(self) -> None:
        self._schema: dict[str, object] | None = None
        self._validator: Validator | None = None

    def of(self, schema: dict[str, object] | None) -> Validator | None:
        """The validator of a schema; None without one."""
        if schema is not self._schema:
            self._schema, self._validator = schema, None if schema is None else Validator(schema)
        return self._validator


def failure_of(output: str, schema: dict[str, object] | None) -> str | None:
    """None if the output is JSON that keeps the schema, else the word for the first failure."""
    value, failure = parse(output)
    return failure or broken(value, Schemas().of(schema), len(output))


def broken(value: Any, validator: Validator | None, size: int) -> str | None:
    """The word for how a value breaks a schema; None if it keeps it. `size` is how many characters it had as text."""
    try:
        if validator is None or validator.is_valid(value):
            return None
        if size > MAX_CHARS:  # naming the fault of a long `anyOf` may take minutes
            return "invalid"
        fault = validator.first_fault(value)
    except UnicodeEncodeError:
        return "lone-surrogate"
    return "invalid" if fault is None else TAXONOMY.get(fault.keyword, fault.keyword)


class JsonValid(MeanMetric):
    """1 if the output is JSON that keeps the task's schema; `detail` says what is wrong with it.

    `json_valid` takes the output as it is, `json_valid_unfenced` without the one Markdown fence around it.
    """

    def __init__(self, name: str, options: Options) -> None:
        refuse_options(name, options, known=("max_chars",))
        self._max_chars = whole_option(name, options, "max_chars", MAX_CHARS, most=LARGEST)
        self._schemas, self._fenced = Schemas(), name == "json_valid_unfenced"
        form = "fence:stripped" if self._fenced else "strict"
        size = "" if self._max_chars == MAX_CHARS else f"|max_chars:{self._max_chars}"
        signature = f"{form}|draft:declared,2020-12{size}|jsonschema-rs|v2"
        super().__init__(MetricSpec(name=name, unit="fraction", better="higher", signature=signature))

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """1 or 0."""
        text = without_fence(output) if self._fenced else output
        value, failure = parse(text, self._max_chars)
        failure = failure or broken(value, self._schemas.of(task.schema), len(text))
        return float(failure is None), failure
