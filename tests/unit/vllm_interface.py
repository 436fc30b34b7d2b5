"""What `evalgate.backends.vllm` uses of vLLM, as the sources of 0.33.0 have it: names, parameters, fields, no more.

The engine behind it answers by rule: the last word of the prompt, and the adapter's name where one is asked for.
"""

import dataclasses
import sys
from types import ModuleType
from typing import Any

BOS, EOS = 1, 2


class Tokenizer:
    """One token a character; the template writes one BOS, plain text gets one too."""

    bos_token_id, eos_token_id = BOS, EOS

    def __call__(self, text: str, add_special_tokens: bool = True) -> Any:
        ids = [BOS] * add_special_tokens + [ord(c) for c in text]
        return dataclasses.make_dataclass("Encoded", ["input_ids"])(ids)

    def apply_chat_template(
        self, messages: list[dict[str, str]], *, add_generation_prompt: bool, tokenize: bool, return_dict: bool
    ) -> dict[str, list[int]]:
        assert add_generation_prompt and tokenize and return_dict
        return {"input_ids": [BOS, *(ord(c) for m in messages for c in m["content"]), ord("\n")]}


@dataclasses.dataclass(kw_only=True)
class StructuredOutputsParams:
    json: str | dict[str, Any] | None = None
    regex: str | None = None
    choice: list[str] | None = None
    grammar: str | None = None
    json_object: bool | None = None
    whitespace_pattern: str | None = None


@dataclasses.dataclass(kw_only=True)
class SamplingParams:
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    stop: str | list[str] | None = None
    max_tokens: int | None = 16
    prompt_logprobs: int | None = None
    structured_outputs: StructuredOutputsParams | None = None


@dataclasses.dataclass
class LoRARequest:
    lora_name: str
    lora_int_id: int
    lora_path: str = ""

    def __post_init__(self) -> None:
        assert self.lora_int_id >= 1 and self.lora_path


@dataclasses.dataclass
class Logprob:
    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


@dataclasses.dataclass
class CompletionOutput:
    index: int
    text: str
    token_ids: list[int]
    finish_reason: str | None = None


@dataclasses.dataclass
class RequestOutput:
    request_id: str
    prompt_token_ids: list[int]
    prompt_logprobs: list[dict[int, Logprob] | None] | None
    outputs: list[CompletionOutput]


@dataclasses.dataclass
class ModelConfig:
    max_model_len: int = 64
    dtype: str = "torch.bfloat16"


# Parameters of `LLM.__init__`, those of its engine's arguments included, that the backend gives.
ENGINE = {
    "model", "dtype", "trust_remote_code", "seed", "generation_config", "structured_outputs_config", "enable_lora",
    "max_lora_rank", "max_loras", "max_cpu_loras", "enable_sleep_mode",
}  # fmt: skip
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


class LLM:
    """The engine; `calls` keeps what it was asked, `awake` whether it may answer."""

    made: list["LLM"] = []

    def __init__(self, model: str, **arguments: Any) -> None:
        assert {"model", *arguments} <= ENGINE
        assert arguments["max_lora_rank"] in RANKS
        self.arguments, self.model_config, self.awake = {"model": model, **arguments}, ModelConfig(), True
        self.calls: list[tuple[list[dict[str, Any]], Any, LoRARequest | None]] = []
        LLM.made.append(self)

    def get_tokenizer(self) -> Tokenizer:
        return Tokenizer()

    def generate(
        self,
        prompts: list[dict[str, Any]],
        sampling_params: SamplingParams | list[SamplingParams] | None = None,
        *,
        use_tqdm: bool = True,
        lora_request: LoRARequest | None = None,
    ) -> list[RequestOutput]:
        assert self.awake and not use_tqdm
        self.calls.append((prompts, sampling_params, lora_request))
        given = sampling_params if isinstance(sampling_params, list) else [sampling_params] * len(prompts)
        assert len(given) == len(prompts)
        return [self._answer(p["prompt_token_ids"], s, lora_request) for p, s in zip(prompts, given, strict=True) if s]

    def _answer(self, ids: list[int], sampling: SamplingParams, lora: LoRARequest | None) -> RequestOutput:
        word = "".join(map(chr, ids[1:])).split()[-1]
        text = f" {word} {lora.lora_name if lora else 'base'}."
        marks = [sampling.stop] if isinstance(sampling.stop, str) else sampling.stop or []
        cut = min((text.index(mark) for mark in marks if mark in text), default=len(text))
        reason = "abort" if word == "lost" else "stop" if cut < (sampling.max_tokens or 0) else "length"
        text = text[: min(cut, sampling.max_tokens or 0)]
        logprobs = None
        if sampling.prompt_logprobs is not None:
            less = 1.0 if lora else 0.0
            logprobs = [None, *({token: Logprob(-0.25 - less)} for token in ids[1:])]
        return RequestOutput("0", ids, logprobs, [CompletionOutput(0, text, [*map(ord, text)], reason)])

    def sleep(self, level: int = 1, mode: str = "abort") -> None:
        self.awake = False

    def wake_up(self, tags: list[str] | None = None) -> bool:
        self.awake = True
        return True


def modules() -> dict[str, ModuleType]:
    """The package and the two modules that names are taken from, for `sys.modules`."""
    vllm, sampling, lora, request = (
        ModuleType(name) for name in ("vllm", "vllm.sampling_params", "vllm.lora", "vllm.lora.request")
    )
    vllm.LLM, vllm.SamplingParams = LLM, SamplingParams  # type: ignore[attr-defined]
    vllm.__spec__ = sys.__spec__  # so that it counts as installed
    sampling.StructuredOutputsParams = StructuredOutputsParams  # type: ignore[attr-defined]
    request.LoRARequest = LoRARequest  # type: ignore[attr-defined]
    return {m.__name__: m for m in (vllm, sampling, lora, request)}
