"""What the answers of a model in this process depend on: files, precision, device, libraries, this package's code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from evalgate.cache.keys import Answerer
from evalgate.core.data import ModelSpec
from evalgate.core.record import digest_bytes, digest_files

LIBRARIES = ("torch", "transformers", "tokenizers", "peft", "bitsandbytes", "llguidance")
TOKENIZER = ("tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.model")


def answerer_of(
    spec: ModelSpec, folder: str, identity: Mapping[str, str], template: str, adapter: str | None
) -> Answerer | None:
    """What answers, by digests; `identity` is the backend's own, `template` the chat template's text.

    None for a model with code of its own (`trust_remote_code`), which no digest covers, and for an adapter whose bytes
    are not known: its digest is empty.
    """
    if spec.trust_remote_code or adapter == "":
        return None
    return Answerer(
        backend=identity["backend"],
        model=identity["model_digest"],
        adapter=adapter,
        tokenizer=_tokenizer(folder, identity["model_digest"]),
        template=digest_bytes(template.encode()),
        dtype=identity["dtype"],
        quantization=identity["quantization"],
        device=identity["device"],
        code=_code(),
        versions={name: _version(name) for name in LIBRARIES},
    )


@cache
def _tokenizer(folder: str, _model_digest: str) -> str:
    """The digest of what turns text into ids and back; found anew where the folder's content has changed."""
    names = {path.name for pattern in TOKENIZER for path in Path(folder).glob(pattern)}
    return digest_files(Path(folder), sorted(names))


@cache
def _code() -> str:
    """The digest of what renders, batches, decodes and cuts answers: a changed line may change an answer."""
    here = Path(__file__).parent
    return digest_files(here, [path.name for path in here.glob("*.py")])


@cache
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
