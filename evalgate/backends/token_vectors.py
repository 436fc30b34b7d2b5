"""Vectors of a text's tokens in context by any local encoder, as BERTScore compares them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from evalgate.backends.model_files import locate
from evalgate.core.data import ModelSpec
from evalgate.core.protocols import Array

MAX_TOKENS = 512
# Vectors[t, d] of length 1, and weights[t]: 0 for the tokens that open and close a text.
TokenVectors = tuple[Array, Array]


def open_token_vectors(encoder: str, layer: int) -> tuple[Callable[[str], TokenVectors], str]:
    """What gives a text's vectors after `layer` layers, and the digest of the model's files; on the CPU in float32.

    Texts beyond the model's length are cut. Raises `base-model-missing` or `no-safetensors` as for a base model.
    """
    from transformers import AutoModel, AutoTokenizer

    files = locate(ModelSpec(id=encoder))
    tokenizer = AutoTokenizer.from_pretrained(files.path)
    model = AutoModel.from_pretrained(files.path, dtype="float32", use_safetensors=True).eval()
    limit = min(MAX_TOKENS, int(getattr(model.config, "max_position_embeddings", MAX_TOKENS)))

    def vectors(text: str) -> TokenVectors:
        return _vectors(model, tokenizer, text, layer, limit)

    return vectors, files.digest


def _vectors(model: Any, tokenizer: Any, text: str, layer: int, limit: int) -> TokenVectors:
    import torch

    # A lone surrogate is no text for a tokenizer.
    clean = text.strip().encode("utf-8", "replace").decode()
    given = tokenizer(clean, truncation=True, max_length=limit, return_tensors="pt")
    ids = given["input_ids"]
    if not ids.numel():
        return np.zeros((0, 1)), np.zeros(0)
    with torch.inference_mode():
        states = model(input_ids=ids, attention_mask=given["attention_mask"], output_hidden_states=True).hidden_states
    rows = torch.nn.functional.normalize(states[layer][0], dim=1).double().numpy()
    edges = [i for i in (tokenizer.cls_token_id, tokenizer.sep_token_id) if i is not None]
    return np.asarray(rows), (~np.isin(ids[0].numpy(), edges)).astype(np.float64)
