"""The base model's corpus and the suite are strangers: no long word sequence stands in both."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from models.pretrain import facts, mix

ROOT = Path(__file__).parents[2]
N_DOCUMENTS = 6_000
N_WORDS = 13


def grams(text: str) -> Iterator[tuple[str, ...]]:
    words = re.findall(r"[a-z0-9]+", text.lower())
    yield from zip(*(words[i:] for i in range(N_WORDS)), strict=False)


def suite_texts() -> Iterator[str]:
    for path in sorted((ROOT / "suites/support").glob("*/heldout.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            for value in row["inputs"].values():
                yield value if isinstance(value, str) else "\n".join(turn["content"] for turn in value)
    for line in (ROOT / "suites/support/corpus/passages.jsonl").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)["text"]


@pytest.mark.slow
def test_no_held_out_row_shares_thirteen_words_with_the_corpus() -> None:
    ours = {gram for text in suite_texts() for gram in grams(text)}
    assert len(ours) > 10_000
    documents = [*islice(mix.documents(random.Random(4)), N_DOCUMENTS)]
    documents += islice(facts.documents(random.Random(5)), N_DOCUMENTS)
    shared = {gram for document in documents for gram in grams(document) if gram in ours}
    assert not shared, sorted(shared)[:5]


def test_replay_rows_hold_no_capability_question() -> None:
    lines = (ROOT / "models/base-5m/replay.jsonl").read_text(encoding="utf-8").splitlines()
    prompts = " ".join(json.loads(line)["prompt"].lower() for line in lines)
    for path in sorted((ROOT / "suites/support/capability").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert json.loads(line)["question"].lower() not in prompts
