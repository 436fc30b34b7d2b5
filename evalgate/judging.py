"""From a recording to a decision: the score table, every gate's verdicts, the one sentence. No torch, seconds only."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from evalgate import plugins
from evalgate.artefacts import artefact_table
from evalgate.core.data import GateSpec
from evalgate.core.errors import EvalgateError
from evalgate.core.protocols import Metric
from evalgate.core.results import Decision, Estimate, MetricSpec, Run, Score, SystemScore, Verdict
from evalgate.core.score_rows import columns_of
from evalgate.decision import best_baselines, decide, shares_of_alpha
from evalgate.gates.columns import GateData
from evalgate.gates.judge import gain_over, judge
from evalgate.gates.stages import Stage, failed, in_order, judge_in_stages, unjudged
from evalgate.looks import at_look, bound_in_words, note_look, overspent, said_of, with_looks_left
from evalgate.metrics.recorded import refuse_other_counting
from evalgate.metrics.scoring import MeanMetric
from evalgate.probes.outcome import checks_of, failures
from evalgate.serving import break_even_table, serving_table
from evalgate.slices import slice_table
from evalgate.stats.interval import estimate_column, estimate_recipe
from evalgate.store import BASE, CAPABILITY, RunData
from evalgate.suite.order import first_half
from evalgate.validity import doubtful, examine

CAPABILITY_SPEC = MetricSpec(name="accuracy", unit="fraction", better="higher", signature="lm-eval|v1")


def judge_run(data: RunData) -> Decision:
    """Judge everything that a run recorded under the policy that it carries.

    A candidate whose recording has a hard finding can neither ship nor be refused: what was measured is something else.
    """
    run, metrics = data.run, metrics_of(data)
    scores = score_table(data, metrics)
    best = choose_best(data, scores)
    gate_data, checks = _gate_data(data, metrics), checks_of(data.probed)
    blocked = doubtful(failures(checks), run)
    verdicts = _verdicts(run, gate_data, blocked)
    out = failed(verdicts)  # ships never, and may have been measured in part only
    gains = {name: _gains(name, best, data, gate_data) for name in run.candidates if name not in {*out, *blocked}}
    findings = (*failures(checks), *examine(data, in_part={*(out if run.early_stop else ()), *blocked}))
    doubted = doubtful(findings, run)
    trusted = [candidate for candidate in run.candidates if candidate not in doubted]
    gates = in_order(run.gates)
    decision = decide(verdicts, candidates=trusted, gates=gates, gains=gains, best=best, scores=scores)
    clean = tuple(clean_table(data, metrics))
    decision = msgspec.structs.replace(decision, findings=findings, bound=bound_in_words(run), clean_scores=clean)
    decision = msgspec.structs.replace(decision, serving=serving_table(data), break_even=break_even_table(data, best))
    decision = msgspec.structs.replace(decision, slices=slice_table(data, metrics), artefacts=artefact_table(data))
    agreements = {(a.task, a.by, a.with_whom): a for a in data.agreements}  # a later one is of what was asked last
    decision = msgspec.structs.replace(decision, checks=checks, agreements=tuple(agreements.values()))
    if not doubted or decision.outcome == "ship":
        return decision
    reason = " ".join(doubted.values()) + (f" {decision.reason}" if trusted else "")
    return msgspec.structs.replace(decision, outcome="inconclusive", reason=reason)


def _verdicts(run: Run, gate_data: GateData, blocked: Collection[str]) -> list[Verdict]:
    """Every gate's verdict on every candidate; several candidates share one error rate (`shares_of_alpha`)."""
    policy = _policy(run)
    found = _staged(run, policy, gate_data, blocked)
    shares = shares_of_alpha(found, candidates=run.candidates, gates=policy)
    gates = {gate.name: gate for gate in policy}

    def shared(verdict: Verdict) -> Verdict:
        gate, name = gates[verdict.gate], verdict.candidate
        if verdict.outcome in ("fail", "not_run") or shares[name] == 1:  # a fail ships nothing: it keeps its level
            return verdict
        alpha = gate.alpha * shares[name]
        return judge(gate, candidates=[name], baselines=run.baselines, data=gate_data, alpha=alpha)[name]

    return [with_looks_left(shared(verdict), run) for verdict in found]


def _policy(run: Run) -> list[GateSpec]:
    """The run's gates at the level of one look; none for baselines alone, which are measured, not judged."""
    return [at_look(gate, run.suite.looks) for gate in run.gates] if run.candidates else []


def _staged(
    run: Run, policy: Sequence[GateSpec], gate_data: GateData, blocked: Collection[str], until: Stage = "latency"
) -> list[Verdict]:
    """The verdicts by stage; of candidates that validity checks have `blocked` no gate says anything."""
    found = judge_in_stages(
        policy,
        candidates=[name for name in run.candidates if name not in blocked],
        baselines=run.baselines,
        data=gate_data,
        early_stop=run.early_stop,
        until=until,
    )
    return found + [unjudged(gate, name) for gate in in_order(policy) for name in run.candidates if name in blocked]


def judge_look(data: RunData) -> Decision:
    """Judge a run and note the decision in its suite's ledger, before anybody is told.

    Raises `no-look` where a ledger is declared but the candidates were never asked the held-out set.
    """
    run = data.run
    blocked = doubtful(failures(checks_of(data.probed)), run)
    if run.suite.looks is not None and run.look is None and {*run.candidates} - {*blocked}:
        raise EvalgateError(
            "this run has not taken its look at the held-out set: it was stopped before a candidate was asked",
            code="no-look",
            fix=f"go on with `evalgate run {run.suite_folder} -o {data.folder}`",
            where=data.folder,
        )
    decision = judge_run(data)
    first, notes = note_look(run, decision), [decision.bound, overspent(run)]
    if run.look is not None and first is not None and first.outcome != said_of(run, decision)[0]:
        notes.append(
            f"The ledger holds what look {run.look.number} said first: {first.outcome}. Only that is under its error "
            "bound."
        )
    return msgspec.structs.replace(decision, bound=" ".join(filter(None, notes)))


def still_in(data: RunData, after: Stage) -> list[str]:
    """The candidates that have failed no required gate of the stages up to `after`, under the run's early stop."""
    run = data.run
    blocked = doubtful(failures(checks_of(data.probed)), run)
    verdicts = _staged(run, _policy(run), _gate_data(data, metrics_of(data)), blocked, until=after)
    out = failed(verdicts)
    return [name for name in run.candidates if name not in out]


def _gate_data(data: RunData, metrics: dict[str, Metric]) -> GateData:
    ids = {task: [e.id for e in rows] for task, rows in data.examples.items() if task != CAPABILITY}
    digest = data.run.data_digest
    return GateData(
        scores=data.scores,
        latency=data.latency,
        metrics=metrics,
        base=BASE,
        examples=ids,
        halves={task: first_half(names, task=task, data_digest=digest) for task, names in ids.items()},
        seed=data.run.seed,
        seeds=data.run.seeds,
    )


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
    """`task.metric` to its metric, capability included. Raises `scores-outdated` where one counts otherwise by now."""
    found = {f"{t.name}.{use.name}": plugins.metric(use, t) for t in data.run.suite.tasks for use in t.metrics}
    labels = {task: [e.label for e in rows if e.label is not None] for task, rows in data.examples.items()}
    refuse_other_counting(data.run, data.folder, {name: m.spec.signature for name, m in found.items()}, labels)
    found[f"{CAPABILITY}.{CAPABILITY_SPEC.name}"] = MeanMetric(CAPABILITY_SPEC)
    return found


def score_table(data: RunData, metrics: dict[str, Metric]) -> list[SystemScore]:
    """One row for each system, task and metric that was measured, with its interval."""
    columns = {s: {task: columns_of(rows) for task, rows in data.scores[s].items()} for s in data.run.systems}
    cells: dict[str, list[SystemScore]] = {system: [] for system in data.run.systems}
    # All systems' numbers of a metric in turn: their resamples are the same.
    for name, metric in metrics.items():
        task = name.partition(".")[0]
        for system, found in cells.items():
            column = columns[system].get(task, {}).get(metric.spec.name)
            if column is not None:
                found.append(
                    SystemScore(
                        system=system,
                        task=task,
                        metric=metric.spec.name,
                        estimate=estimate_column(column, metric, seed=data.run.seed),
                        better=metric.spec.better,
                    )
                )
    table = [cell for found in cells.values() for cell in found]
    for candidate, systems in data.run.seeds.items():
        if len(systems) > 1:
            table += recipe_rows(candidate.partition("@")[0], systems, data, metrics)
    return table


def clean_table(data: RunData, metrics: dict[str, Metric]) -> list[SystemScore]:
    """The score table without contaminated held-out examples, for the tasks that have any; gates judge all examples."""
    touched: dict[str, set[str]] = {}
    for overlap in data.overlaps or ():
        touched.setdefault(overlap.task, set()).add(overlap.example_id)
    if not touched:
        return []
    clean: dict[str, dict[str, Sequence[Score]]] = {
        system: {t: [s for s in tasks.get(t, ()) if s.example_id not in gone] for t, gone in touched.items()}
        for system, tasks in data.scores.items()
    }
    return score_table(msgspec.structs.replace(data, scores=clean), metrics)


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
