"""transformers in process: one base loaded once; the base and every adapter answer from it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from evalgate.backends.batching import Batch, plan_batches
from evalgate.backends.endings import Endings
from evalgate.backends.lanes import in_lanes, lanes_for
from evalgate.backends.loading import load_model, load_tokenizer
from evalgate.backends.model_files import ModelFiles
from evalgate.backends.ways import Ways
from evalgate.core.data import ModelSpec, Sampling
from evalgate.core.protocols import Request
from evalgate.core.results import Failure, Generation
from evalgate.core.seeds import clock

CPU_BATCH_TOKENS, CPU_BATCH_ROWS = 32_768, 64  # of all lanes together
GPU_BATCH_ROWS = 256
# Share of the free device memory that keys and values of one batch may take; `generate` copies them as they grow.
KV_SHARE, SLOTS_SHARE = 0.4, 0.7


class HFBackend:
    """A causal language model in this process.

    On a GPU `dtype: auto` is bfloat16; on a CPU it is float32, where greedy text does not depend on the batch.
    `slots` chooses how greedy text is decoded (see `Ways`); None: in slots on a GPU.
    """

    def __init__(self, spec: ModelSpec, files: ModelFiles, *, slots: bool | None = None) -> None:
        import torch

        self.spec, self.files = spec, files
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        automatic = "bfloat16" if self.device == "cuda" else "float32"
        self.dtype = automatic if spec.dtype == "auto" else spec.dtype
        self._adapters: dict[str, str] = {}
        self._model = load_model(files.path, self.dtype, spec, self.device)
        self._tokenizer = load_tokenizer(files.path, spec)
        self._limit = int(getattr(self._model.config, "max_position_embeddings", 2048))
        self._shrink = 1
        self._active: str | None = None
        self._endings = Endings(self._model, self._tokenizer)
        self._ways = Ways(self._model, self._tokenizer, self._endings, device=self.device, slots=slots)
        # The last shared beginning by adapter and tokens, with its keys and values.
        self._kept: tuple[tuple[str | None, tuple[int, ...]], Any] | None = None

    @property
    def identity(self) -> dict[str, str]:
        """Digest of the model's files, precision, device and library versions, and on a GPU the way of decoding."""
        import torch
        import transformers

        return {
            "backend": "hf",
            "model_digest": self.files.digest,
            "dtype": self.dtype,
            "quantization": self.spec.quantization,
            "device": torch.cuda.get_device_name() if self.device == "cuda" else "cpu",
            "torch": str(torch.__version__),  # a subclass of str that JSON encoders refuse
            "transformers": transformers.__version__,
        } | self._ways.identity

    @property
    def module(self) -> Any:
        """The live torch module (a PeftModel once an adapter was added)."""
        return self._model

    @property
    def tokenizer(self) -> Any:
        """The base model's tokenizer, padding on the left."""
        return self._tokenizer

    def add_adapter(self, name: str, folder: str) -> None:
        """Load a LoRA adapter beside the others; a second call with the same name changes nothing."""
        from peft import PeftModel

        if name in self._adapters:
            return
        with warnings.catch_warnings():  # PEFT asks transformers 5 by an older name
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
            if self._adapters:
                self._model.load_adapter(folder, adapter_name=name)
            else:
                self._model = PeftModel.from_pretrained(self._model, folder, adapter_name=name)
        self._model.eval()
        self._adapters[name] = folder
        self._model.base_model.enable_adapter_layers()
        self._model.set_adapter(name)
        self._active = name

    @contextlib.contextmanager
    def using(self, adapter: str | None) -> Iterator[Any]:
        """The module with one adapter active, or with none."""
        if adapter != self._active:
            # Not PeftModel.disable_adapter(): its status check takes 20 ms, which the base alone would pay each call.
            layers = self._model.base_model
            if adapter is None:
                layers.disable_adapter_layers()
            else:
                layers.enable_adapter_layers()
                self._model.set_adapter(adapter)
            self._active = adapter
        yield self._model

    def generate(self, requests: Sequence[Request], *, adapter: str | None = None) -> Iterator[tuple[int, Generation]]:
        """Answer requests batch by batch, longest first. Prompts beyond the context are failures, never cut."""
        rows = [self._render(request) for request in requests]
        fits: list[int] = []
        for i, (row, request) in enumerate(zip(rows, requests, strict=True)):
            if len(row) + request.sampling.max_tokens <= self._limit:
                fits.append(i)
            else:
                yield i, self._too_long(len(row), request.sampling)
        for sampling in dict.fromkeys(requests[i].sampling for i in fits):
            chosen = [i for i in fits if requests[i].sampling == sampling]
            ids = [rows[i] for i in chosen]
            for k, generation in self._answer_alike(ids, sampling, adapter):
                yield chosen[k], generation

    def _answer_alike(
        self, rows: list[list[int]], sampling: Sampling, adapter: str | None
    ) -> Iterator[tuple[int, Generation]]:
        """Answer requests of one sampling. Sampled text draws from one global generator, so it takes one lane."""
        import torch

        n_lanes = lanes_for(self.device) if sampling.temperature == 0 and not self._ways.in_slots else 1
        tokens, n_rows = self._budget(min(n_lanes, len(rows)))
        batches = plan_batches(rows, [sampling.max_tokens] * len(rows), max_tokens=tokens, max_rows=n_rows)

        def answer(batch: Batch) -> list[tuple[int, Generation]]:
            return list(self._answer(rows, batch, sampling, adapter))

        with torch.inference_mode(), self.using(adapter) as model:  # before the lanes, which share both
            if prefix := max(batch.prefix for batch in batches):
                self._keep_prefix(model, adapter, rows[0][:prefix])
        try:
            for answers in in_lanes(answer, batches, n_lanes):
                yield from answers
        finally:
            self._ways.give_back()

    def loglikelihood(self, pairs: Sequence[tuple[str, str]], *, adapter: str | None = None) -> list[float]:
        """The natural-log likelihood of each continuation after its context, in float32, one pair at a time."""
        import torch

        out: list[float] = []
        with torch.inference_mode(), self.using(adapter) as model:
            for context, continuation in pairs:
                start = self._tokenizer(context).input_ids or [self._tokenizer.bos_token_id]
                end = self._tokenizer(continuation, add_special_tokens=False).input_ids
                ids = torch.tensor([[*start, *end]], device=self.device)
                logits = model(input_ids=ids).logits[0, len(start) - 1 : -1].float().log_softmax(-1)
                out.append(float(logits[range(len(end)), end].sum()))
        return out

    def close(self) -> None:
        """Drop the model."""
        self._model = self._kept = self._ways = None  # type: ignore[assignment]

    def _render(self, request: Request) -> list[int]:
        messages = [{"role": m.role, "content": m.content} for m in request.messages]
        ids: list[int] = self._tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True
        )["input_ids"]
        return ids

    def _too_long(self, n: int, sampling: Sampling) -> Generation:
        text = f"{n} prompt tokens and {sampling.max_tokens} new ones exceed the context of {self._limit}"
        return Generation(
            output=None, status="error", failure=Failure(code="prompt-too-long", message=text), prompt_tokens=n
        )

    def _budget(self, n_lanes: int) -> tuple[int, int]:
        """Tokens and rows of one batch for the memory there is, which all lanes share."""
        import torch

        if self.device == "cpu":
            return CPU_BATCH_TOKENS // n_lanes, max(1, CPU_BATCH_ROWS // n_lanes)
        config = self._model.config
        heads = getattr(config, "num_key_value_heads", config.num_attention_heads)
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        kv_bytes = 2 * config.num_hidden_layers * heads * size * (4 if self.dtype == "float32" else 2)
        free = torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        free = int(free * (SLOTS_SHARE if self._ways.in_slots else KV_SHARE))
        return max(1024, free // kv_bytes // self._shrink), max(1, GPU_BATCH_ROWS // self._shrink)

    def _answer(
        self, rows: list[list[int]], batch: Batch, sampling: Sampling, adapter: str | None
    ) -> Iterator[tuple[int, Generation]]:
        """One batch; on out-of-memory it is halved, and so are those that follow."""
        import torch

        try:
            results = self._forward([rows[i] for i in batch.indices], batch.prefix, sampling, adapter)
        except torch.cuda.OutOfMemoryError:
            if len(batch.indices) == 1:
                failure = Failure(code="out-of-memory", message="one request alone does not fit the device's memory")
                results = [Generation(output=None, status="error", failure=failure)]
            else:
                torch.cuda.empty_cache()
                self._shrink *= 2
                middle = len(batch.indices) // 2
                for half in (batch.indices[:middle], batch.indices[middle:]):
                    yield from self._answer(rows, Batch(indices=half, prefix=batch.prefix), sampling, adapter)
                return
        yield from zip(batch.indices, results, strict=True)

    def _forward(self, rows: list[list[int]], prefix: int, sampling: Sampling, adapter: str | None) -> list[Generation]:
        import torch

        started = clock()
        with torch.inference_mode(), self.using(adapter) as model:
            kept = self._keep_prefix(model, adapter, rows[0][:prefix]) if prefix else None
            new, broken = self._ways.answer(model, adapter, rows, prefix, kept, sampling)
        elapsed = clock() - started
        found = [
            self._endings.generation(out, row, sampling, elapsed if len(rows) == 1 else None)
            for row, out in zip(rows, new, strict=True)
        ]
        for i, why in broken.items():
            failure = Failure(code="constraint-failed", message=why[:300])
            found[i] = Generation(output=None, status="error", failure=failure, prompt_tokens=len(rows[i]))
        return found

    def _keep_prefix(self, model: Any, adapter: str | None, prefix: list[int]) -> Any:
        """Keys and values of a shared beginning, computed once for an adapter."""
        import torch
        from transformers import DynamicCache

        key = (adapter, tuple(prefix))
        if self._kept is None or self._kept[0] != key:
            cache = DynamicCache(config=model.config)
            model(input_ids=torch.tensor([prefix], device=self.device), past_key_values=cache, logits_to_keep=1)
            self._kept = (key, cache)
        return self._kept[1]
