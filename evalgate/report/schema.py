"""The JSON Schema of decision.json, made of the record itself."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

import msgspec

from evalgate.core.results import Decision

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def decision_schema() -> str:
    """The schema as indented JSON, newline included.

    New fields may come without another `schema_version`, so it allows unknown ones; a field that goes or changes its
    meaning raises the version.
    """
    schema = msgspec.json.schema(Decision)
    for record in schema["$defs"].values():
        record.pop("additionalProperties", None)
        if "description" in record:
            record["description"] = cleandoc(record["description"])
    decision: dict[str, Any] = schema["$defs"]["Decision"]
    decision["required"] = ["schema_version", *decision["required"]]
    whole = {"$schema": DIALECT, "title": "decision.json of evalgate", **schema}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"
