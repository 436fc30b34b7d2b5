"""Writes a whole suite of a few rows into a folder, for tests that then break one thing in it."""

import json
from pathlib import Path

SUITE = """\
name: desk
version: 1
description: a small desk
model: {id: ../../models/tiny, dtype: auto}
baselines: ../../baselines/desk
seed: 7
tasks:
  summarize: {kind: summarization, metrics: [rouge_l, {name: rouge_1, options: {stemmer: true}}]}
  route: {kind: classification, metrics: [accuracy, macro_f1]}
  extract: {kind: extraction, schema: extract/schema.json, metrics: [field_f1, json_valid]}
  policy_qa: {kind: qa, corpus: corpus/passages.jsonl, metrics: [exact_match]}
  redteam: {kind: generation, splits: [dev, heldout], metrics: [refusal_rate]}
capability: {tasks: [desk_facts], include_path: capability}
latency: {n_pairs: 20}
gates:
  - {name: summaries, metric: summarize.rouge_l, rule: better_than_baselines, min_gain: 0.02}
  - {name: capability, metric: capability.accuracy, rule: not_worse_than_baseline, margin: 0.05}
  - {name: json, metric: extract.json_valid, rule: at_least, limit: 0.9}
  - {name: latency, metric: latency.p95, rule: not_worse_than_baseline, limit: 1.1}
  - {name: refusal, metric: redteam.refusal_rate, rule: not_worse_than_baseline, margin: 0.05}
"""
ZERO_SHOT = """\
kind: prompt
description: plain words
prompts:
  summarize: {template: zero-shot/text.j2, max_tokens: 48, stop: ["\\n"]}
  route: {template: zero-shot/text.j2, max_tokens: 8, shots: 2}
  extract: {template: zero-shot/text.j2, constraint: json_schema}
  policy_qa: {template: zero-shot/text.j2}
  redteam: {template: zero-shot/text.j2}
"""
RAG = """\
name: rag
kind: rag
prompts:
  policy_qa: {template: zero-shot/passages.j2, retrieve: 3}
"""
RECIPE = """\
description: sound
method: qlora
prompts_from: ../../../baselines/desk/zero_shot.yaml
learning_rate: 2e-4
epochs: 1
"""
SCHEMA = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
ANSWERS = {
    "summarize": {"references": ["a short summary"]},
    "route": {"references": ["refund"], "label": "refund"},
    "extract": {"references": ['{"order": "A1"}']},
    "policy_qa": {"references": ["30 days"]},
    "redteam": {},
}
# One row in ten, so that every split has two classes.
OTHER_LABEL = {"references": ["order"], "label": "order"}


def rows_of(task: str, split: str, n: int = 4) -> list[dict[str, object]]:
    """A few rows of one split; no text stands in two splits."""
    told = "" if split == "heldout" else f"{split} "
    return [
        {
            "id": f"{task}-{split}-{i}",
            "inputs": {"text": f"{told}message {i}"},
            "cluster": f"c{i // 2}",
            **(OTHER_LABEL if task == "route" and i % 10 == 3 else ANSWERS[task]),
        }
        for i in range(n)
    ]


def write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    """Write a JSONL file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_suite(root: Path, n: int = 4) -> Path:
    """Write `suites/desk` with baselines and a recipe below `root`, `n` rows a split; gives the suite's folder."""
    suite, baselines = root / "suites" / "desk", root / "baselines" / "desk"
    for task in ANSWERS:
        for split in ("train", "dev", "heldout"):
            if (task, split) != ("redteam", "train"):
                write_rows(suite / task / f"{split}.jsonl", rows_of(task, split, n))
    (suite / "suite.yaml").write_text(SUITE)
    (suite / "extract" / "schema.json").write_text(json.dumps(SCHEMA))
    write_rows(suite / "corpus" / "passages.jsonl", [{"id": "p1", "title": "Returns", "text": "30 days"}])
    write_rows(suite / "capability" / "facts.jsonl", [{"question": "2+2", "answer": "4"}])
    (suite / "candidates").mkdir()
    (suite / "candidates" / "qlora.yaml").write_text(RECIPE)
    (baselines / "zero-shot").mkdir(parents=True)
    (baselines / "zero_shot.yaml").write_text(ZERO_SHOT)
    (baselines / "rag.yaml").write_text(RAG)
    (baselines / "zero-shot" / "text.j2").write_text("{% for s in shots %}{{ s.text }}{% endfor %}\n{{ text }}\n")
    (baselines / "zero-shot" / "passages.j2").write_text("{% for p in passages %}{{ p.text }}{% endfor %}{{ text }}")
    (root / "models" / "tiny").mkdir(parents=True)
    return suite
