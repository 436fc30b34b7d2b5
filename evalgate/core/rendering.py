"""A conversation as token ids: the same for whatever answers, counts or checks it."""

from __future__ import annotations

from typing import Any

from evalgate.core.protocols import Request


def render(tokenizer: Any, request: Request) -> list[int]:
    """Token ids of a conversation by a tokenizer and its template, the answer's beginning included."""
    messages = [{"role": m.role, "content": m.content} for m in request.messages]
    ids: list[int] = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True
    )["input_ids"]
    return ids
