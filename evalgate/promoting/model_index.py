"""The front matter of a model card: what Hugging Face reads, with the evaluation as its `model-index`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from evalgate.core.record import short
from evalgate.core.results import AdapterCard, Decision, Estimate, Run, SystemScore
from evalgate.store import BASE, CAPABILITY

FENCE = "---\n"
# The hub's names for kinds of tasks; it has none for extraction.
KINDS = {"classification": "text-classification", "summarization": "summarization", "qa": "question-answering"}
OTHER_KIND = "text-generation"
LIBRARIES = {"adapter": "peft", "model": "transformers"}


def front_matter(run: Run, decision: Decision, card: AdapterCard, licence: str | None) -> dict[str, Any]:
    """The card's YAML: library, base, licence and `model-index`, which a sealed decision has no numbers for.

    The base is named only where it is on the hub, whose form refuses folders.
    """
    relation = "finetune" if card.kind == "model" and card.merge == "adapter" else (
        "adapter" if card.kind == "adapter" else "merge"
    )  # fmt: skip
    named = {"base_model": card.base_model, "base_model_relation": relation} if on_hub(card.base_model) else {}
    results = list(_results(run, decision))
    index = [{"name": decision.ship or "", "results": results}] if results else []
    return {
        "library_name": LIBRARIES[card.kind],
        "pipeline_tag": "text-generation",
        **({"license": licence} if licence else {}),
        **named,
        "tags": ["evalgate", *(["lora"] if card.kind == "adapter" else [])],
        **({"model-index": index} if index else {}),
    }


def on_hub(base_model: str) -> bool:
    """Whether a base has a hub id, not a folder."""
    return re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", base_model) is not None


def baseline_of(decision: Decision, row: SystemScore) -> SystemScore | None:
    """The score beside which a score of the candidate stands: of its task's best baseline, for capability the base."""
    other = BASE if row.task == CAPABILITY else decision.best_baselines.get(row.task)
    same = (s for s in decision.scores if (s.system, s.task, s.metric) == (other, row.task, row.metric))
    return next(same, None)


def scores_of(decision: Decision) -> list[SystemScore]:
    """What was measured of the candidate that ships."""
    return [s for s in decision.scores if s.system == decision.ship and s.estimate is not None]


def _results(run: Run, decision: Decision) -> Iterator[dict[str, Any]]:
    rows, kinds = scores_of(decision), {task.name: task.kind for task in run.suite.tasks}
    for task in dict.fromkeys(row.task for row in rows):
        yield {
            "task": {"type": KINDS.get(kinds.get(task, ""), OTHER_KIND), "name": task},
            "dataset": {
                "name": f"{run.suite.name}, held-out set of {task}",
                "type": run.suite.name,
                "config": task,
                "split": "test",
                "revision": run.suite_digest,
            },
            "metrics": [_metric(run, decision, row) for row in rows if row.task == task],
        }


def _metric(run: Run, decision: Decision, row: SystemScore) -> dict[str, Any]:
    assert row.estimate is not None
    beside = baseline_of(decision, row)
    args: dict[str, Any] = _numbers(row.estimate) | {"better": row.better}
    if signature := run.signatures.get(f"{row.task}.{row.metric}"):
        args["signature"] = signature
    if beside is not None and beside.estimate is not None:
        args["baseline"] = {"system": beside.system, "value": beside.estimate.value, **_numbers(beside.estimate)}
    return {"type": row.metric, "value": row.estimate.value, "name": f"{row.task}.{row.metric}", "args": args}


def _numbers(e: Estimate) -> dict[str, Any]:
    """An estimate's interval, size and method; an end that is not finite is left out, for the hub reads JSON."""
    ends = {k: v for k, v in (("low", e.low), ("high", e.high)) if math.isfinite(v)}
    return {**ends, "level": e.level, "n": e.n, "n_unscored": e.n_unscored, "method": e.method}


def to_yaml(told: dict[str, Any]) -> str:
    """Front matter between its fences."""
    import yaml

    return FENCE + yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=1000) + FENCE


def read_front_matter(text: str) -> dict[str, Any] | None:
    """The front matter of a card; None where there is none, or it cannot be read."""
    import yaml

    if not text.startswith(FENCE) or FENCE not in text[len(FENCE) :]:
        return None
    try:
        found = yaml.safe_load(text[len(FENCE) : text.index(FENCE, len(FENCE))])
    except yaml.YAMLError:
        return None
    return found if isinstance(found, dict) else None


def version_line(run: Run) -> str:
    """Which suite and run the numbers are of."""
    suite = run.suite
    return f"suite `{suite.name}` version {suite.version} ({short(run.suite_digest)}), run {run.id}, seed {run.seed}"
