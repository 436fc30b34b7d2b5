"""Answers by likelihood: of the labels that a task has, the one that the model would most likely write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from evalgate.backends.batching import leading
from evalgate.core.data import Message, Sampling
from evalgate.core.protocols import Scored
from evalgate.core.results import Failure, Generation


def label_tokens(
    tokenizer: Any, messages: Sequence[Message], prompt: Sequence[int], sampling: Sampling, ends: Sequence[int]
) -> tuple[dict[str, list[int]], tuple[int, ...]]:
    """Tokens of each label as the assistant's turn would have them, and the tokens that must end it.

    Templates differ in what they write before an answer, so each label is rendered as one. What follows a label counts
    only where one label is the beginning of another, which would otherwise never be less likely.
    """
    labels: list[str] = json.loads(sampling.grammar or "[]")
    found = {label: _as_turn(tokenizer, messages, prompt, label) for label in labels}
    rows = sorted(found.values())
    if any(b[: len(a)] == a for a, b in pairwise(rows)):
        return {label: [*ids, ends[0]] for label, ids in found.items()}, tuple(ends)
    return found, ()


def _as_turn(tokenizer: Any, messages: Sequence[Message], prompt: Sequence[int], label: str) -> list[int]:
    turns = [{"role": m.role, "content": m.content} for m in (*messages, Message(role="assistant", content=label))]
    ids: list[int] = tokenizer.apply_chat_template(turns, continue_final_message=True, tokenize=True, return_dict=True)[
        "input_ids"
    ]
    n = len(prompt)
    if ids[:n] == list(prompt) and len(ids) > n:
        return ids[n:]
    # A template that writes more before an answer than before a question for one, such as an empty thought.
    bare: list[int] = tokenizer(label, add_special_tokens=False).input_ids
    return bare


def chosen_label(
    scores: dict[str, Scored],
    tokens: dict[str, list[int]],
    prompt: Sequence[int],
    bos: int | None,
    elapsed: float | None,
) -> Generation:
    """The likeliest label as an answer, with the log-likelihoods of all; of equal ones the first."""
    if any(score.out_of_memory for score in scores.values()):
        failure = Failure(code="out-of-memory", message="one request alone does not fit the device's memory")
        return Generation(output=None, status="error", failure=failure, prompt_tokens=len(prompt))
    logprobs = {label: score.logprob for label, score in scores.items()}
    label = max(logprobs, key=logprobs.__getitem__)
    return Generation(
        output=label,
        latency_s=elapsed,
        prompt_tokens=len(prompt),
        prompt_bos=leading(prompt, bos),
        completion_tokens=len(tokens[label]),
        label_logprobs=logprobs,
    )
