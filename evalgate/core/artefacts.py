"""What a candidate ships as: an adapter beside the shared base, or a whole model; its identity, parity and timing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from evalgate.core.adapter_files import CONFIG as ADAPTER_CONFIG
from evalgate.core.adapter_files import adapter_digest
from evalgate.core.record import Record, canonical_json, digest_bytes
from evalgate.core.serving import Amount

ArtefactKind = Literal["adapter", "model"]
# How an adapter ships: beside its base, in the base as training held it (4-bit weights unpacked), in the base in bf16.
Merge = Literal["adapter", "dequantized", "bf16"]

MODEL, CONFIG, WEIGHTS, CARD = "model", "config.json", "*.safetensors", "card.json"
# What a promoted folder says of its model beside it.
ADAPTER_CARD, PROVENANCE = "adapter_card.json", "provenance.json"
# What a whole model's answers depend on.
PATTERNS = (WEIGHTS, "*.json", "*.jinja", "*.model", "*.txt")
CHUNK_BYTES = 1 << 24
# Where a model was made, and by which version of a library, says nothing about it.
PLACES = frozenset({"_name_or_path", "transformers_version"})


class Parity(Record, frozen=True, kw_only=True):
    """How close a merged model is to its adapter beside a base, on the adapter's own greedy answers to dev prompts.

    `beside` is that base's precision: as it was `trained`, as the run serves it, or both. `agreement` is the share of
    answer tokens that the merged model would choose, too; `kl` the mean KL(adapter || merged) in nats a token; both
    with intervals over prompts. `n_same` answers are the same throughout.
    """

    beside: str
    role: Literal["trained", "served", "both"]
    n_prompts: int
    n_same: int
    n_tokens: int
    agreement: Amount
    kl: Amount
    kl_most: float


class MergedTiming(Record, frozen=True, kw_only=True):
    """Seconds of single calls of the merged model over those of its adapter beside the base: a quantile's ratio."""

    task: str
    quantile: float
    ratio: Amount


class Artefact(Record, frozen=True, kw_only=True):
    """What a candidate ships as, for the decision: the bytes that were gated, and how they compare with the adapter."""

    candidate: str
    kind: ArtefactKind
    digest: str
    merge: Merge = "adapter"
    dtype: str = ""
    parity: tuple[Parity, ...] = ()
    timing: tuple[MergedTiming, ...] = ()


def noun(kind: ArtefactKind) -> str:
    """What a candidate's artefact is called before people."""
    return "adapter" if kind == "adapter" else "whole model"


def a(what: str) -> str:
    """A noun with its article."""
    return f"an {what}" if what.lstrip("`")[0] in "aeiou" else f"a {what}"


def stored_dtype(folder: Path) -> Any:
    """The precision that a whole model's configuration names, under the name of today or of before; empty without."""
    config = model_config(folder)
    return config.get("dtype") or config.get("torch_dtype") or ""


def tensors_in(file: Path) -> dict[str, dict[str, Any]]:
    """What a safetensors file's header says of each tensor: its `dtype` and `shape`; no weights are read."""
    with file.open("rb") as opened:
        header: dict[str, dict[str, Any]] = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
    return {name: tensor for name, tensor in header.items() if name != "__metadata__"}


def is_whole(folder: Path) -> bool:
    """Whether a folder holds a whole model, not an adapter."""
    return (folder / CONFIG).is_file() and not (folder / ADAPTER_CONFIG).is_file()


def artefact_digest(folder: Path) -> str:
    """The identity of what lies in a folder: of a whole model's files, or of an adapter's two."""
    return model_digest(folder) if is_whole(folder) else adapter_digest(folder)


def model_digest(folder: Path) -> str:
    """The digest of a whole model's weights, tokenizer and configuration; places and library versions do not count."""
    parts = []
    for path in model_files(folder):
        parts += [path.name.encode(), _content(path)]
    return digest_bytes(*parts)


def model_files(folder: Path) -> list[Path]:
    """The files of a whole model that its answers depend on, by name."""
    found = {path for pattern in PATTERNS for path in folder.glob(pattern) if path.is_file()}
    return sorted(path for path in found if path.name not in (CARD, ADAPTER_CARD, PROVENANCE))


def model_config(folder: Path) -> dict[str, Any]:
    """A whole model's configuration."""
    found: dict[str, Any] = json.loads((folder / CONFIG).read_bytes())
    return found


def _content(path: Path) -> bytes:
    if path.name == CONFIG:
        return canonical_json({k: v for k, v in model_config(path.parent).items() if k not in PLACES})
    state = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            state.update(chunk)
    return state.digest()
