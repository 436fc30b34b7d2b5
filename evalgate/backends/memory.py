"""How much one batch may hold: by the memory there is, and less once it has run out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CPU_BATCH_TOKENS, CPU_BATCH_ROWS = 65_536, 128  # of all lanes together
GPU_BATCH_ROWS = 256
# Share of the free memory that keys and values of one batch may take, where they are copied as they grow and where not.
KV_SHARE, IN_PLACE_SHARE = 0.4, 0.7


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch had no memory left, on a GPU or on the CPU, where it has no error class of its own."""
    import torch

    return isinstance(error, torch.cuda.OutOfMemoryError) or "not enough memory" in str(error)


class Budget:
    """Tokens and rows of one batch of a model."""

    def __init__(self, config: Any, dtype: str, device: str) -> None:
        config = config.get_text_config(decoder=True)
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self.device = device
        self._kv_bytes = 2 * config.num_hidden_layers * heads * size * (4 if dtype == "float32" else 2)
        self._shrink = 1

    def halve(self) -> None:
        """Memory has run out: this and all later batches are half as large."""
        import torch

        self._shrink *= 2
        if self.device != "cpu":
            torch.cuda.empty_cache()

    def of(self, n_lanes: int, *, copied: bool = True) -> tuple[int, int]:
        """Tokens and rows of one batch, if as many as `n_lanes` share the memory that is free now.

        `copied` says that keys and values may be copied, as `generate` does.
        """
        cpu = self.device == "cpu"
        tokens = int(_free_bytes(self.device) * (KV_SHARE if copied else IN_PLACE_SHARE) / self._kv_bytes)
        if cpu:
            tokens = min(tokens, CPU_BATCH_TOKENS)
        rows = CPU_BATCH_ROWS if cpu else GPU_BATCH_ROWS
        return max(1024, tokens // n_lanes // self._shrink), max(1, rows // n_lanes // self._shrink)


def _free_bytes(device: str) -> int:
    import torch

    if device != "cpu":
        held = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return int(torch.cuda.mem_get_info()[0] + held)
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:  # no Linux: the bound on tokens alone holds
        return 1 << 62
    found = {name: rest for name, _, rest in (line.partition(":") for line in lines)}
    return int(found["MemAvailable"].split()[0]) * 1024
