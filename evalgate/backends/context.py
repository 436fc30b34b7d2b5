"""How long prompts are in tokens, and how long they may be: from a model's files alone, without its weights."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from evalgate.core.protocols import Request
from evalgate.core.rendering import render

LIMITS = ("max_position_embeddings", "n_positions", "seq_length", "n_ctx")
DEFAULT_LIMIT = 2048
# A tokenizer gives at most one token a byte; a character that it normalises first may become this many bytes.
EXPANDED = 40
# What a template may write beside its own text: role names, a date, end marks.
SLACK = 64


class Context:
    """The context of the model in a folder, and the lengths of prompts by its tokenizer and template."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        config = json.loads((folder / "config.json").read_bytes())
        found = [part[key] for part in (config, config.get("text_config") or {}) for key in LIMITS if part.get(key)]
        self.limit = int(found[0]) if found else DEFAULT_LIMIT

    @property
    def known(self) -> bool:
        """Whether there is a tokenizer to count with."""
        return any((self._folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json"))

    def excess(self, request: Request) -> int | None:
        """The length of a prompt that does not fit together with its answer; None for one that fits.

        Templates are rendered only where it is close: loading transformers takes longer than all the rest.
        """
        room = self.limit - request.sampling.max_tokens
        texts = [message.content for message in request.messages]
        most = sum(1 if char.isascii() else EXPANDED for text in texts for char in text)
        if most + self._template_bytes <= room or self._bare(texts) + self._template_bytes <= room:
            return None
        n = len(render(self._tokenizer, request))
        return n if n > room else None

    def _bare(self, texts: Sequence[str]) -> float:
        """Tokens of the texts without a template, by the Rust tokenizer alone, which loads in milliseconds."""
        if self._bare_tokenizer is None:
            return math.inf
        return sum(len(self._bare_tokenizer.encode(text).ids) for text in texts)

    @cached_property
    def _bare_tokenizer(self) -> Any:
        path = self._folder / "tokenizer.json"
        if not path.is_file():
            return None
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(path))

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(str(self._folder))

    @cached_property
    def _template_bytes(self) -> int:
        for name in ("chat_template.jinja", "tokenizer_config.json"):  # where there is the first, the second holds none
            if (self._folder / name).is_file():
                return SLACK + (self._folder / name).stat().st_size
        return SLACK
