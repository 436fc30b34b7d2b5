"""From a recording to a decision: the score table, every gate's verdicts, the one sentence. No torch, seconds only."""

from __future__ import annotations

import msgspec

from evalgate import plugins
from evalgate.core.errors import EvalgateError
from evalgate.core.protocols import Metric
from evalgate.core.results import Decision, Estimate, MetricSpec, SystemScore, Verdict
from evalgate.decision import best_baselines, decide
from evalgate.gates.columns import GateData
from evalgate.gates.judge import gain_over, judge
from evalgate.looks import bound_in_words, gate_alpha, note_look, said_of, with_looks_left
from evalgate.metrics.scoring import MeanMetric
from evalgate.stats.interval import estimate_scores
from evalgate.store import BASE, CAPABILITY, RunData

CAPABILITY_SPEC = MetricSpec(name="accuracy", unit="fraction", better="higher", signature="lm-eval|v1")


def judge_run(data: RunData) -> Decision:
    """Judge everything that a run recorded under the policy that it carries."""
    metrics = metrics_of(data)
    scores = score_table(data, metrics)
    best = choose_best(data, scores)
    gate_data = GateData(
        scores=data.scores,
        latency=data.latency,
        metrics=metrics,
        base=BASE,
        examples={task: [e.id for e in rows] for task, rows in data.examples.items() if task != CAPABILITY},
        seed=data.run.seed,
    )
    run = data.run
    verdicts: list[Verdict] = []
    for gate in run.gates if run.candidates else ():  # baselines alone are measured, not judged
        level = gate_alpha(gate, run.suite.looks)
        found = judge(gate, candidates=run.candidates, baselines=run.baselines, data=gate_data, alpha=level)
        verdicts += [with_looks_left(verdict, run) for verdict in found.values()]
    gains = {candidate: _gains(candidate, best, data, gate_data) for candidate in run.candidates}
    decision = decide(verdicts, candidates=run.candidates, gates=run.gates, gains=gains, best=best, scores=scores)
    return msgspec.structs.replace(decision, bound=bound_in_words(run))


def judge_look(data: RunData) -> Decision:
    """Judge a run and note the decision in its suite's ledger, before anybody is told.

    Raises `no-look` where a ledger is declared but the candidates were never asked the held-out set.
    """
    run = data.run
    if run.suite.looks is not None and run.candidates and run.look is None:
        raise EvalgateError(
            "this run has not taken its look at the held-out set: it was stopped before a candidate was asked",
            code="no-look",
            fix=f"go on with `evalgate run {run.suite_folder} -o {data.folder}`",
            where=data.folder,
        )
    decision = judge_run(data)
    first = note_look(run, decision)
    if first is None or first.outcome == said_of(run, decision)[0]:
        return decision
    text = (
        f" The ledger holds what look {first.number} said first: {first.outcome}. Only that is under its error bound."
    )
    return msgspec.structs.replace(decision, bound=decision.bound + text)


def _gains(candidate: str, best: dict[str, str], data: RunData, gate_data: GateData) -> list[Estimate]:
    """A candidate's gain over the best baseline of each task, by primary metric: what ranks candidates that pass."""
    found = []
    for task in data.run.suite.tasks:
        if task.name in best and gate_data.metrics[f"{task.name}.{task.primary}"].is_mean:
            found.append(gain_over(task.name, task.primary, candidate, best[task.name], gate_data))
    return [gain for gain in found if gain is not None]


def choose_best(data: RunData, scores: list[SystemScore]) -> dict[str, str]:
    """The best baseline of each task by its primary metric."""
    primary = {task.name: task.primary for task in data.run.suite.tasks}
    return best_baselines(scores, baselines=data.run.baselines, primary=primary)


def metrics_of(data: RunData) -> dict[str, Metric]:
    """`task.metric` to its metric, capability included."""
    found = {f"{t.name}.{use.name}": plugins.metric(use) for t in data.run.suite.tasks for use in t.metrics}
    found[f"{CAPABILITY}.{CAPABILITY_SPEC.name}"] = MeanMetric(CAPABILITY_SPEC)
    return found


def score_table(data: RunData, metrics: dict[str, Metric]) -> list[SystemScore]:
    """One row for each system, task and metric that was measured, with its interval."""
    table = []
    for system in data.run.systems:
        for name, metric in metrics.items():
            task = name.partition(".")[0]
            rows = [s for s in data.scores[system].get(task, ()) if s.metric == metric.spec.name]
            if rows:
                estimate = estimate_scores(rows, metric, seed=data.run.seed)
                table.append(
                    SystemScore(
                        system=system,
                        task=task,
                        metric=metric.spec.name,
                        estimate=estimate,
                        better=metric.spec.better,
                    )
                )
    return table
