"""Where a base model's files lie and what identifies them: checked before anything expensive runs."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from evalgate.core.data import ModelSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.record import Record, digest_bytes

WEIGHTS = "*.safetensors"
# What changes the answers: weights, configuration, tokenizer, chat template.
PATTERNS = (WEIGHTS, "*.json", "*.jinja", "*.model", "*.txt")
CHUNK_BYTES = 1 << 24


class ModelFiles(Record, frozen=True, kw_only=True):
    """A model on this machine: absolute folder, resolved revision, digest of all files that matter.

    One on a server has no folder but `facts`: where it is, and what the server says of it.
    """

    path: str
    revision: str | None
    digest: str
    facts: dict[str, str] = {}


def folder_at_hand(spec: ModelSpec) -> Path | None:
    """Where a model's files lie on this machine, as a folder or in the hub's cache; None if they do not."""
    folder = Path(spec.id).expanduser()
    if not folder.is_dir() and not spec.id.startswith((".", "/", "~")) and spec.id.count("/") == 1:
        from evalgate.backends.hub import fetch

        with suppress(EvalgateError):
            folder = fetch(spec, PATTERNS, offline=True)
    return folder.resolve() if (folder / "config.json").is_file() else None


def locate(spec: ModelSpec) -> ModelFiles:
    """Find a model's files: a local folder, or a hub id (fetched if it is not in the hub cache).

    Raises `base-model-missing` if neither has it, `no-safetensors` if its weights are in another format, and what
    `hub.fetch` raises.
    """
    folder = Path(spec.id).expanduser()
    if folder.is_dir():
        return _describe(folder.resolve(), spec.revision)
    if spec.id.startswith((".", "/", "~")) or spec.id.count("/") > 1:
        raise UsageError(
            f"the base model is not there: no folder '{spec.id}'",
            code="base-model-missing",
            fix="correct `model.id` in suite.yaml, or give one with `--model FOLDER_OR_HUB_ID`",
            where=str(folder),
        )
    return _from_hub(spec)


def _from_hub(spec: ModelSpec) -> ModelFiles:
    from evalgate.backends.hub import fetch

    path = fetch(spec, PATTERNS)
    return _describe(path, path.name)


def _describe(folder: Path, revision: str | None) -> ModelFiles:
    if not (folder / "config.json").is_file():
        raise UsageError(
            "the base model's folder has no config.json",
            code="base-model-missing",
            fix="name a folder in the Hugging Face layout: config.json, *.safetensors, tokenizer.json",
            where=str(folder),
        )
    if not any(folder.glob(WEIGHTS)):
        raise UsageError(
            "the base model has no *.safetensors weights; other formats can run code and are not loaded",
            code="no-safetensors",
            fix="convert it once with `save_pretrained(folder)` from transformers",
            where=str(folder),
        )
    names = sorted({p.name for pattern in PATTERNS for p in folder.glob(pattern) if p.is_file()})
    parts = [part for name in names for part in (name.encode(), _file_digest(folder / name))]
    return ModelFiles(path=str(folder), revision=revision, digest=digest_bytes(*parts))


def _file_digest(path: Path) -> bytes:
    state = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            state.update(chunk)
    return state.digest()
