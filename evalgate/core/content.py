"""What an example asks, as one text, and the digest by which a copy is known whatever its id."""

from __future__ import annotations

import unicodedata

from evalgate.core.data import Example
from evalgate.core.record import digest_bytes


def text_of(example: Example) -> str:
    """All the text that an example gives, in the order of its fields."""
    parts = [v if isinstance(v, str) else "\n".join(m.content for m in v) for v in example.inputs.values()]
    return "\n".join(parts)


def content_digest(text: str) -> str:
    """The identity of a text but for case, spaces and Unicode's ways to write one character."""
    return digest_bytes(" ".join(unicodedata.normalize("NFKC", text).casefold().split()).encode())
