"""A suite of one task whose recorded answers a fake judge knows how to judge."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from evalgate.config import load_suite_spec
from evalgate.plugins import metric_names
from evalgate.suite.frozen import freeze

N = 60
SUITE = """\
name: desk
version: 1
model: ../../models/tiny
baselines: ../../baselines/desk
tasks:
  reply:
    kind: generation
    metrics: [{metrics}]
    judge:
{judge}
gates:
{gates}
"""
RUBRIC = "How helpful is the answer to this question?\n{{ text }}"
PREFER = "Which answer helps more with this question? {{ question }}"
FENCED = re.compile(r"\[ANSWER(?: [AB])? (\w{12}) BEGINS\]\n(.*?)\n\[ANSWER(?: [AB])? \1 ENDS\]", re.DOTALL)


class Silent:
    """Shows nothing."""

    @contextlib.contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[Any]:
        """A stage that nobody sees."""
        yield lambda n=1: None

    def note(self, text: str) -> None:
        """News for nobody."""


def write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    """Write a JSONL file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def answers_in(prompt: str) -> list[str]:
    """The answers that a prompt asks to judge, in their order."""
    return [found[1] for found in FENCED.findall(prompt)]


def by_length(prompt: str) -> str:
    """A judge that likes long answers: one point for each three words, at most 5."""
    found = answers_in(prompt)
    sizes = [min(5, 1 + len(answer.split()) // 3) for answer in found]
    if len(found) == 1:
        return f"Let me see.\nVERDICT: {sizes[0]}"
    return f"VERDICT: {'TIE' if sizes[0] == sizes[1] else 'A' if sizes[0] > sizes[1] else 'B'}"


def write_judged(
    root: Path,
    *,
    judge: str = f"rubric: {json.dumps(RUBRIC)}\naccept_uncalibrated_judge: true",
    metrics: str = "exact_match, judge_score",
    gates: str = "{name: helpful, metric: reply.judge_score, rule: better_than_baselines, min_gain: 0.1}",
    old: Callable[[int], str] = lambda i: f"Answer {i}.",
    new: Callable[[int], str] = lambda i: f"Answer {i}, told in as many words as it takes to help.",
    labels: list[dict[str, object]] | None = None,
    freezes: bool = True,
) -> Path:
    """Write the suite with the baseline `old` and the candidate `new`, both recorded; gives its folder."""
    suite, baselines = root / "suites" / "desk", root / "baselines" / "desk"
    for split in ("dev", "heldout"):
        rows = [
            {"id": f"{split}-{i}", "inputs": {"text": f"{split} question {i}"}, "references": ["30 days"]}
            for i in range(N)
        ]
        write_rows(suite / "reply" / f"{split}.jsonl", rows)
    for folder, name, say in ((baselines, "old", old), (suite / "candidates", "new", new)):
        write_rows(folder / name / "reply.jsonl", [{"id": f"heldout-{i}", "output": say(i)} for i in range(N)])
        (folder / f"{name}.yaml").write_text(f"kind: recorded\npredictions: {{reply: {name}/reply.jsonl}}\n")
    if labels is not None:
        write_rows(suite / "labels.jsonl", labels)
    text = SUITE.format(
        metrics=metrics,
        judge="\n".join(f"      {line}" for line in judge.splitlines()),
        gates="\n".join(f"  - {gate}" for gate in gates.splitlines()),
    )
    text = text.replace("kind: generation", "kind: generation\n    splits: [dev, heldout]")
    (suite / "suite.yaml").write_text(text)
    model = root / "models" / "tiny"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"no weights")
    if freezes:
        freeze(suite, load_suite_spec(suite, metric_names()))
    return suite
