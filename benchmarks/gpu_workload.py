"""A model of Llama 2's 7B shape with random weights, its prompts, and how a GPU's time and memory are measured."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from evalgate.core.seeds import rng

WORDS, TOKENS_A_WORD, N_VOCAB = (60, 220), 1.33, 32_000
END = 2
GPU = torch.cuda.is_available()
MESSAGE = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
# What a kernel's name holds, by the kind of its work; the first that fits counts.
KINDS = {
    "attention": ("flash", "fmha", "attention", "softmax"),
    "matrix product": ("gemm", "nvjet", "cutlass", "gemv", "splitk", "dequantize"),
    "copies": ("cat", "index_", "copy", "memcpy", "fill", "memset"),
    "other elementwise": ("",),
}


def open_model(tiny: bool, kv_heads: int | None) -> Any:
    """Random weights on the device; the end token's logit is always 0, so that it is never the largest."""
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(
        vocab_size=N_VOCAB, max_position_embeddings=4096, **shape if tiny else {}, num_key_value_heads=kv_heads
    )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16 if GPU else torch.float32)
    with torch.device("cuda" if GPU else "cpu"):
        model = LlamaForCausalLM(config).eval()
    torch.set_default_dtype(torch.float32)
    model.lm_head.weight.data[END] = 0
    model.generation_config.eos_token_id = END
    return model


def open_tokenizer() -> Any:
    """One word a token, `w3` to `w31999`; the special tokens are part of no word."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = ["<pad>", "<s>", "</s>", *(f"w{i}" for i in range(3, N_VOCAB))]
    words = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="w3"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    fast.chat_template, fast.padding_side = MESSAGE, "left"
    return fast


def draw_prompts(n: int) -> list[list[int]]:
    """Random token ids, as many as words of common text have."""
    generator = rng(0, "prompts")
    lengths = [round(TOKENS_A_WORD * k) for k in generator.integers(WORDS[0], WORDS[1] + 1, n)]
    return [[1, *generator.integers(3, N_VOCAB, k - 1).tolist()] for k in lengths]


class Clock:
    """Seconds and peak memory of what runs inside."""

    def __enter__(self) -> Clock:
        sync()
        if GPU:
            torch.cuda.reset_peak_memory_stats()
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        sync()
        self.seconds = time.perf_counter() - self._start
        self.peak_gb = round(torch.cuda.max_memory_allocated() / 1e9, 1) if GPU else 0.0

    def report(self, n_tokens: int, **more: Any) -> dict[str, Any]:
        """What was measured, as figures."""
        return {
            "tokens_per_s": round(n_tokens / self.seconds),
            "seconds": round(self.seconds, 3),
            "peak_gb": self.peak_gb,
            **more,
        }


def sync() -> None:
    """Wait for the GPU."""
    if GPU:
        torch.cuda.synchronize()


def stock(model: Any, rows: Sequence[list[int]], n_new: int) -> list[list[int]]:
    """transformers' `generate` of one padded batch."""
    from transformers import GenerationConfig

    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows], device=model.device)
    settings = GenerationConfig(max_new_tokens=n_new, do_sample=False, pad_token_id=0, eos_token_id=END)
    with torch.inference_mode():
        out = model.generate(input_ids=ids, attention_mask=(ids != 0).long(), generation_config=settings)
    new: list[list[int]] = out[:, width:].tolist()
    return new


@contextmanager
def profiled() -> Iterator[dict[str, float]]:
    """Fills in the device's milliseconds by kind of work, and the number of kernels."""
    from torch.profiler import ProfilerActivity, profile

    found: dict[str, float] = {}
    with profile(activities=[ProfilerActivity.CUDA] if GPU else [ProfilerActivity.CPU]) as kept:
        yield found
        sync()
    for event in kept.key_averages():
        took = (event.self_device_time_total if GPU else event.self_cpu_time_total) / 1e3
        kind = next(kind for kind, marks in KINDS.items() if any(mark in event.key.lower() for mark in marks))
        found[kind] = found.get(kind, 0.0) + took
        found["busy"] = found.get("busy", 0.0) + took
        found["kernels"] = found.get("kernels", 0) + event.count
