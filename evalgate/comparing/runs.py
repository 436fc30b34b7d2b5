"""One system of a recorded run as a side: its scores on one task, in every metric that can gate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalgate.comparing.sides import HASH, Asked, Item, Side, choose_system
from evalgate.core.content import content_digest, text_of
from evalgate.core.errors import UsageError
from evalgate.core.protocols import Metric
from evalgate.core.record import digest_of
from evalgate.core.results import Run
from evalgate.judging import metrics_of
from evalgate.store import RunData, load_run

LEDGER = (
    "{name} keeps a ledger of looks; a comparison is no look, so its bound does not hold for what is decided by this. "
    "Release by `evalgate gate`."
)


def read_run(path: Path, asked: Asked, wanted: str | None, side: str) -> Side:
    """A run's system on a task. Raises `choose-task`, `choose-system`, and what `load_run` raises."""
    data = load_run(path)
    run = data.run
    task = _task(data, asked.task, path)
    have = [name for name in run.systems if data.scores[name].get(task)]
    # B is what wants to ship: of a run with one candidate it is that one.
    if wanted is None and side == "b" and len(found := [name for name in run.candidates if name in have]) == 1:
        wanted = found[0]
    name = choose_system(have, wanted, path, side)
    metrics = {m.spec.name: m for key, m in metrics_of(data).items() if key.partition(".")[0] == task and _fit(m)}
    return Side(
        name=name, path=path, digest=digest_of([run.id, list(data.scores[name][task])]), task=task,
        items=tuple(_items(data, name, task, metrics, by_content=asked.id == HASH)),
        lower=frozenset(n for n, m in metrics.items() if m.spec.better == "lower"),
        signatures={n: m.spec.signature for n, m in metrics.items()}, note=_note(run),
    )  # fmt: skip


def _note(run: Run) -> str:
    return LEDGER.format(name=run.suite.name) if run.suite.looks is not None else ""


def _fit(metric: Metric) -> bool:
    return metric.is_mean and metric.spec.unit == "fraction" and metric.spec.better != "neither"


def _task(data: RunData, wanted: str | None, path: Path) -> str:
    known = [task for task in data.examples if any(tasks.get(task) for tasks in data.scores.values())]
    if wanted is None and len(known) == 1:
        return known[0]
    if wanted in known:
        return str(wanted)
    what = f"has no scores of a task '{wanted}'" if wanted else f"has scores of {len(known)} tasks"
    raise UsageError(
        f"{path} {what}: {', '.join(known) or '(none)'}",
        code="choose-task",
        fix="name one of them with `--task NAME`",
        where=str(path),
    )


def _items(data: RunData, system: str, task: str, metrics: Mapping[str, Any], *, by_content: bool) -> list[Item]:
    examples = {example.id: example for example in data.examples.get(task, ())}
    outputs = {(p.example_id, p.repeat): p.output for p in data.predictions[system].get(task, ())}
    values: dict[tuple[str, int], dict[str, float | None]] = {}
    clusters: dict[str, str | None] = {}
    for row in data.scores[system][task]:
        if row.metric in metrics:
            scored = row.status == "scored" and len(row.parts) > 0
            values.setdefault((row.example_id, row.repeat), {})[row.metric] = row.parts[0] if scored else None
            clusters[row.example_id] = row.cluster
    values |= {(example_id, 0): {} for example_id in examples.keys() - clusters.keys()}
    found = []
    for (example_id, repeat), scores in values.items():
        example = examples.get(example_id)
        content = content_digest(text_of(example)) if example else ""
        text = text_of(example) if example else ""
        found.append(
            Item(
                id=content if by_content and content else example_id,
                values=scores,
                where=f"{data.folder}:{example_id}",
                content=content,
                text=text,
                output=outputs.get((example_id, repeat)),
                reference=example.references[0] if example and example.references else "",
                cluster=clusters.get(example_id),
            )
        )
    return found
