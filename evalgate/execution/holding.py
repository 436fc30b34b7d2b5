"""Whether a text is what its constraint allows: a server may pass over it, and a file knows of none."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from evalgate.core.data import Sampling

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator


# How JSON of a type begins.
BEGINS = {"object": "{", "array": "[", "string": '"'}


def keeps(sampling: Sampling, text: str, *, cut: bool = False) -> bool:
    """Whether a text keeps the sampling's constraint: JSON of the schema, or one of the choices.

    Of a text that was cut, only how it begins is known. Without a constraint every text keeps it.
    """
    text = text.strip()
    if sampling.constraint == "none" or not sampling.grammar:
        return True
    if sampling.constraint == "choices":
        choices = _choices(sampling.grammar)
        return text in choices or (cut and any(c.startswith(text) or json.dumps(c).startswith(text) for c in choices))
    if cut:
        schema: Any = _validator(sampling.grammar).schema
        return not text or text.startswith(BEGINS.get(str(schema.get("type")), ""))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return bool(_validator(sampling.grammar).is_valid(value))


@lru_cache(maxsize=64)
def _choices(grammar: str) -> frozenset[str]:
    return frozenset(json.loads(grammar))


@lru_cache(maxsize=64)
def _validator(grammar: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    schema: Any = json.loads(grammar)
    return Draft202012Validator(schema)
