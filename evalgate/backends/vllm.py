"""vLLM in process: one engine answers for the base and for every adapter. Optional, and of a GPU machine.

Written for vLLM 0.12 and newer (`StructuredOutputsParams`); the interface that is used stands in
docs/decisions/0033-vllm.md.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evalgate.backends.adapter_files import CONFIG, WEIGHTS, check_adapter, unfit
from evalgate.backends.batching import leading
from evalgate.backends.constraints import lark_of
from evalgate.backends.model_files import ModelFiles
from evalgate.core.data import ModelSpec, Sampling
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.protocols import Request, Scored
from evalgate.core.record import digest_bytes
from evalgate.core.rendering import render
from evalgate.core.results import Failure, Generation
from evalgate.core.seeds import clock

NAME = "vllm"
# The engine reserves room for adapters of this rank and for so many at once; ranks are powers of two for its kernels.
MAX_RANK, MAX_ADAPTERS, MAX_KEPT = 64, 4, 32
# Requests given to the engine at once: it batches them itself, and answers are recorded after each such group.
GROUP = 256
# Adapters are told apart by positive ids of 31 bits.
ID_BITS = 31


class VLLMBackend:
    """A causal language model in a vLLM engine in this process.

    `module` is None: the weights are the engine's, so capability cannot be measured with lm-eval's live model, and
    validity checks compare answers and likelihoods.
    """

    module: Any = None

    def __init__(self, spec: ModelSpec, files: ModelFiles) -> None:
        require()
        from vllm import LLM

        self.spec, self.files = spec, files
        self._engine = LLM(
            model=files.path,
            dtype=spec.dtype,
            trust_remote_code=spec.trust_remote_code,
            seed=0,
            # The model's own sampling defaults must not come between the suite and the engine.
            generation_config="vllm",
            structured_outputs_config={"backend": "guidance"},
            enable_lora=True,
            max_lora_rank=MAX_RANK,
            max_loras=MAX_ADAPTERS,
            max_cpu_loras=MAX_KEPT,
            enable_sleep_mode=True,
        )
        self.tokenizer = self._engine.get_tokenizer()
        self._limit = int(self._engine.model_config.max_model_len)
        self.dtype = str(self._engine.model_config.dtype).removeprefix("torch.")
        self._adapters: dict[str, Any] = {}

    @property
    def identity(self) -> dict[str, str]:
        """Digest of the model's files, precision, device and library versions."""
        import torch

        return {
            "backend": NAME,
            "model_digest": self.files.digest,
            "dtype": self.dtype,
            "quantization": self.spec.quantization,
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
            "torch": str(torch.__version__),
            "vllm": version("vllm"),
        }

    def add_adapter(self, name: str, folder: str) -> None:
        """Make a LoRA adapter known; a second call with the same name changes nothing.

        Its id in the engine comes from its bytes, so the same adapter has the same id in every run. Raises
        `adapter-missing`, `adapter-other-base`, or `adapter-unfit`.
        """
        from vllm.lora.request import LoRARequest

        if name in self._adapters:
            return
        config = check_adapter(Path(folder), self.spec.id, self.files)
        if (rank := int(config.get("r", 0))) > MAX_RANK:
            raise unfit(folder, ValueError(f"its rank {rank} is above {MAX_RANK}, which the engine has room for"))
        number = adapter_id(Path(folder), {request.lora_int_id for request in self._adapters.values()})
        self._adapters[name] = LoRARequest(lora_name=name, lora_int_id=number, lora_path=folder)

    def using(self, adapter: str | None) -> contextlib.AbstractContextManager[Any]:
        """There is no module that others could use."""
        raise EvalgateError(
            "vLLM's weights cannot be used from outside its engine",
            code="cannot-measure",
            fix="use `backend: hf` for what needs the live model",
        )

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """Leave the GPU to a training: weights wait in main memory, keys and values are dropped."""
        self._engine.sleep(level=1)
        try:
            yield
        finally:
            self._engine.wake_up()

    def generate(self, requests: Sequence[Request], *, adapter: str | None = None) -> Iterator[tuple[int, Generation]]:
        """Answer requests in groups, which the engine batches itself. Prompts beyond the context are failures."""
        rows = [render(self.tokenizer, request) for request in requests]
        fits: list[int] = []
        for i, (row, request) in enumerate(zip(rows, requests, strict=True)):
            n, most = len(row), request.sampling.max_tokens
            if n + most <= self._limit:
                fits.append(i)
                continue
            text = f"{n} prompt tokens and {most} new ones exceed the context of {self._limit}"
            failure = Failure(code="prompt-too-long", message=text)
            yield i, Generation(output=None, status="error", failure=failure, prompt_tokens=n)
        for start in range(0, len(fits), GROUP):
            yield from self._group(fits[start : start + GROUP], rows, requests, adapter)

    def _group(
        self, chosen: Sequence[int], rows: Sequence[list[int]], requests: Sequence[Request], adapter: str | None
    ) -> Iterator[tuple[int, Generation]]:
        started = clock()
        outputs = self._engine.generate(
            [{"prompt_token_ids": rows[i]} for i in chosen],
            [_parameters(requests[i].sampling) for i in chosen],
            use_tqdm=False,
            lora_request=self._adapters[adapter] if adapter is not None else None,
        )
        elapsed = clock() - started
        for i, output in zip(chosen, outputs, strict=True):
            yield i, self._generation(output.outputs[0], rows[i], elapsed if len(chosen) == 1 else None)

    def _generation(self, completion: Any, prompt: Sequence[int], elapsed_s: float | None) -> Generation:
        n_bos = leading(prompt, self.tokenizer.bos_token_id)
        if completion.finish_reason not in ("stop", "length"):
            failure = Failure(code="engine-stopped", message=f"the engine ended it with '{completion.finish_reason}'")
            return Generation(output=None, status="error", failure=failure, prompt_tokens=len(prompt), prompt_bos=n_bos)
        return Generation(
            output=completion.text.strip(),
            status="ok" if completion.finish_reason == "stop" else "truncated",
            latency_s=elapsed_s,
            prompt_tokens=len(prompt),
            prompt_bos=n_bos,
            completion_tokens=len(completion.token_ids),
        )

    def loglikelihood(self, pairs: Sequence[tuple[str, str]], *, adapter: str | None = None) -> list[float]:
        """The natural-log likelihood of each continuation after its context, from the prompt's own log-probabilities.

        The engine counts them for the raw logits, whatever the temperature. Tokens are those of the `hf` backend.
        """
        starts = [self.tokenizer(c).input_ids or [self.tokenizer.bos_token_id] for c, _ in pairs]
        ends = [self.tokenizer(c, add_special_tokens=False).input_ids for _, c in pairs]
        return [found.logprob for found in self.score_tokens(list(zip(starts, ends, strict=True)), adapter=adapter)]

    def score_tokens(self, pairs: Sequence[tuple[list[int], list[int]]], *, adapter: str | None = None) -> list[Scored]:
        """The likelihood of tokens after tokens, and whether each was the likeliest one."""
        from vllm import SamplingParams

        outputs = self._engine.generate(
            [{"prompt_token_ids": [*start, *end]} for start, end in pairs],
            SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0),
            use_tqdm=False,
            lora_request=self._adapters[adapter] if adapter is not None else None,
        )
        scores = []
        for output, (start, end) in zip(outputs, pairs, strict=True):
            found = [at[token] for at, token in zip(output.prompt_logprobs[len(start) :], end, strict=True)]
            likeliest = all(token.rank == 1 for token in found)
            scores.append(Scored(logprob=sum(token.logprob for token in found), greedy=likeliest))
        return scores

    def close(self) -> None:
        """Drop the engine."""
        self._engine = None


def _parameters(sampling: Sampling) -> Any:
    """The engine's decoding settings; a constraint is the same grammar, kept by the same library, as in `hf`."""
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    arguments: dict[str, Any] = {"temperature": sampling.temperature, "max_tokens": sampling.max_tokens}
    if sampling.temperature > 0:
        arguments |= {"top_p": sampling.top_p, "seed": sampling.seed}
    if sampling.stop:
        arguments["stop"] = list(sampling.stop)
    if sampling.constraint != "none":
        arguments["structured_outputs"] = StructuredOutputsParams(grammar=lark_of(sampling))
    return SamplingParams(**arguments)


def adapter_id(folder: Path, taken: set[int]) -> int:
    """A positive number from the adapter's bytes; the next free one where another adapter has it."""
    config = json.dumps(json.loads((folder / CONFIG).read_bytes()), sort_keys=True)
    number = int(digest_bytes((folder / WEIGHTS).read_bytes(), config.encode())[:16], 16) % (1 << ID_BITS)
    while number == 0 or number in taken:
        number = (number + 1) % (1 << ID_BITS)
    return number


def require() -> None:
    """Raise `no-vllm` if the package is not installed; looking for it imports nothing."""
    if find_spec("vllm") is None:
        raise EvalgateError(
            "`model.backend: vllm` needs the package vllm, which is not installed",
            code="no-vllm",
            fix="pip install 'evalgate-harness[vllm]' on a machine with a GPU that vLLM supports, or use `backend: hf`",
            where="suite.yaml: model.backend",
        )


def refuse_vllm(model: ModelSpec, *, capability: bool) -> None:
    """Raise what a suite asks of vLLM that it cannot give, before anything runs: `no-vllm`, `cannot-measure`."""
    if model.backend != NAME:
        return
    require()
    if capability:
        raise UsageError(
            "capability is measured with the live model, which vLLM keeps in its engine",
            code="cannot-measure",
            fix="take `capability:` and its gates out of suite.yaml, or use `backend: hf`",
            where="suite.yaml: model.backend",
        )
