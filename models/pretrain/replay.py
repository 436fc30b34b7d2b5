"""Write general rows for replay: what the base model has read, as prompt and completion.

    python models/pretrain/replay.py models/base-5m/replay.jsonl

Facts are asked in pretraining's wordings, never in those of the capability test; refusals and harmless look-alikes keep
a fine-tune from answering everything in the same voice.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from models.pretrain import facts, mix
from models.pretrain.facts_relation import fill

COUNTS = {"facts": 300, "refusals": 450, "safety": 250, "skills": 200}
SAFETY = ("safety", "safety_open")
SEED = 11


def fact_rows(rng: random.Random, n: int) -> list[tuple[str, str]]:
    """Questions about facts, each subject alike often."""
    rows = []
    for i in range(n):
        relation, pair = rng.choice(facts.facts_of(facts.SUBJECTS[i % len(facts.SUBJECTS)]))
        rows.append((f"Question: {fill(rng.choice(relation.questions), pair)}\nAnswer:", pair[1]))
    return rows


def is_refusal(answer: str) -> bool:
    """Whether a corpus answer declines, by the words that its refusals are made of."""
    return any(mark in answer for mark in ("can't", "cannot", "won't", "not able to", "will not"))


def skill_rows(
    rng: random.Random, kinds: list[str], n: int, *, longest: int = 400, wanted: Callable[[str], bool] = bool
) -> list[tuple[str, str]]:
    """Samples of one turn with a wanted answer, short enough to be cheap."""
    rows: list[tuple[str, str]] = []
    while len(rows) < n:
        made = mix.sample(rng, rng.choice(kinds))
        content, answer = made.turns[0]
        if len(made.turns) == 1 and len(content) + len(answer) <= longest and wanted(answer):
            rows.append((content, answer))
    return rows


def main(path: Path) -> None:
    """Write all rows in a random order."""
    rng = random.Random(SEED)
    others = [kind for kind in mix.MAKERS if kind not in SAFETY]
    rows = fact_rows(rng, COUNTS["facts"]) + skill_rows(rng, list(SAFETY), COUNTS["safety"])
    rows += skill_rows(rng, list(SAFETY), COUNTS["refusals"], wanted=is_refusal)
    rows += skill_rows(rng, others, COUNTS["skills"])
    rng.shuffle(rows)
    lines = [json.dumps({"prompt": p, "completion": c}, ensure_ascii=False) for p, c in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
