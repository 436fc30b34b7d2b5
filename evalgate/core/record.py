"""The base of all stored types, their canonical bytes, and the digest that is their identity."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
DIGEST_CHARS = 64


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen, keyword-only value that refuses unknown keys; subclasses repeat `kw_only=True`."""


def canonical_json(value: object) -> bytes:
    """Encode a value as JSON with sorted keys and no spaces: the same value gives the same bytes."""
    return msgspec.json.encode(value, order="sorted")


def to_json_line(value: object) -> bytes:
    """Encode one record as one JSON line, newline included."""
    return msgspec.json.encode(value) + b"\n"


def from_json(data: bytes | str, kind: type[T]) -> T:
    """Decode JSON into `kind`; raises `msgspec.ValidationError` with the place of the first wrong field."""
    return msgspec.json.decode(data, type=kind)


def digest_bytes(*parts: bytes) -> str:
    """SHA-256 of the parts, each preceded by its length so that borders count; 64 hex characters."""
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.hexdigest()


def digest_of(value: object) -> str:
    """The digest of a value: SHA-256 over its canonical JSON."""
    return digest_bytes(canonical_json(value))


def digest_files(folder: Path, names: list[str]) -> str:
    """The digest of named files' names and bytes in a folder, in sorted order of names."""
    parts: list[bytes] = []
    for name in sorted(names):
        parts += [name.encode(), hashlib.sha256((folder / name).read_bytes()).digest()]
    return digest_bytes(*parts)


def short(digest: str) -> str:
    """The first 12 characters of a digest, for people."""
    return digest[:12]


def plain(value: object) -> Any:
    """A record as plain dictionaries, lists and numbers, ready for JSON or a template."""
    return msgspec.to_builtins(value)
