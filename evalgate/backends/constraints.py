"""Answers held to a JSON schema or to choices: llguidance says at each step which tokens may follow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from threading import Lock
from typing import Any

from evalgate.core.data import Sampling

# One space is allowed where JSON allows any, and before the answer, because templates differ in whether they end with
# one; never a line break, which often ends an answer.
JSON_OPTIONS: Any = {"whitespace_pattern": "[ ]?"}


def lark_of(sampling: Sampling) -> str:
    """The grammar of a sampling's constraint in llguidance's dialect of Lark."""
    meant = json.loads(sampling.grammar or "null")
    if sampling.constraint == "json_schema":
        options = JSON_OPTIONS | meant.get("x-guidance", {})
        return f'start: " "? answer\nanswer: %json {json.dumps(meant | {"x-guidance": options})}\n'
    return f'start: " "? ({" | ".join(json.dumps(choice) for choice in meant)})\n'


def problem_of(sampling: Sampling) -> str | None:
    """Why a constraint cannot be kept, such as a keyword of JSON schema that llguidance does not know; else None."""
    from llguidance import LLMatcher

    if sampling.constraint == "json_schema":  # not the whole grammar, whose message quotes all of it
        grammar = LLMatcher.grammar_from_json_schema(sampling.grammar or "{}", defaults=JSON_OPTIONS)
    else:
        grammar = LLMatcher.grammar_from_lark(lark_of(sampling))
    found: str = LLMatcher.validate_grammar(grammar)
    return None if not found or found.startswith("WARNING") else " ".join(found.split())


class Constraints:
    """The grammars of one tokenizer, each compiled once. Batches in other threads may ask at the same time."""

    def __init__(self, tokenizer: Any, n_vocab: int, ends: Sequence[int]) -> None:
        self._tokenizer, self._n_vocab, self._ends = tokenizer, n_vocab, list(ends)
        self._known: Any = None
        self._compiled: dict[str, Any] = {}
        self._lock = Lock()

    def processor(self, sampling: Sampling) -> Constrained:
        """What holds one batch to the sampling's constraint."""
        from llguidance import LLMatcher
        from llguidance.hf import from_tokenizer

        grammar = lark_of(sampling)
        with self._lock:
            if self._known is None:
                self._known = from_tokenizer(self._tokenizer, n_vocab=self._n_vocab, eos_token=self._ends)
            if grammar not in self._compiled:
                self._compiled[grammar] = LLMatcher(self._known, LLMatcher.grammar_from_lark(grammar), log_level=0)
            return Constrained(self._compiled[grammar], self._n_vocab, self._ends)


class Constrained:
    """A logits processor for one call of `generate`: a matcher a row, which goes on with every new token."""

    def __init__(self, matcher: Any, n_vocab: int, ends: Sequence[int]) -> None:
        self._start, self._n_words, self._ends = matcher, (n_vocab + 31) // 32, list(ends)
        self._all: list[Any] = []
        self._rows: list[Any] = []  # of `_all` those that are still decoded

    def keep(self, positions: Sequence[int]) -> None:
        """Rows have left the batch; `positions` are those that stay."""
        self._rows = [self._rows[i] for i in positions]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Scores in which no token is left that would break the constraint; a finished row may only end."""
        import torch

        if not self._rows:
            self._all = self._rows = [self._start.deep_copy() for _ in range(len(input_ids))]
        else:
            for row, token in zip(self._rows, input_ids[:, -1].tolist(), strict=True):
                if not row.is_stopped():
                    row.consume_token(token)
        words = torch.zeros((len(self._rows), self._n_words), dtype=torch.int32)
        for row, mask in zip(self._rows, words, strict=True):
            if not row.is_stopped():
                row.unsafe_compute_mask_ptr(mask.data_ptr(), 4 * self._n_words)
        bits = torch.arange(32, dtype=torch.int32, device=scores.device)
        allowed = (words.to(scores.device)[:, :, None] >> bits & 1).bool().flatten(1)[:, : scores.shape[1]]
        over = [row.is_stopped() for row in self._rows]
        allowed[[[i] for i, end in enumerate(over) if end], self._ends] = True
        padding = scores.shape[1] - allowed.shape[1]  # rows of the embedding that are no tokens
        return scores.masked_fill(~torch.nn.functional.pad(allowed, (0, max(0, padding))), float("-inf"))

    def failures(self) -> dict[int, str]:
        """Rows whose matcher gave up, such as at a limit of its parser, and why: their text is held to nothing."""
        return {i: " ".join(row.get_error().split()) for i, row in enumerate(self._all) if row.is_error()}
