"""Whether two tokenizers give prompts the same ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalgate.core.protocols import Request
from evalgate.core.rendering import render

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "chat_template.jinja")


def equal(rows: Sequence[Sequence[int]], tokenizer: Any, requests: Sequence[Request]) -> int:
    """How many prompts another tokenizer and its template give the same ids; 0 if it cannot render them."""
    try:
        return sum([*row] == render(tokenizer, request) for row, request in zip(rows, requests, strict=True))
    except Exception:  # noqa: BLE001 (templates are programs of strangers)
        return 0


def tokenizer_in(folder: Path) -> Any:
    """The tokenizer in a folder; None where there is none."""
    from transformers import AutoTokenizer

    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        return None
    return AutoTokenizer.from_pretrained(str(folder))
