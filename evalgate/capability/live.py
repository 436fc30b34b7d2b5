"""lm-eval's questions, asked of the backend's live model; what was answered in an earlier run is not asked again."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import cache, cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evalgate.cache.keys import Answerer, Keyed
from evalgate.cache.records import Cache
from evalgate.core.capability import Responses
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.protocols import Completes, LocalModel
from evalgate.core.record import Record, canonical_json, digest_bytes, digest_files

ITEMS = "capability"
Pair = tuple[list[int], list[int]]
BATCH_SIZE = {"cpu": 64, "cuda": 128}


class ItemKey(Record, frozen=True, kw_only=True):
    """One item as it is asked: who answers, the texts with their settings, and the code that makes tokens of them."""

    answerer: Answerer
    kind: str
    asked: str
    code: str
    lm_eval: str

    @property
    def digest(self) -> str:
        """The key; any part that differs gives another one."""
        return digest_bytes(canonical_json(self))


class Tokens:
    """The tokens of requests, made once: all systems share a tokenizer, and the options of a question its text.

    Contexts are kept as arrays: lists of a whole benchmark's would take eight times as much.
    """

    def __init__(self) -> None:
        self._contexts: dict[str, array[int]] = {}
        self._pairs: dict[tuple[str, str], tuple[str, tuple[int, ...]]] = {}

    def of_pair(self, encode: Callable[[str], list[int]], context: str, continuation: str) -> Pair:
        """What `TemplateLM._encode_pair` gives: spaces between the two belong to the second, which is cut by length."""
        if (context, continuation) not in self._pairs:
            head = context.rstrip()
            whole = encode(context + continuation)
            if head not in self._contexts:
                self._contexts[head] = array("i", encode(head))
            self._pairs[context, continuation] = head, tuple(whole[len(self._contexts[head]) :])
        head, answer = self._pairs[context, continuation]
        return self._contexts[head].tolist(), list(answer)


class Live:
    """What `lm_eval.evaluate` takes for a language model: one system of the backend's.

    The weights are touched by the first question that is not known.
    """

    rank, world_size = 0, 1

    def __init__(
        self, model: LocalModel, adapter: str | None, kept: Cache | None = None, tokens: Tokens | None = None
    ) -> None:
        self._model, self._adapter = model, adapter
        self._tokens = tokens or Tokens()
        self._kept = kept if isinstance(model, Keyed) else None
        self._answerer = model.answerer(adapter) if isinstance(model, Keyed) and kept else None
        self.known: set[tuple[str, int]] = set()

    @cached_property
    def _lm(self) -> Any:
        with self._model.using(self._adapter) as module:
            return language_model(self._model, module, self._adapter, self._tokens)

    def loglikelihood(self, requests: Sequence[Any]) -> list[Any]:
        """(log-likelihood, whether greedy) of each continuation."""
        return self._remembered("loglikelihood", requests)

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[Any]:
        """The log-likelihood of each text."""
        return self._remembered("loglikelihood_rolling", requests)

    def generate_until(self, requests: Sequence[Any]) -> list[Any]:
        """The text that follows each context."""
        return self._remembered("generate_until", requests)

    def _ask(self, kind: str, requests: Sequence[Any]) -> list[Any]:
        with self._model.using(self._adapter):
            return list(getattr(self._lm, kind)(list(requests)))

    def _remembered(self, kind: str, requests: Sequence[Any]) -> list[Any]:
        """Answers item by item: all requests of a document are one item."""
        if self._answerer is None or self._kept is None or any(_draws(kind, r) for r in requests):
            return self._ask(kind, requests)
        places: dict[tuple[str, int], list[int]] = {}
        for i, request in enumerate(requests):
            places.setdefault((request.task_name or "", int(request.doc_id)), []).append(i)
        keys = {item: self._key(kind, [requests[i].args for i in where]) for item, where in places.items()}
        found = self._kept.find(ITEMS, keys.values(), Responses)
        answers: list[Any] = [None] * len(requests)
        for item, where in places.items():
            if (record := found.get(keys[item])) is not None:
                self.known.add(item)
                for i, answer in zip(where, given(kind, record), strict=True):
                    answers[i] = answer
        missing = [item for item in places if item not in self.known]
        asked = [i for item in missing for i in places[item]]
        if asked:
            for i, answer in zip(asked, self._ask(kind, [requests[i] for i in asked]), strict=True):
                answers[i] = answer
            with self._kept.adding(ITEMS) as add:
                for item in missing:
                    if (record := responses(answers[i] for i in places[item])) is not None:
                        add(keys[item], record)
        return answers

    def _key(self, kind: str, asked: list[Any]) -> str:
        assert self._answerer is not None
        text = digest_bytes(canonical_json(asked))
        return ItemKey(answerer=self._answerer, kind=kind, asked=text, code=_code(), lm_eval=version("lm_eval")).digest


@cache
def _code() -> str:
    """The digest of what makes tokens of lm-eval's questions: a changed line may change an answer."""
    here = Path(__file__).parent
    return digest_files(here, [path.name for path in here.glob("*.py")])


def _draws(kind: str, request: Any) -> bool:
    """Whether an answer is drawn: each draw is one of its own, so none is kept."""
    return kind == "generate_until" and not _greedy(request.args[1])


def _greedy(settings: dict[str, Any]) -> bool:
    """Whether a request is decoded greedily, with nothing else set than where the text ends."""
    known = {"until", "do_sample", "temperature", "max_gen_toks"}
    return not settings.get("do_sample") and not settings.get("temperature") and set(settings) <= known


def responses(answers: Iterable[Any]) -> Responses | None:
    """The answers to one item as they are recorded; None for what no JSON number holds."""
    found = list(answers)
    if all(isinstance(answer, str) for answer in found):
        return Responses(texts=tuple(found))
    pairs = [answer if isinstance(answer, tuple) else (answer, False) for answer in found]
    if not all(math.isfinite(p) for p, _ in pairs):
        return None
    return Responses(logprobs=tuple(float(p) for p, _ in pairs), greedy=tuple(bool(g) for _, g in pairs))


def given(kind: str, record: Responses) -> list[Any]:
    """Recorded answers as lm-eval expects them."""
    if kind == "generate_until":
        return list(record.texts)
    if kind == "loglikelihood_rolling":
        return list(record.logprobs)
    return list(zip(record.logprobs, record.greedy, strict=True))


def language_model(model: LocalModel, module: Any, adapter: str | None, tokens: Tokens | None = None) -> Any:
    """lm-eval's own wrapper of the live module, with the backend's batches and decoding under it."""
    from lm_eval.models.huggingface import HFLM

    device = module.device.type
    lm = HFLM(pretrained=module, tokenizer=model.tokenizer, batch_size=BATCH_SIZE[device], softmax_dtype="float32")
    for kind in ("loglikelihood", "loglikelihood_rolling", "generate_until"):
        setattr(lm, kind, partial(getattr(lm, kind), disable_tqdm=True))  # one progress display is enough
    if lm.backend == "causal":
        lm._encode_pair = partial((tokens or Tokens()).of_pair, lm.tok_encode)
    lm._loglikelihood_tokens = partial(_scores, model, adapter, lm.max_length)
    if isinstance(model, Completes):
        lm.generate_until = partial(_texts, model, adapter, lm, lm.generate_until)
    return lm


def _scores(
    model: LocalModel,
    adapter: str | None,
    limit: int,
    requests: Sequence[tuple[Any, list[int], list[int]]],
    **_: object,
) -> list[tuple[float, bool]]:
    """What `HFLM._loglikelihood_tokens` gives, by the backend's own batches; what is too long is cut as lm-eval does.

    Raises `no-memory` where one question alone is too large.
    """
    pairs = []
    for _name, context, continuation in requests:
        kept = (context + continuation)[-(limit + 1) :]  # the last token is asked for, but never read
        pairs.append((kept[: -len(continuation)], kept[-len(continuation) :]))
    scores = model.score_tokens(pairs, adapter=adapter)
    if any(score.out_of_memory for score in scores):
        raise _no_memory()
    return [(score.logprob, score.greedy) for score in scores]


def _texts(
    model: Completes, adapter: str | None, lm: Any, otherwise: Callable[[Any], list[str]], requests: list[Any]
) -> list[str]:
    """What `HFLM.generate_until` gives, by the backend's own decoding; what is sampled is left to lm-eval.

    Contexts are cut on the left to leave room for the answer, as lm-eval does. Raises `capability-task-unfit` where
    that leaves none, `no-memory`.
    """
    if not all(_greedy(request.args[1]) for request in requests):
        return otherwise(requests)
    from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs

    eos = lm.tok_decode(lm.eot_token_id, skip_special_tokens=False)
    groups: dict[tuple[int, tuple[str, ...]], list[int]] = {}
    for i, request in enumerate(requests):
        settings = normalize_gen_kwargs(request.args[1], lm.max_gen_toks)
        stop = tuple(mark for mark in handle_stop_sequences(settings["until"], eos=eos) if mark)
        groups.setdefault((int(settings["max_gen_toks"]), stop), []).append(i)
    texts = [""] * len(requests)
    for (n, stop), where in groups.items():
        if n >= lm.max_length:
            raise _no_room(n, lm.max_length, requests[where[0]].task_name)
        rows = [lm.tok_batch_encode([requests[i].args[0]], left_truncate_len=lm.max_length - n)[0][0] for i in where]
        for k, answer in model.complete([row.tolist() for row in rows], max_tokens=n, stop=stop, adapter=adapter):
            if answer.output is None:
                raise _no_memory()
            texts[where[k]] = answer.output
    return texts


def _no_memory() -> EvalgateError:
    return EvalgateError(
        "one capability question alone does not fit the device's memory",
        code="no-memory",
        fix="free memory, or lower `num_fewshot` or set `quantization: nf4` in suite.yaml",
    )


def _no_room(n: int, limit: int, task: str | None) -> UsageError:
    return UsageError(
        f"the capability task {task} asks for answers of {n:,} tokens, and the model's context is {limit:,}",
        code="capability-task-unfit",
        fix="take the task out of `capability.tasks`, or give it a smaller `max_gen_toks` in a YAML of the suite's own",
    )
