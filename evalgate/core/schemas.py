"""JSON Schema, drafts 4 to 2020-12, by a validator that neither hangs on a pattern nor opens a connection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

DRAFTS = {
    "http://json-schema.org/draft-04/schema": "draft-04",
    "http://json-schema.org/draft-06/schema": "draft-06",
    "http://json-schema.org/draft-07/schema": "draft-07",
    "https://json-schema.org/draft/2019-09/schema": "2019-09",
    "https://json-schema.org/draft/2020-12/schema": "2020-12",
}
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


class Fault(NamedTuple):
    """Where a value breaks its schema: the keyword, the path to the value such as `$.order`, the sentence."""

    keyword: str
    path: str
    message: str


class SchemaError(Exception):
    """A schema that cannot be used; `path` are the keys to the place, where known."""

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


def json_path(way: Iterable[str | int]) -> str:
    """A path as `$.items[0].name`."""
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in way)


class Validator:
    """A compiled schema. `$schema` chooses the draft, 2020-12 if there is none; `format` only annotates.

    Raises `SchemaError` for what is no schema, another dialect, or a reference to something outside the schema.
    """

    def __init__(self, schema: dict[str, object]) -> None:
        import jsonschema_rs

        dialect = schema.get("$schema", "https://json-schema.org/draft/2020-12/schema")
        if not isinstance(dialect, str) or dialect.removesuffix("#") not in DRAFTS:
            raise SchemaError(f"'{dialect}' is none of the drafts {', '.join(DRAFTS.values())}", ("$schema",))
        try:
            self._compiled = jsonschema_rs.validator_for(schema, validate_formats=False, offline=True)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            raise SchemaError(*_why(schema, error)) from error
        self._error = jsonschema_rs.ValidationError

    def is_valid(self, value: Any) -> bool:
        """Whether a value keeps the schema; in time proportional to its size, whatever the patterns."""
        return bool(self._compiled.is_valid(value))

    def first_fault(self, value: Any) -> Fault | None:
        """The first fault found; slow where an `anyOf` fails on long lists: `is_valid` first for large values."""
        try:
            self._compiled.validate(value)
        except self._error as error:
            return Fault(error.kind.name, json_path(error.instance_path), error.message)
        return None


def _why(schema: dict[str, object], error: Any) -> tuple[str, tuple[str | int, ...]]:
    """The sentence for a schema that does not compile, and the way to the place."""
    message = " ".join(str(getattr(error, "message", error)).split())
    way = _outside(schema)
    if "retriev" in message and way is not None:
        return f"the reference '{_at(schema, way)}' leads outside the schema, and nothing is fetched", way
    return message, tuple(getattr(error, "instance_path", ()) or ())


def _outside(schema: dict[str, object]) -> tuple[str | int, ...] | None:
    """The way to the first reference that is not to the schema itself; None if there is none."""
    left: list[tuple[object, tuple[str | int, ...]]] = [(schema, ())]
    while left:
        node, way = left.pop()
        if isinstance(node, dict):
            for key in _REFERENCES:
                target = node.get(key)
                if isinstance(target, str) and not target.startswith("#"):
                    return (*way, key)
            left += [(value, (*way, str(key))) for key, value in node.items()]
        elif isinstance(node, list):
            left += [(value, (*way, i)) for i, value in enumerate(node)]
    return None


def _at(node: Any, way: tuple[str | int, ...]) -> Any:
    for key in way:
        node = node[key]
    return node
