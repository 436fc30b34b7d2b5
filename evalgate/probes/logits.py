"""Logits at the ends of prompts: alone and padded, with and without an adapter, merged. Needs the live module.

Shapes: n prompts, k last positions, v tokens of the vocabulary.
"""

from __future__ import annotations

import contextlib
import copy
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalgate.core.protocols import LocalModel

# Positions at a prompt's end that merged and unmerged weights are compared at.
LAST = 8
# PEFT's name for the adapter of the copy, whatever the candidate is called: torch takes no dots in it.
MERGED = "merged"
# A merged copy is made only where it fits this many times into the free memory.
ROOM = 1.5
MEMORY = Path("/proc/meminfo")


def last_alone(module: Any, rows: Sequence[Sequence[int]]) -> list[Any]:
    """Logits[k, v] of each prompt's last positions, each prompt in a call of its own; float32, on the CPU."""
    import torch

    found = []
    with torch.inference_mode():
        for row in rows:
            ids = torch.tensor([list(row)], device=module.device)
            found.append(module(input_ids=ids, logits_to_keep=min(LAST, len(row))).logits[0].float().cpu())
    return found


def last_padded(module: Any, tokenizer: Any, rows: Sequence[Sequence[int]]) -> Any:
    """Logits[n, v] in the last column of one batch, padded by the tokenizer: where `generate` reads the next token."""
    import torch

    with warnings.catch_warnings():  # fast tokenizers would rather pad while they encode
        warnings.simplefilter("ignore")
        batch = tokenizer.pad({"input_ids": [list(row) for row in rows]}, return_tensors="pt")
    mask = batch["attention_mask"].to(module.device)
    places = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.inference_mode():
        ids = batch["input_ids"].to(module.device)
        return (
            module(input_ids=ids, attention_mask=mask, position_ids=places, logits_to_keep=1)
            .logits[:, -1]
            .float()
            .cpu()
        )


def margins(module: Any, prompt: Sequence[int], answer: Sequence[int]) -> list[float]:
    """How far the best token lies above the second best before each token of an answer, and after its last."""
    import torch

    ids = torch.tensor([[*prompt, *answer]], device=module.device)
    with torch.inference_mode():
        logits = module(input_ids=ids, logits_to_keep=len(answer) + 1).logits[0].float()
    best = logits.topk(2, -1).values
    return [float(x) for x in best[:, 0] - best[:, 1]]


def merged_copy(model: LocalModel, adapter: str, folder: str) -> Any | str:
    """A copy of the base in its own dtype, with an adapter merged into it; or why none was made.

    4-bit weights are dequantised first: merged into 4 bits an adapter is rounded away.
    """
    from peft import PeftModel

    with model.using(adapter) as module:
        need, free = _weight_bytes(module), _free_bytes(module)
        if need * ROOM > free:
            return f"a merged copy needs {need * ROOM / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
        copied = copy.deepcopy(module)
    base = copied.unload()
    if getattr(base, "quantization_method", None) is not None:
        base = base.dequantize()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tuned = PeftModel.from_pretrained(base, folder, adapter_name=MERGED)
        return tuned.merge_and_unload(adapter_names=[MERGED]).eval()


def _weight_bytes(module: Any) -> int:
    """Of the weights once they have two bytes or four; 4-bit ones grow when they are dequantised."""
    packed = getattr(module, "quantization_method", None) is not None or getattr(module, "is_loaded_in_4bit", False)
    stored: int = sum(p.numel() * p.element_size() for p in module.parameters())
    return stored * (5 if packed else 1)


def _free_bytes(module: Any) -> int:
    import torch

    if module.device.type == "cuda":
        return int(torch.cuda.mem_get_info(module.device)[0])
    with contextlib.suppress(OSError):
        for line in MEMORY.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2  # systems without /proc
