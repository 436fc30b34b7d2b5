"""What the probes measure on a base and its adapters; `outcome` says what it means."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from evalgate.core.errors import EvalgateError
from evalgate.core.probes import Measured, ProbeName
from evalgate.core.protocols import LocalBackend, Request
from evalgate.core.rendering import render
from evalgate.core.results import Generation
from evalgate.probes import logits
from evalgate.probes.answers import Answer, ask_alone, ask_together, count_differing, said, short
from evalgate.probes.tokenizers import equal, tokenizer_in

# Likelihoods that stand for logits where a backend has none.
N_PAIRS = 4
# A text may change with the batch where the two best tokens lie closer than so many times what padding does to a
# logit at the prompt's end: later positions differ more. Padding that moves logits by more than SANE sd is broken.
NEAR, SANE = 4.0, 1.0
NO_LOGITS = "this backend gives no logits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A trained system: its prompts by item, its adapter's folder, the base that its card names.

    A whole model has a `precision` of its own and no adapter: what can only be asked of one is not done.
    """

    name: str
    requests: Mapping[str, Request]
    folder: str
    base_digest: str | None
    precision: str = ""


class Bench:
    """The probe items in front of one backend. What is asked twice is answered once.

    Args:
        backend: What answers.
        items: Names of the items, and of each its right answer.
        base_folder: The base model's files, as training reads them.
        base_digest: Their digest.
    """

    def __init__(self, backend: LocalBackend, items: Mapping[str, str], base_folder: str, base_digest: str) -> None:
        self.backend, self.items = backend, items
        self._base_folder, self._base_digest = base_folder, base_digest
        self._noises = {"": Measured(probe="padding", skipped="not measured")}
        self._alone: dict[tuple[str | None, tuple[Request, ...]], list[Generation]] = {}
        self._together: dict[tuple[str | None, tuple[Request, ...]], list[Answer]] = {}
        self._logits: dict[tuple[str | None, tuple[tuple[int, ...], ...]], list[Any]] = {}

    def base(self, requests: Mapping[str, Request]) -> list[Measured]:
        """What does not need an adapter, asked with a candidate's prompts; padding is the base's for all adapters."""
        asked = self._fitting(None, requests)
        if len(asked) < 2:
            names: tuple[ProbeName, ...] = ("batch", "padding", "bos")
            return [Measured(probe=probe, skipped=_too_few(asked)) for probe in names]
        self._noises[""] = self._padding("", asked)
        return [self._batch("", asked), self._noises[""], self._bos("", asked)]

    def candidate(self, one: Candidate, baselines: Mapping[str, Mapping[str, Request]]) -> list[Measured]:
        """What an adapter, or a whole model, does to logits and answers, and whether its parts belong together."""
        found = self._candidate(one, baselines)
        return [replace(each, precision=one.precision) for each in found] if one.precision else found

    def _candidate(self, one: Candidate, baselines: Mapping[str, Mapping[str, Request]]) -> list[Measured]:
        asked = self._fitting(one.name, one.requests)
        if len(asked) < 2:
            names: tuple[ProbeName, ...] = ("batch", "bos", "adapter", "outputs", "merged")
            few = [Measured(probe=probe, system=one.name, skipped=_too_few(asked)) for probe in names]
            return [*few, self._tokenizers(one, asked)]
        if one.precision:
            self._noises[one.name] = self._padding(one.name, asked)
        moved = self._moves(one, asked)
        return [
            self._batch(one.name, asked),
            *([self._noises[one.name]] if one.precision else []),
            self._bos(one.name, asked),
            moved,
            self._outputs(one, asked, baselines, moved),
            self._tokenizers(one, asked),
            self._merged(one, asked),
        ]

    # Answers

    def _answers(self, adapter: str | None, requests: Mapping[str, Request]) -> dict[str, Generation]:
        key = (adapter, tuple(requests.values()))
        if key not in self._alone:
            self._alone[key] = ask_alone(self.backend, [short(r) for r in requests.values()], adapter)
        return dict(zip(requests, self._alone[key], strict=True))

    def _said(self, adapter: str | None, requests: Mapping[str, Request]) -> dict[str, Answer]:
        answers = self._answers(adapter, requests)
        return dict(zip(answers, said([*answers.values()]), strict=True))

    def _said_together(self, adapter: str | None, requests: Mapping[str, Request]) -> dict[str, Answer]:
        key = (adapter, tuple(requests.values()))
        if key not in self._together:
            self._together[key] = said(ask_together(self.backend, [*map(short, requests.values())], adapter))
        return dict(zip(requests, self._together[key], strict=True))

    def _fitting(self, adapter: str | None, requests: Mapping[str, Request]) -> dict[str, Request]:
        """The items that can be answered at all; a prompt that is too long says nothing of a batch."""
        answers = self._answers(adapter, requests)
        return {name: request for name, request in requests.items() if answers[name].failure is None}

    def _batch(self, system: str, asked: Mapping[str, Request]) -> Measured:
        adapter, noise = system or None, self._noise_of(system)
        alone = self._said(adapter, asked)
        together = self._said_together(adapter, asked)
        other = [name for name in asked if alone[name] != together[name]]
        values = {"equal": float(len(asked) - len(other)), "unexplained": float(len(other))}
        if not noise.skipped and other:
            near = NEAR * _noise(noise)
            gaps = [self._gap(adapter, asked[name], alone[name][0], together[name][0]) for name in other]
            values |= {"unexplained": float(sum(gap > near for gap in gaps)), "near": near}
        return Measured(probe="batch", system=system, n=len(asked), values=values)

    def _gap(self, adapter: str | None, request: Request, one: str | None, other: str | None) -> float:
        """The smallest margin between the two best tokens up to where two answers part."""
        tokenizer = self.backend.tokenizer
        first, second = (tokenizer(text or "", add_special_tokens=False).input_ids for text in (one, other))
        same = next((k for k, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), None)
        same = min(len(first), len(second)) if same is None else same
        with self.backend.using(adapter) as module:
            return min(logits.margins(module, render(tokenizer, request), first[:same]))

    def _bos(self, system: str, asked: Mapping[str, Request]) -> Measured:
        tokenizer = self.backend.tokenizer
        if tokenizer is not None and tokenizer.bos_token_id is None:
            return Measured(probe="bos", system=system, skipped="the tokenizer has no BOS token")
        counts = [g.prompt_bos for g in self._answers(system or None, asked).values() if g.prompt_bos is not None]
        if not counts:
            return Measured(probe="bos", system=system, skipped="this backend does not report how its prompts begin")
        adds = tokenizer is not None and tokenizer("a").input_ids[:1] == [tokenizer.bos_token_id]
        values = {"least": float(min(counts)), "most": float(max(counts)), "right": float(sum(c == 1 for c in counts))}
        return Measured(probe="bos", system=system, n=len(counts), values=values | {"expected": float(adds)})

    def _outputs(
        self,
        one: Candidate,
        asked: Mapping[str, Request],
        baselines: Mapping[str, Mapping[str, Request]],
        moved: Measured,
    ) -> Measured:
        """Answers against those of every baseline, and against the base under the candidate's own prompts."""
        mine = self._said(one.name, asked)
        differ = {"the base with its prompts": count_differing(mine, self._said(None, asked))}
        for name, requests in baselines.items():
            shared = {item: requests[item] for item in asked if item in requests}
            if shared:
                differ[name] = count_differing(mine, self._said_together(None, shared))
        values = {"right": float(sum(mine[i][0] == self.items[i] for i in asked))}
        if not moved.skipped:
            values["moved"] = float(moved.values["largest"] > moved.values["noise"])
        with contextlib.suppress(_NoLogits):
            pairs = zip(self._ends(None, asked), self._ends(one.name, asked), strict=True)
            values["first_token"] = float(sum(int(a[-1].argmax()) != int(b[-1].argmax()) for a, b in pairs))
        return Measured(probe="outputs", system=one.name, n=len(asked), values=values, differ=differ)

    # Logits

    def _ends(self, adapter: str | None, asked: Mapping[str, Request]) -> list[Any]:
        """Logits at the end of each prompt, alone; raises `_NoLogits`."""
        rows = self._rows(asked)
        key = (adapter, tuple(map(tuple, rows)))
        if key not in self._logits:
            with self.backend.using(adapter) as module:
                self._logits[key] = logits.last_alone(module, rows)
        return self._logits[key]

    def _rows(self, asked: Mapping[str, Request]) -> list[list[int]]:
        if self.backend.module is None or self.backend.tokenizer is None:
            raise _NoLogits
        return [render(self.backend.tokenizer, request) for request in asked.values()]

    def _noise_of(self, system: str) -> Measured:
        """What padding does to a system: to a whole model itself, to adapters what it does to the base."""
        return self._noises.get(system, self._noises[""])

    def _padding(self, system: str, asked: Mapping[str, Request]) -> Measured:
        try:
            alone = [rows[-1] for rows in self._ends(system or None, asked)]
        except _NoLogits:
            return Measured(probe="padding", system=system, skipped=NO_LOGITS)
        rows = self._rows(asked)
        if len({len(row) for row in rows}) < 2:
            return Measured(probe="padding", system=system, skipped="all prompts have the same length: none is padded")
        with self.backend.using(system or None) as module:
            padded = logits.last_padded(module, self.backend.tokenizer, rows)
        largest = [float((a - b).abs().max()) for a, b in zip(alone, padded, strict=True)]
        relative = [d / float(a.std()) for d, a in zip(largest, alone, strict=True)]
        flips = sum(int(a.argmax()) != int(b.argmax()) for a, b in zip(alone, padded, strict=True))
        values = {"largest": max(largest), "relative": max(relative), "flips": float(flips)}
        return Measured(probe="padding", system=system, n=len(rows), values=values)

    def _moves(self, one: Candidate, asked: Mapping[str, Request]) -> Measured:
        try:
            pairs = zip(self._ends(None, asked), self._ends(one.name, asked), strict=True)
        except _NoLogits:
            return self._moves_likelihoods(one, asked)
        moved = [float((a[-1] - b[-1]).abs().max()) for a, b in pairs]
        floor = _noise(self._noise_of(one.name))
        values = {"moved": float(sum(d > floor for d in moved)), "largest": max(moved), "noise": floor}
        return Measured(probe="adapter", system=one.name, n=len(moved), values=values)

    def _moves_likelihoods(self, one: Candidate, asked: Mapping[str, Request]) -> Measured:
        """Without logits: how much likelier or less likely right answers are with the adapter."""
        pairs = [(asked[i].messages[-1].content, self.items[i]) for i in [*asked][:N_PAIRS] if self.items[i]]
        try:
            base, tuned = (self.backend.loglikelihood(pairs, adapter=name) for name in (None, one.name))
        except EvalgateError as error:
            return Measured(probe="adapter", system=one.name, skipped=f"{NO_LOGITS}: {error.what}")
        if not pairs:
            return Measured(probe="adapter", system=one.name, skipped=f"{NO_LOGITS}, and no item has a right answer")
        moved = [abs(a - b) for a, b in zip(base, tuned, strict=True)]
        values = {"moved": float(sum(d > 0 for d in moved)), "largest": max(moved), "noise": 0.0}
        return Measured(probe="adapter", system=one.name, n=len(pairs), values=values)

    def _merged(self, one: Candidate, asked: Mapping[str, Request]) -> Measured:
        if one.precision:
            return Measured(probe="merged", system=one.name, skipped="not applicable: a whole model has no adapter")
        try:
            unmerged = self._ends(one.name, asked)
        except _NoLogits:
            return Measured(probe="merged", system=one.name, skipped=NO_LOGITS)
        merged = logits.merged_copy(self.backend, one.name, one.folder)
        if isinstance(merged, str):
            return Measured(probe="merged", system=one.name, skipped=merged)
        after = logits.last_alone(merged, self._rows(asked))
        values = {"kl": 0.0, "kl_most": 0.0, "agree": 0.0, "positions": 0.0}
        for a, b in zip(unmerged, after, strict=True):
            p, q = a.double().log_softmax(-1), b.double().log_softmax(-1)
            kl = (p.exp() * (p - q)).sum(-1).clamp(min=0)
            values["kl"] += float(kl.sum())
            values["kl_most"] = max(values["kl_most"], float(kl.max()))
            values["agree"] += float((a.argmax(-1) == b.argmax(-1)).sum())
            values["positions"] += len(a)
        values["kl"] /= values["positions"]
        return Measured(probe="merged", system=one.name, n=len(unmerged), values=values)

    # Tokenizers

    @cached_property
    def _trained_with(self) -> Any:
        """The tokenizer in the base's folder, as training reads it; None where there is none."""
        return tokenizer_in(Path(self._base_folder))

    def _tokenizers(self, one: Candidate, asked: Mapping[str, Request]) -> Measured:
        """Token ids of the prompts by the backend's tokenizer, by that in the base's folder, and by the adapter's."""
        live = self.backend.tokenizer
        if live is None or self._trained_with is None:
            return Measured(probe="tokenizer", system=one.name, skipped="there is no tokenizer to compare")
        requests = [*(asked or one.requests).values()]
        rows = [render(live, request) for request in requests]
        values = {"as_base": float(equal(rows, self._trained_with, requests))}
        own = tokenizer_in(Path(one.folder))
        if own is not None:
            same = (own.get_vocab(), own.chat_template) == (live.get_vocab(), live.chat_template)
            values |= {"as_own": float(equal(rows, own, requests)), "same_files": float(same)}
        if one.base_digest is not None:
            values["same_base"] = float(one.base_digest == self._base_digest)
        return Measured(probe="tokenizer", system=one.name, n=len(rows), values=values)


class _NoLogits(Exception):  # noqa: N818 - a backend may well have none
    """The backend has no live module in this process."""


def measure(
    bench: Bench, candidates: Sequence[Candidate], baselines: Mapping[str, Mapping[str, Request]]
) -> Iterator[list[Measured]]:
    """Everything on the base, then on each candidate."""
    yield bench.base(candidates[0].requests)
    for one in candidates:
        yield bench.candidate(one, baselines)


def _noise(padding: Measured) -> float:
    """How much a batch moves a logit; 0 where padding moves it so much that this is a fault and excuses nothing."""
    return padding.values["largest"] if padding.values.get("relative", math.inf) <= SANE else 0.0


def _too_few(asked: Mapping[str, Request]) -> str:
    return f"only {len(asked)} of the dev items could be answered"
