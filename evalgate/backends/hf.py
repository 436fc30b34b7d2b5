"""transformers in process: one base loaded once; the base and every adapter answer from it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from evalgate.backends.adapter_files import check_adapter, live_name, load_into, unfit
from evalgate.backends.answerer import answerer_of
from evalgate.backends.batching import Batch, plan_batches
from evalgate.backends.endings import Endings, Verbatim
from evalgate.backends.first_token import FirstToken
from evalgate.backends.kv_cache import KeptPrefix
from evalgate.backends.labels import chosen_label, label_tokens
from evalgate.backends.lanes import in_lanes, lanes_for
from evalgate.backends.likelihood import Likelihood, Pair, encode_pairs
from evalgate.backends.loading import load_config, load_model, load_tokenizer
from evalgate.backends.memory import Budget, is_out_of_memory
from evalgate.backends.model_files import ModelFiles
from evalgate.backends.ways import Ways
from evalgate.cache.keys import Answerer
from evalgate.core.adapter_files import WEIGHTS, adapter_digest
from evalgate.core.data import Message, ModelSpec, Sampling
from evalgate.core.protocols import Request, Scored
from evalgate.core.results import Failure, Generation
from evalgate.core.seeds import clock


class HFBackend:
    """A causal language model in this process.

    On a GPU `dtype: auto` is bfloat16; on a CPU it is float32, where greedy text does not depend on the batch. Weights
    are loaded when they are first needed: on a CPU, a run whose answers are all known needs none. `slots` chooses how
    greedy text is decoded (see `Ways`); None: in slots on a GPU.
    """

    _opened: Ways

    def __init__(self, spec: ModelSpec, files: ModelFiles, *, slots: bool | None = None) -> None:
        import torch

        self.spec, self.files, self.load_s = spec, files, 0.0
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        automatic = "bfloat16" if self.device == "cuda" else "float32"
        self.dtype = automatic if spec.dtype == "auto" else spec.dtype
        self._adapters: dict[str, str] = {}  # by name, the digests of their bytes
        self._tokenizer = load_tokenizer(files.path, spec)
        config = load_config(files.path, spec)
        self._limit = int(getattr(config, "max_position_embeddings", 2048))
        self._active: str | None = None
        self._slots = self.device == "cuda" if slots is None else slots
        self._memory = Budget(config, self.dtype, self.device)
        self._prefix = KeptPrefix(config, self.device)
        self._likelihood = Likelihood(self._memory, self._prefix, self._tokenizer.pad_token_id)

    @cached_property
    def _model(self) -> Any:
        import torch

        started = clock()
        with torch.inference_mode(False):  # the first question comes within it
            model = load_model(self.files.path, self.dtype, self.spec, self.device)
        ends = Endings(model, self._tokenizer)
        self._opened = Ways(model, self._tokenizer, ends, device=self.device, slots=self._slots)
        self.load_s = clock() - started
        return model

    @property
    def identity(self) -> dict[str, str]:
        """Digest of the model's files, precision, device and library versions, and on a GPU the way of decoding."""
        import torch
        import transformers

        decoding = self._ways.identity if self._slots else {}
        return {
            "backend": "hf",
            "model_digest": self.files.digest,
            "dtype": self.dtype,
            "quantization": self.spec.quantization,
            "device": torch.cuda.get_device_name() if self.device == "cuda" else "cpu",
            "torch": str(torch.__version__),  # a subclass of str that JSON encoders refuse
            "transformers": transformers.__version__,
        } | decoding

    @property
    def _ways(self) -> Ways:
        """How text is decoded: known once the model is open."""
        assert self._model is not None
        return self._opened

    def answerer(self, adapter: str | None) -> Answerer | None:
        """What answers with this adapter, by digests; None if something has none."""
        used = None if adapter is None else self._adapters[adapter]
        return answerer_of(self.spec, self.files.path, self.identity, str(self._tokenizer.chat_template or ""), used)

    @property
    def module(self) -> Any:
        """The live torch module (a PeftModel once an adapter was added)."""
        return self._model

    @property
    def tokenizer(self) -> Any:
        """The base model's tokenizer, padding on the left."""
        return self._tokenizer

    def add_adapter(self, name: str, folder: str) -> None:
        """Load a LoRA adapter beside the others; a second call with the same name changes nothing.

        Raises `adapter-missing`, `adapter-other-base`, or `adapter-unfit`.
        """
        if name in self._adapters:
            return
        check_adapter(Path(folder), self.spec.id, self.files)
        try:
            self._model = load_into(self._model, name, folder, first=not self._adapters)
        except (RuntimeError, ValueError) as error:
            raise unfit(folder, error) from error
        self._model.eval()
        self._adapters[name] = adapter_digest(Path(folder)) if (Path(folder) / WEIGHTS).is_file() else ""
        self._model.base_model.enable_adapter_layers()
        self._model.set_adapter(live_name(name))
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
                self._model.set_adapter(live_name(adapter))
            self._active = adapter
        yield self._model

    def generate(self, requests: Sequence[Request], *, adapter: str | None = None) -> Iterator[tuple[int, Generation]]:
        """Answer requests batch by batch, longest first. Prompts beyond the context are failures, never cut."""
        rows = self._render(requests)
        fits: list[int] = []
        for i, (row, request) in enumerate(zip(rows, requests, strict=True)):
            if request.sampling.answer_by or len(row) + request.sampling.max_tokens <= self._limit:
                fits.append(i)
            else:
                yield i, self._too_long(len(row), request.sampling.max_tokens)
        for sampling in dict.fromkeys(requests[i].sampling for i in fits):
            chosen = [i for i in fits if requests[i].sampling == sampling]
            ids = [rows[i] for i in chosen]
            if sampling.answer_by:
                answers = self._choose_label(requests[chosen[0]].messages, ids, sampling, adapter)
            else:
                answers = self._answer_alike(ids, sampling, adapter)
            for k, generation in answers:
                yield chosen[k], generation

    def _choose_label(
        self, messages: Sequence[Message], rows: list[list[int]], sampling: Sampling, adapter: str | None
    ) -> Iterator[tuple[int, Generation]]:
        """Answer requests of one sampling by their likeliest label; `messages` are the first one's."""
        _, ends = self._ways.endings.of(sampling)
        tokens, ends_used = label_tokens(self._tokenizer, messages, rows[0], sampling, ends)
        longest = max(map(len, tokens.values()))
        fits = [k for k, row in enumerate(rows) if len(row) + longest <= self._limit]
        yield from ((k, self._too_long(len(rows[k]), longest)) for k in {*range(len(rows))} - {*fits})
        started, bos, left = clock(), self._tokenizer.bos_token_id, {k: dict[str, Scored]() for k in fits}
        asked = [(k, label) for k in fits for label in tokens]
        with self.using(adapter) as model:
            pairs = [(rows[k], tokens[label]) for k, label in asked]
            for i, score in self._likelihood.scores(model, adapter, pairs, ends_used):
                k, label = asked[i]
                left[k][label] = score
                if len(left[k]) == len(tokens):
                    scores = {label: left[k][label] for label in tokens}
                    elapsed = clock() - started if len(rows) == 1 else None
                    yield k, chosen_label(scores, tokens, rows[k], bos, elapsed)

    def _answer_alike(
        self, rows: list[list[int]], sampling: Sampling, adapter: str | None
    ) -> Iterator[tuple[int, Generation]]:
        """Answer requests of one sampling. Sampled text draws from one global generator, so it takes one lane."""
        import torch

        in_slots = self._ways.in_slots
        n_lanes = min(len(rows), lanes_for(self.device) if sampling.temperature == 0 and not in_slots else 1)
        tokens, n_rows = self._memory.of(n_lanes, copied=not in_slots)
        new, share = [sampling.max_tokens] * len(rows), self._prefix.allowed
        batches = plan_batches(rows, new, max_tokens=tokens, max_rows=n_rows, n_lanes=n_lanes, share=share)

        def answer(batch: Batch) -> list[tuple[int, Generation]]:
            return list(self._answer(rows, batch, sampling, adapter))

        with torch.inference_mode(), self.using(adapter) as model:  # before the lanes, which share both
            if prefix := max(batch.prefix for batch in batches):
                self._prefix.of(model, adapter, rows[0][:prefix])
        try:
            for answers in in_lanes(answer, batches, n_lanes):
                yield from answers
        finally:
            self._ways.give_back()

    def loglikelihood(self, pairs: Sequence[tuple[str, str]], *, adapter: str | None = None) -> list[float]:
        """The natural-log likelihood of each continuation after its context, as lm-eval would have it, in float32.

        NaN where the two are longer than the context or the device has no memory for them: nothing is cut.
        """
        rows = encode_pairs(self._tokenizer, pairs)
        fits = [i for i, (start, end) in enumerate(rows) if end and len(start) + len(end) <= self._limit]
        out = [math.nan if end else 0.0 for _, end in rows]  # nothing follows with certainty
        scores = self.score_tokens([rows[i] for i in fits], adapter=adapter)
        for i, score in zip(fits, scores, strict=True):
            out[i] = score.logprob
        return out

    def score_tokens(self, pairs: Sequence[Pair], *, adapter: str | None = None) -> list[Scored]:
        """The likelihood of tokens after tokens; both fit the context and neither is empty."""
        with self.using(adapter) as model:
            found = dict(self._likelihood.scores(model, adapter, pairs))
        return [found[i] for i in range(len(pairs))]

    def complete(
        self, rows: list[list[int]], *, max_tokens: int, stop: tuple[str, ...], adapter: str | None = None
    ) -> Iterator[tuple[int, Generation]]:
        """Go on greedily after token ids that leave room for `max_tokens`; the texts keep their outer spaces."""
        yield from self._answer_alike(rows, Verbatim(max_tokens=max_tokens, stop=stop), adapter)

    def close(self) -> None:
        """Drop the model."""
        self._model = None
        self.__dict__.pop("_opened", None)
        self._prefix.forget()

    def prompt_ids(self, request: Request) -> list[int]:
        """The token ids that the model is given: chat template and tokenizer applied."""
        return self._render([request])[0]

    def _render(self, requests: Sequence[Request]) -> list[list[int]]:
        """All prompts at once, which takes the tokenizer less time."""
        if not requests:
            return []
        chats = [[{"role": m.role, "content": m.content} for m in request.messages] for request in requests]
        ids: list[list[int]] = self._tokenizer.apply_chat_template(
            chats, add_generation_prompt=True, tokenize=True, return_dict=True
        )["input_ids"]
        return ids

    def _too_long(self, n: int, n_new: int) -> Generation:
        text = f"{n} prompt tokens and {n_new} new ones exceed the context of {self._limit}"
        failure = Failure(code="prompt-too-long", message=text)
        return Generation(output=None, status="error", failure=failure, prompt_tokens=n)

    def _answer(
        self, rows: list[list[int]], batch: Batch, sampling: Sampling, adapter: str | None
    ) -> Iterator[tuple[int, Generation]]:
        """One batch; on out-of-memory it is halved, and so are those that follow."""
        try:
            results = self._forward([rows[i] for i in batch.indices], batch.prefix, sampling, adapter)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if len(batch.indices) == 1:
                failure = Failure(code="out-of-memory", message="one request alone does not fit the device's memory")
                results = [Generation(output=None, status="error", failure=failure)]
            else:
                self._memory.halve()
                middle = len(batch.indices) // 2
                for half in (batch.indices[:middle], batch.indices[middle:]):
                    yield from self._answer(rows, Batch(indices=half, prefix=batch.prefix), sampling, adapter)
                return
        yield from zip(batch.indices, results, strict=True)

    def _forward(self, rows: list[list[int]], prefix: int, sampling: Sampling, adapter: str | None) -> list[Generation]:
        import torch

        started, first = clock(), FirstToken() if len(rows) == 1 else None  # times are of single calls
        with torch.inference_mode(), self.using(adapter) as model:
            kept = self._prefix.of(model, adapter, rows[0][:prefix]) if prefix else None
            new, broken = self._ways.answer(model, adapter, rows, prefix, kept, sampling, first)
        elapsed = clock() - started
        found = [
            self._ways.endings.generation(out, row, sampling, elapsed if len(rows) == 1 else None)
            for row, out in zip(rows, new, strict=True)
        ]
        if first is not None and first.at is not None:
            found[0] = msgspec.structs.replace(found[0], first_token_s=first.at - started)
        for i, why in broken.items():
            failure = Failure(code="constraint-failed", message=why[:300])
            found[i] = Generation(output=None, status="error", failure=failure, prompt_tokens=len(rows[i]))
        return found
