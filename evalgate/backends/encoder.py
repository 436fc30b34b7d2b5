"""Vectors of texts by any local encoder: the mean of the last hidden states, of length 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evalgate.backends.model_files import locate
from evalgate.core.data import ModelSpec
from evalgate.core.protocols import Array

MAX_TOKENS, BATCH_ROWS = 512, 32


def open_encoder(folder: Path) -> tuple[Callable[[Sequence[str]], Array], str]:
    """What encodes, and the digest of the model's files; on the CPU and in float32, where vectors are the same again.

    Raises `base-model-missing` or `no-safetensors` as for a base model. Texts beyond 512 tokens are cut.
    """
    from transformers import AutoModel, AutoTokenizer

    files = locate(ModelSpec(id=str(folder)))
    tokenizer = AutoTokenizer.from_pretrained(files.path, padding_side="right")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModel.from_pretrained(files.path, dtype="float32", use_safetensors=True).eval()
    limit = min(MAX_TOKENS, int(getattr(model.config, "max_position_embeddings", MAX_TOKENS)))

    def encode(texts: Sequence[str]) -> Array:
        rows = [_batch(model, tokenizer, texts[i : i + BATCH_ROWS], limit) for i in range(0, len(texts), BATCH_ROWS)]
        return np.concatenate(rows) if rows else np.zeros((0, 1))

    return encode, files.digest


def _batch(model: Any, tokenizer: Any, texts: Sequence[str], limit: int) -> Array:
    import torch

    given = tokenizer(list(texts), padding=True, truncation=True, max_length=limit, return_tensors="pt")
    given = {k: v for k, v in given.items() if k in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        states = model(**given).last_hidden_state
    mask = given["attention_mask"][:, :, None]
    mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
    return np.asarray(torch.nn.functional.normalize(mean, dim=1).double().numpy())
