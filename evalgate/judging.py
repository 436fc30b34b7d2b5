"""From a recording to a decision: the score table, every gate's verdicts, the one sentence. No torch, seconds only."""

from __future__ import annotations

from collections.abc import Sequence

from evalgate import plugins
from evalgate.core.data import GateSpec
from evalgate.core.protocols import Metric
from evalgate.core.results import Decision, Estimate, MetricSpec, SystemScore, Verdict
from evalgate.decision import best_baselines, decide, shares_of_alpha
from evalgate.gates.columns import GateData
from evalgate.gates.judge import gain_over, judge
from evalgate.metrics.scoring import MeanMetric
from evalgate.stats.interval import estimate_recipe, estimate_scores
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
        seeds=data.run.seeds,
    )
    run = data.run
    verdicts = _verdicts(data, gate_data)
    gains = {candidate: _gains(candidate, best, data, gate_data) for candidate in run.candidates}
    return decide(verdicts, candidates=run.candidates, gates=run.gates, gains=gains, best=best, scores=scores)


def _verdicts(data: RunData, gate_data: GateData) -> list[Verdict]:
    """Every gate's verdict on every candidate; several candidates share one error rate (`shares_of_alpha`)."""
    run = data.run

    def judged(gate: GateSpec, name: str, share: float) -> Verdict:
        alpha = gate.alpha * share
        return judge(gate, candidates=[name], baselines=run.baselines, data=gate_data, alpha=alpha)[name]

    found = [judged(gate, name, 1.0) for gate in run.gates for name in run.candidates]
    shares = shares_of_alpha(found, candidates=run.candidates, gates=run.gates)
    gates = {gate.name: gate for gate in run.gates}
    # A fail keeps the gate's own level: it ships nothing.
    return [
        v
        if v.outcome == "fail" or shares[v.candidate] == 1
        else judged(gates[v.gate], v.candidate, shares[v.candidate])
        for v in found
    ]


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
    for candidate, systems in data.run.seeds.items():
        if len(systems) > 1:
            table += recipe_rows(candidate.partition("@")[0], systems, data, metrics)
    return table


def recipe_rows(recipe: str, systems: Sequence[str], data: RunData, metrics: dict[str, Metric]) -> list[SystemScore]:
    """A recipe's mean over its training seeds, with an interval that allows for their spread; means only."""
    table = []
    for name, metric in metrics.items():
        task = name.partition(".")[0]
        rows = {s: [r for r in data.scores[s].get(task, ()) if r.metric == metric.spec.name] for s in systems}
        if all(rows.values()) and metric.is_mean and metric.spec.unit == "fraction":
            estimate = estimate_recipe(list(rows.values()))
            table.append(
                SystemScore(
                    system=recipe, task=task, metric=metric.spec.name, estimate=estimate, better=metric.spec.better
                )
            )
    return table
