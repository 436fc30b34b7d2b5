"""How a server is told of a constraint, and how a choice comes back from it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from evalgate.core.data import Sampling
from evalgate.core.results import Generation

# What a server's objection to a constraint mentions; another objection concerns the one request.
WORDS = ("response_format", "schema", "grammar", "structured", "guided")


def response_format(sampling: Sampling) -> dict[str, Any]:
    """The part of a request that says what the answer must be; empty without a constraint.

    Choices are a schema as well, of one string: the only form that most servers share. It comes back in quotes.
    """
    if sampling.constraint == "none" or not sampling.grammar:
        return {}
    schema: Any = msgspec.Raw(sampling.grammar.encode())  # as it is: its order of keys counts
    if sampling.constraint == "choices":
        schema = {"type": "string", "enum": schema}
    named = {"name": "answer", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def objects(sampling: Sampling, text: str) -> bool:
    """Whether a refusal is of the constraint, which all requests of its system have in common."""
    lower = text.lower()
    return sampling.constraint != "none" and any(word in lower for word in WORDS)


def unquoted(answer: Generation, sampling: Sampling) -> Generation:
    """An answer that is one of the choices as a JSON string, as that choice; any other as it is."""
    output = answer.output or ""
    if sampling.constraint != "choices" or not output.startswith('"'):
        return answer
    try:
        value = json.loads(output)
    except ValueError:
        return answer
    known = isinstance(value, str) and value in json.loads(sampling.grammar or "[]")
    return msgspec.structs.replace(answer, output=value) if known else answer
