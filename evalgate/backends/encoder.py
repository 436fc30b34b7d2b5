"""Vectors of texts by any local encoder, of length 1: as sentence-transformers pools them, or by mean hidden states."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from evalgate.backends.model_files import ModelFiles, locate
from evalgate.core.data import ModelSpec
from evalgate.core.errors import UsageError
from evalgate.core.protocols import Array
from evalgate.core.record import digest_files, digest_of

MAX_TOKENS, BATCH_ROWS = 512, 32
# What makes a folder one of sentence-transformers, and the package that reads it.
MODULES, PACKAGE = "modules.json", "sentence_transformers"
Encode = Callable[[Sequence[str]], Array]


def open_encoder(folder: Path) -> tuple[Encode, str]:
    """What encodes, and the digest of its files; on the CPU and in float32, where vectors are the same again.

    A folder of sentence-transformers goes through that package, pooling and further layers included; where it is not
    installed, and for all others, the mean of the last hidden states counts. Raises `base-model-missing` or
    `no-safetensors` as for a base model, `bad-encoder` for a modules.json that says nothing.
    """
    inner = _transformer(folder)
    files = locate(ModelSpec(id=str(inner)))
    if not (folder / MODULES).is_file() or find_spec(PACKAGE) is None:
        return _mean_of_states(files), files.digest
    return _whole(folder), digest_of([PACKAGE, files.digest, digest_files(folder, _further(folder, inner))])


def note_of(folder: Path) -> str:
    """What to tell of an encoder whose own way of pooling cannot be used here; empty if there is nothing to tell."""
    if not (folder / MODULES).is_file() or find_spec(PACKAGE) is not None:
        return ""
    return (
        f"encoder {folder} is made for sentence-transformers, which is not installed: the mean of its last hidden "
        "states is used, whatever pooling it was trained with; `pip install 'evalgate-harness[dense]'` brings it"
    )


def _transformer(folder: Path) -> Path:
    """The folder of the transformer itself: the first module of a folder of sentence-transformers."""
    if not (folder / MODULES).is_file():
        return folder
    try:
        first = json.loads((folder / MODULES).read_text(encoding="utf-8"))[0]["path"]
    except (ValueError, LookupError, TypeError):
        raise UsageError(
            "the encoder's modules.json names no modules",
            code="bad-encoder",
            fix="restore it, or delete it to use the mean of the model's last hidden states",
            where=str(folder / MODULES),
        ) from None
    return folder / str(first)


def _further(folder: Path, inner: Path) -> list[str]:
    """The files of all other modules, which change the vectors too."""
    return [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.parent != inner]


def _whole(folder: Path) -> Encode:
    from sentence_transformers import SentenceTransformer

    kwargs = {"dtype": "float32", "use_safetensors": True}
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True, model_kwargs=kwargs)

    def encode(texts: Sequence[str]) -> Array:
        rows = model.encode(
            list(texts),
            batch_size=BATCH_ROWS,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return np.asarray(rows, dtype=np.float64)

    return encode


def _mean_of_states(files: ModelFiles) -> Encode:
    """Texts beyond 512 tokens are cut."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(files.path, padding_side="right")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModel.from_pretrained(files.path, dtype="float32", use_safetensors=True).eval()
    limit = min(MAX_TOKENS, int(getattr(model.config, "max_position_embeddings", MAX_TOKENS)))

    def encode(texts: Sequence[str]) -> Array:
        rows = [_batch(model, tokenizer, texts[i : i + BATCH_ROWS], limit) for i in range(0, len(texts), BATCH_ROWS)]
        return np.concatenate(rows) if rows else np.zeros((0, 1))

    return encode


def _batch(model: Any, tokenizer: Any, texts: Sequence[str], limit: int) -> Array:
    import torch

    given = tokenizer(list(texts), padding=True, truncation=True, max_length=limit, return_tensors="pt")
    given = {k: v for k, v in given.items() if k in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        states = model(**given).last_hidden_state
    mask = given["attention_mask"][:, :, None]
    mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
    return np.asarray(torch.nn.functional.normalize(mean, dim=1).double().numpy())
