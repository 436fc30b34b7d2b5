"""The contestants of the engine benchmark: each answers the same prompts, or scores the same choices, its own way."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from benchmarks.engine_questions import MAX_TOKENS, MODEL, requests
from evalgate.backends.hf import HFBackend

# The best for each of them on two cores: of 16 to 128 for lm-eval's texts and likelihoods, of 32 and 64 for inspect-ai.
TEXT_BATCH, LIKELIHOOD_BATCH, INSPECT_BATCH = 16, 64, 64


class Loop:
    """transformers as tutorials use it: one prompt at a time."""

    def __init__(self, module: Any, tokenizer: Any) -> None:
        self.module, self.tokenizer = module, tokenizer

    def answer(self, texts: list[str]) -> list[str]:
        """Greedy text of each prompt."""
        import torch

        found = []
        with torch.inference_mode():
            for text in texts:
                given = self.tokenizer.apply_chat_template(
                    [{"role": "user", "content": text}],
                    add_generation_prompt=True,
                    return_tensors="pt",
                    return_dict=True,
                )
                out = self.module.generate(**given, max_new_tokens=MAX_TOKENS, do_sample=False)
                new = out[0, given["input_ids"].shape[1] :]
                found.append(self.tokenizer.decode(new, skip_special_tokens=True))
        return found


class LmEval:
    """lm-eval's `hf` with the same module."""

    def __init__(self, module: Any, tokenizer: Any) -> None:
        from lm_eval.models.huggingface import HFLM

        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        self.tokenizer = tokenizer
        self.lm = HFLM(pretrained=module, tokenizer=tokenizer, batch_size=TEXT_BATCH, softmax_dtype="float32")

    def answer(self, texts: list[str]) -> list[str]:
        """Greedy text of each prompt, rendered as a chat before."""
        rendered = [
            self.tokenizer.apply_chat_template(
                [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False
            )
            for text in texts
        ]
        given = {"until": [], "max_gen_toks": MAX_TOKENS, "do_sample": False}
        return list(self.lm.generate_until([self._asked("generate_until", (r, given)) for r in rendered], True))

    def likelihoods(self, pairs: list[tuple[str, str]]) -> list[float]:
        """Log-likelihood of each continuation."""
        self.lm.batch_size_per_gpu = LIKELIHOOD_BATCH
        found = self.lm.loglikelihood([self._asked("loglikelihood", pair) for pair in pairs], True)
        return [float(score) for score, _ in found]

    @staticmethod
    def _asked(kind: Any, arguments: tuple[Any, ...]) -> Any:
        from lm_eval.api.instance import Instance

        return Instance(request_type=kind, doc={}, arguments=arguments, idx=0)


class Inspect:
    """inspect-ai's `hf` provider, which loads the model itself; called without its logs and its display."""

    def __init__(self) -> None:
        from inspect_ai.model import GenerateConfig, get_model

        self._config = GenerateConfig(max_tokens=MAX_TOKENS, max_connections=INSPECT_BATCH)
        self._model = get_model(
            "hf/local",
            model_path=str(MODEL),
            dtype="float32",
            do_sample=False,
            tokenizer_call_args={"add_special_tokens": False},  # its rendered chats begin with BOS already
            config=self._config,
        )

    def answer(self, texts: list[str]) -> list[str]:
        """Greedy text of each prompt."""

        async def ask() -> list[str]:
            found = await asyncio.gather(*(self._model.api.generate(_chat(t), [], "none", self._config) for t in texts))
            return [output.completion for output in found]

        return asyncio.run(ask())


class Evalgate:
    """The backend of this repository."""

    def __init__(self, backend: HFBackend) -> None:
        self.backend = backend

    def answer(self, texts: list[str], adapter: str | None = None) -> list[str]:
        """Greedy text of each prompt."""
        found = dict(self.backend.generate(requests(texts), adapter=adapter))
        return [str(found[i].output) for i in range(len(texts))]

    def likelihoods(self, pairs: list[tuple[str, str]]) -> list[float]:
        """Log-likelihood of each continuation."""
        return self.backend.loglikelihood(pairs)


def _chat(text: str) -> list[Any]:
    from inspect_ai.model import ChatMessageUser

    return [ChatMessageUser(content=text)]
