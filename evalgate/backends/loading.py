"""Model and tokenizer from a folder, as answering needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evalgate.core.data import ModelSpec
from evalgate.core.errors import UsageError


def load_model(path: str, dtype: str, spec: ModelSpec, device: str) -> Any:
    """The causal LM in a folder, in evaluation mode; NF4-quantised if the spec says so.

    Raises `remote-code` for a model that only its own code can load, unless the spec trusts it.
    """
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig
    from transformers.utils import logging as hf_logging

    kind = getattr(torch, dtype)
    extra: dict[str, Any] = {}
    if spec.quantization == "nf4":
        extra["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=kind,
        )
    hf_logging.disable_progress_bar()  # evalgate shows its own progress
    with _without_its_code(path, spec):
        model = AutoModelForCausalLM.from_pretrained(
            path,
            dtype=kind,
            use_safetensors=True,
            trust_remote_code=spec.trust_remote_code,
            device_map={"": device},
            **extra,
        )
    for module in model.modules():  # as `training.loading` does: else the CPU repacks 4-bit weights in place
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model.eval()


def load_config(path: str, spec: ModelSpec) -> Any:
    """The configuration of the model in a folder; raises `remote-code` as loading the model does."""
    from transformers import AutoConfig

    with _without_its_code(path, spec):
        return AutoConfig.from_pretrained(path, trust_remote_code=spec.trust_remote_code)


@contextmanager
def _without_its_code(path: str, spec: ModelSpec) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if spec.trust_remote_code or "trust_remote_code" not in str(error):
            raise
        raise UsageError(
            "the base model can only be loaded by code that comes with it, which is not run",
            code="remote-code",
            fix="read that code, and if you trust it, write `trust_remote_code: true` below `model:` in suite.yaml",
            where=path,
        ) from error


def load_tokenizer(path: str, spec: ModelSpec) -> Any:
    """The tokenizer in a folder, padding on the left, with a padding token."""
    from transformers import AutoTokenizer

    with _without_its_code(path, spec):
        tokenizer = AutoTokenizer.from_pretrained(path, padding_side="left", trust_remote_code=spec.trust_remote_code)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer
