"""What the engine benchmark asks: prompts that share a few-shot prefix, and questions with four choices."""

from __future__ import annotations

import json
from pathlib import Path

from evalgate.core.data import Message, Sampling
from evalgate.core.protocols import Request

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "models" / "base-5m"
SUITE = ROOT / "suites" / "support"
N_SHOTS, MAX_TOKENS = 6, 32


def prompts(n: int) -> list[str]:
    """Questions of the support suite's dev and train splits behind one beginning of about 300 tokens."""
    shots, rows = _rows("policy_qa/train.jsonl")[:N_SHOTS], _rows("policy_qa/train.jsonl")[N_SHOTS : N_SHOTS + n]
    shown = "".join(f"Question: {r['inputs']['question']}\nAnswer: {r['references'][0]}\n\n" for r in shots)
    return [
        f"Answer each question in a few words.\n\n{shown}Question: {r['inputs']['question']}\nAnswer:" for r in rows
    ]


def requests(texts: list[str]) -> list[Request]:
    """Greedy requests for whole answers, which end at EOS only."""
    sampling = Sampling(max_tokens=MAX_TOKENS)
    return [Request(messages=(Message(role="user", content=text),), sampling=sampling) for text in texts]


def choices(n: int, n_shots: int = 0) -> list[tuple[str, str]]:
    """Context and continuation of each choice of `n` questions of the capability set, four a question."""
    files = sorted((SUITE / "capability").glob("*.jsonl"))
    rows = [row for file in files for row in _rows(file.relative_to(SUITE).as_posix())]
    shots, rows = rows[:n_shots], rows[n_shots : n_shots + n]
    shown = "".join(f"Question: {r['question']}\nAnswer: {r['choices'][r['answer']]}\n\n" for r in shots)
    return [(f"{shown}Question: {r['question']}\nAnswer:", f" {choice}") for r in rows for choice in r["choices"]]


def _rows(path: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (SUITE / path).read_text().splitlines()]
