"""The base model as training needs it: NF4 for QLoRA, its own dtype for LoRA."""

from __future__ import annotations

from typing import Any

from evalgate.core.data import Recipe
from evalgate.training import hardware
from evalgate.training.launch import placement, sharded
from evalgate.training.recipe import Device, quantization_arguments


def load_base(model_path: str, revision: str | None, recipe: Recipe, where: Device) -> Any:
    """The causal LM, quantised if the recipe says so, with bitsandbytes' CPU repacking switched off."""
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    extra: dict[str, Any] = {}
    if (quantization := quantization_arguments(recipe, hardware.compute_dtype(where))) is not None:
        if sharded():  # bytes cannot be sharded with a float dtype
            quantization["bnb_4bit_quant_storage"] = quantization["bnb_4bit_compute_dtype"]
        extra["quantization_config"] = BitsAndBytesConfig(**quantization)
    if where == "cuda":
        extra["device_map"] = placement()
    model = AutoModelForCausalLM.from_pretrained(
        model_path,
        revision=revision,
        # Small updates of a whole model would be rounded away in 16 bits.
        dtype="float32" if recipe.method == "full" else hardware.weight_dtype(where),
        use_safetensors=True,
        attn_implementation="sdpa",
        **extra,
    )
    model.config.use_cache = False
    return keep_layout(model)


def base_config(model_path: str, revision: str | None) -> dict[str, Any]:
    """The base model's configuration."""
    from transformers import AutoConfig

    found: dict[str, Any] = AutoConfig.from_pretrained(model_path, revision=revision).to_dict()
    return found


def load_tokenizer(model_path: str, revision: str | None) -> Any:
    """The base model's tokenizer, padding on the right as training wants it."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_path, revision=revision, padding_side="right")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def keep_layout(model: Any) -> Any:
    """Stop 4-bit layers from repacking their weights at the first forward without gradient.

    On CPUs with AVX512_BF16 bitsandbytes 0.50 repacks them in place, after which training loses its gradient and
    `dequantize()` gives garbage (bitsandbytes #2078).
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model
