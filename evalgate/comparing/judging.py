"""Two sides to one decision, in the form that a run's decision and report have."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace as changed

from msgspec.structs import replace

from evalgate.comparing.pairing import check_scale, choose_metric, missing_items, refuse_unpaired, scores_of
from evalgate.comparing.reading import read_side
from evalgate.comparing.sides import HASH, Asked, Item, Side
from evalgate.core.data import (
    Example,
    GateSpec,
    MetricUse,
    ModelSpec,
    Recording,
    SuiteSpec,
    SystemSpec,
    TaskSpec,
)
from evalgate.core.record import digest_of, short
from evalgate.core.results import Decision, MetricSpec, Prediction, Run, Score, SystemScore
from evalgate.core.seeds import now
from evalgate.decision import decide
from evalgate.gates.columns import GateData
from evalgate.gates.judge import judge
from evalgate.metrics.scoring import MeanMetric
from evalgate.stats.interval import estimate_scores
from evalgate.store import RunData

NO_BOUND = "No ledger is kept: nothing bounds the error of repeated comparisons on these items."


def compare_recordings(asked: Asked) -> RunData:
    """Read, pair and judge two recordings; the result reads like a run with A as its baseline and B as its candidate.

    Missing items count as the worst case for B, whoever lacks them. Raises what `read_side`, `choose_metric`,
    `refuse_unpaired` and `judge` raise.
    """
    check_scale(asked.scale)
    a, b = _named(read_side(asked, "a"), read_side(asked, "b"))
    metric = choose_metric(a, b, asked)
    refuse_unpaired(a, b)
    task = a.task if a.task == b.task else "items"
    ids = list(dict.fromkeys(item.id for side in (a, b) for item in side.items))
    scores: dict[str, dict[str, Sequence[Score]]] = {
        side.name: {task: scores_of(side, metric, ids, task, asked)} for side in (a, b)
    }
    gate = GateSpec(
        name=metric, metric=f"{task}.{metric}", margin=asked.margin, alpha=asked.alpha, max_unscored=asked.max_missing,
        rule="better_than_baselines" if asked.rule == "better" else "not_worse_than_baseline",
        min_gain=asked.min_gain, collapse_guard=asked.collapse_guard,
    )  # fmt: skip
    run = _run(a, b, task, metric, gate, asked)
    first = {item.id: item for side in (b, a) for item in reversed(side.items)}
    data = RunData(
        run=run, folder="", examples={task: [_example(i, first[i]) for i in ids]}, scores=scores, latency={}, cards={},
        predictions={side.name: {task: _predictions(side, task)} for side in (a, b)},
    )  # fmt: skip
    return replace(data, decision=_decision(data, gate, a, b))


def _named(a: Side, b: Side) -> tuple[Side, Side]:
    """The sides with two different names: by file, else by folder and file, else by letter."""
    if a.name != b.name:
        return a, b
    longer = [f"{side.path.resolve().parent.name}/{side.name}" for side in (a, b)]
    if longer[0] == longer[1]:
        longer = [f"{side.name} ({letter})" for side, letter in ((a, "A"), (b, "B"))]
    return changed(a, name=longer[0]), changed(b, name=longer[1])


def _run(a: Side, b: Side, task: str, metric: str, gate: GateSpec, asked: Asked) -> Run:
    suite = SuiteSpec(
        name=f"{a.name} and {b.name}", version=1, model=ModelSpec(id=""), gates=(gate,),
        tasks=(TaskSpec(name=task, kind="generation", data="", metrics=(MetricUse(name=metric),)),),
        description=_description(a, b, metric, asked),
    )  # fmt: skip
    systems = {
        side.name: SystemSpec(
            name=side.name, kind="recorded", backend="recorded", model="", prompts={}, description=str(side.path),
            predictions={task: Recording(file_digest=side.digest)},
        )
        for side in (a, b)
    }  # fmt: skip
    data_digest = digest_of(sorted({(i.id, i.content) for side in (a, b) for i in side.items}))
    return Run(
        id=short(digest_of([a.digest, b.digest, gate, metric, asked.scale, asked.lower_is_better])), suite=suite,
        suite_folder="", suite_digest=digest_of([suite.tasks, gate]), data_digest=data_digest, model_digest="",
        systems=systems, baselines=(a.name,), candidates=(b.name,), gates=(gate,), seed=0, limit=None, started=now(),
        command=shlex.join(["evalgate", *sys.argv[1:]]),
    )  # fmt: skip


def _description(a: Side, b: Side, metric: str, asked: Asked) -> str:
    """What is compared with what, and how the score was turned into a fraction."""
    text = f"{b.path} against {a.path}, by {metric}"
    turned = asked.lower_is_better or metric in a.lower
    if asked.scale or turned:
        worst, best = asked.scale or (0.0, 1.0)
        worst, best = (best, worst) if turned else (worst, best)
        text += f", of which {worst:g} counts as 0% and {best:g} as 100%"
    paired = "by what they ask" if asked.id == HASH else f"by {asked.id}" if asked.id else "by id"
    return f"{text}; items are paired {paired}."


def _example(identity: str, item: Item) -> Example:
    references = (item.reference,) if item.reference else ()
    return Example(id=identity, inputs={"input": item.text or identity}, references=references, cluster=item.cluster)


def _predictions(side: Side, task: str) -> list[Prediction]:
    repeats: dict[str, int] = {}
    found = []
    for item in side.items:
        repeats[item.id] = repeat = repeats.get(item.id, -1) + 1
        if item.output is not None:
            found.append(Prediction(example_id=item.id, system=side.name, task=task, output=item.output, repeat=repeat))
    return found


def _decision(data: RunData, gate: GateSpec, a: Side, b: Side) -> Decision:
    task, metric = gate.task, MeanMetric(
        MetricSpec(name=gate.metric_name, unit="fraction", better="higher", signature="")
    )  # fmt: skip
    ids = [example.id for example in data.examples[task]]
    gate_data = GateData(scores=data.scores, metrics={gate.metric: metric}, examples={task: ids})
    verdict = judge(gate, candidates=[b.name], baselines=[a.name], data=gate_data)[b.name]
    table = _table(data, [a.name, b.name], task, metric)
    decision = decide([verdict], candidates=[b.name], gates=[gate], best={task: a.name}, scores=table)
    missing = [
        finding
        for side, other in ((a, b), (b, a))
        for finding in missing_items(side, other, list(data.scores[side.name][task]))
    ]
    notes = list(dict.fromkeys(side.note for side in (a, b) if side.note))
    reason = " ".join([decision.reason, verdict.reason, *(f"{finding.what}." for finding in missing)])
    return replace(decision, reason=reason, findings=tuple(missing), bound=" ".join(notes or [NO_BOUND]))


def _table(data: RunData, systems: Sequence[str], task: str, metric: MeanMetric) -> list[SystemScore]:
    rows: dict[str, Sequence[Score]] = {name: data.scores[name][task] for name in systems}
    return [
        SystemScore(system=name, task=task, metric=metric.spec.name, estimate=estimate_scores(found, metric))
        for name, found in rows.items()
    ]
