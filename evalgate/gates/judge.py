"""Judges one gate of a suite for all candidates, from recorded scores and latency pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from evalgate.core.data import GateSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.results import Estimate, Verdict
from evalgate.gates.columns import (
    Column,
    GateData,
    cluster_sizes,
    clusters_of,
    column,
    needed_limit,
    quantile_of,
    scored,
)
from evalgate.gates.compare import Question, judge_pairs
from evalgate.gates.latency import compare_latency
from evalgate.gates.pairs import Scores, SeedScores
from evalgate.gates.threshold import floor_verdict, mean_floor
from evalgate.gates.words import PASSED, VALID, percent, points
from evalgate.store import CAPABILITY

LATENCY = "latency"
# A subject with fewer items is too small to be named as the worst one.
MIN_SUBJECT = 5


def judge(
    gate: GateSpec, *, candidates: Sequence[str], baselines: Sequence[str], data: GateData, alpha: float | None = None
) -> dict[str, Verdict]:
    """Judge one gate for every candidate; `alpha` overrides the gate's own (the ledger's level of one look).

    A candidate of several seeds (`data.seeds`) is compared as a recipe and by itself; floors and latency judge only it.
    `better_than_baselines`: against every baseline scored on the task, Holm over the candidates.
    `not_worse_than_baseline`: against `data.base` where it was scored on the task, else every baseline.
    Missing scores count worst-case for the candidate; with more than `gate.max_unscored` of them on either side
    the verdict is inconclusive. Cached latency pairs are refused.

    Raises:
        EvalgateError: `cannot-gate` (a metric that is no mean of fractions), `not-measured` (no rows at all).
        UsageError: `bad-gate` (a limit is missing), `bad-setting`.
    """
    level = gate.alpha if alpha is None else alpha
    if gate.is_timed:
        found = {c: _latency(gate, c, data, level) for c in candidates}
    elif gate.rule in ("at_least", "at_most"):
        found = {c: _threshold(gate, c, data, level) for c in candidates}
    else:
        found = _paired(gate, candidates, baselines, data, level)
    return {
        name: msgspec.structs.replace(verdict, gate=gate.name, candidate=name, required=gate.required)
        for name, verdict in found.items()
    }


def _references(gate: GateSpec, baselines: Sequence[str], data: GateData) -> list[str]:
    """The systems that a paired gate compares with."""
    if gate.rule == "not_worse_than_baseline" and data.base is not None and scored(gate, [data.base], data):
        return [data.base]
    found = scored(gate, baselines, data)
    if not found:
        raise EvalgateError(
            f"gate '{gate.name}' compares {gate.metric} with a baseline, but no baseline was measured on it",
            code="not-measured",
            fix=f"give the suite a baseline for task '{gate.task}', judge with `--against FOLDER` of accepted ones, "
            "or use the rule `at_least`",
        )
    return found


def _paired(
    gate: GateSpec, candidates: Sequence[str], baselines: Sequence[str], data: GateData, alpha: float
) -> dict[str, Verdict]:
    better = gate.rule == "better_than_baselines"
    references = {name: column(gate, name, data) for name in _references(gate, baselines, data)}
    seeds = {name: data.seeds.get(name, (name,)) for name in candidates}
    columns = {name: column(gate, name, data) for names in seeds.values() for name in names}
    question = Question(
        rule="better" if better else "not_worse", margin=gate.margin, min_gain=gate.min_gain if better else None,
        alpha=alpha, collapse_guard=gate.collapse_guard, subject=_subject(gate),
    )  # fmt: skip
    reference = next(iter(references))
    notes = {} if better else {name: _worst_subject(gate, name, reference, data) for name in candidates}
    verdicts = judge_pairs(
        {name: _scores_of(name, columns, data) for name in candidates},
        {name: c.entries for name, c in references.items()},
        question,
        clusters=clusters_of(gate, [*columns, *references], data),
        correct=better,
        notes=notes,
    )
    return {
        name: _too_many_unscored(gate, verdict, {**{seed: columns[seed] for seed in seeds[name]}, **references})
        for name, verdict in verdicts.items()
    }


def _scores_of(candidate: str, columns: Mapping[str, Column], data: GateData) -> Scores | SeedScores:
    """A candidate's scores, by training seed where these are known."""
    if candidate not in data.seeds:
        return columns[candidate].entries
    by_seed: SeedScores = {name: columns[name].entries for name in data.seeds[candidate]}
    return by_seed


def _too_many_unscored(gate: GateSpec, verdict: Verdict, columns: Mapping[str, Column]) -> Verdict:
    """The verdict, or inconclusive where a system it rests on has too many unscored examples."""
    name, worst = max(columns.items(), key=lambda item: item[1].unscored)
    if worst.unscored <= gate.max_unscored:
        return verdict
    reason = (
        f"{worst.n_unscored} of {len(worst.entries)} examples of {name} could not be scored "
        f"({percent(worst.unscored)}; allowed {percent(gate.max_unscored)}), so this gate cannot be judged. "
        "Mend what failed and run again: only those examples are asked anew."
    )
    return msgspec.structs.replace(
        verdict, outcome="inconclusive", reason=reason, needed_n=None, guard_decided=False, p_pass=None, p_fail=None
    )


def _subject(gate: GateSpec) -> str:
    if gate.task == CAPABILITY:
        return f"Capability ({gate.metric_name})"
    return f"{gate.task} {gate.metric_name}".replace("_", " ")


def _worst_subject(gate: GateSpec, candidate: str, reference: str, data: GateData) -> str:
    """For capability: the subject (`Score.detail`) with the largest drop, as a sentence; else empty."""
    if gate.task != CAPABILITY:
        return ""
    sides = []
    for system in (candidate, reference):
        rows = [r for r in data.scores[system][gate.task] if r.metric == gate.metric_name and r.parts]
        sides.append({r.example_id: (r.detail, r.parts[0]) for r in rows})
    changes: dict[str, list[float]] = {}
    for example_id, (detail, value) in sides[0].items():
        if detail is not None and example_id in sides[1]:
            changes.setdefault(detail, []).append(value - sides[1][example_id][1])
    large = {name: values for name, values in changes.items() if len(values) >= MIN_SUBJECT}
    if len(large) < 2:
        return ""
    name, values = min(large.items(), key=lambda item: (sum(item[1]) / len(item[1]), item[0]))
    change = points(sum(values) / len(values), sign=True)
    if sum(values) >= 0:
        return f"None of {len(large)} subjects dropped (for information)."
    return f"Worst subject: {name}, {change} on {len(values)} items (for information)."


def _threshold(gate: GateSpec, candidate: str, data: GateData, alpha: float) -> Verdict:
    """A floor or ceiling. 0/1 scores: Clopper-Pearson, an example counts only if all its repeats pass; else t."""
    limit = needed_limit(gate)
    mine = column(gate, candidate, data)
    metric = data.metrics.get(gate.metric)
    lower = metric is not None and metric.spec.better == "lower"
    # Entries are turned so that 1 is best; a ceiling on a lower-is-better rate is a floor on them.
    if lower == (gate.rule == "at_least"):
        direction = "lower" if lower else "higher"
        raise UsageError(
            f"gate '{gate.name}' sets `{gate.rule}` on {gate.metric}, where {direction} is better",
            code="bad-gate",
            fix=f"use `{'at_most' if lower else 'at_least'}`",
        )
    floor = 1 - limit if lower else limit
    clusters = clusters_of(gate, [candidate], data)
    values = [min((v or 0.0) for v in (e if isinstance(e, Sequence) else [e])) for e in mine.entries.values()]
    if all(v in (0.0, 1.0) for e in mine.entries.values() for v in (e if isinstance(e, Sequence) else [e]) if v):
        verdict = floor_verdict(
            sum(v == 1.0 for v in values), len(values), floor=floor, alpha=alpha, zero_tolerance=gate.zero_tolerance,
            speech=VALID if "valid" in gate.metric_name else PASSED, sizes=cluster_sizes(mine.entries, clusters),
        )  # fmt: skip
        verdict = _name_first_failure(gate, verdict, mine, values)
    else:
        verdict = mean_floor(
            mine.entries, floor=floor, alpha=alpha, collapse_guard=gate.collapse_guard, clusters=clusters
        )
    if lower:
        verdict = _turned_back(gate, verdict, limit)
    if verdict.estimate is not None:
        verdict = msgspec.structs.replace(
            verdict, estimate=msgspec.structs.replace(verdict.estimate, n_unscored=mine.n_unscored)
        )
    return _too_many_unscored(gate, verdict, {candidate: mine})


def _turned_back(gate: GateSpec, verdict: Verdict, limit: float) -> Verdict:
    """A verdict on 1 minus the metric, with its estimate in the metric's own direction."""
    old = verdict.estimate
    if old is None:
        return verdict
    estimate = msgspec.structs.replace(old, value=1 - old.value, low=1 - old.high, high=1 - old.low)
    note = f" (Your ceiling of {percent(limit)} on {gate.metric_name} is a floor of {percent(1 - limit)} here.)"
    return msgspec.structs.replace(verdict, estimate=estimate, reason=verdict.reason + note)


def _name_first_failure(gate: GateSpec, verdict: Verdict, mine: Column, values: Sequence[float]) -> Verdict:
    """With zero tolerance the example that broke the rule is named."""
    if not gate.zero_tolerance or verdict.outcome != "fail":
        return verdict
    first = next(i for i, value in zip(mine.entries, values, strict=True) if value != 1.0)
    return msgspec.structs.replace(verdict, reason=f"{verdict.reason} Example: {first}.")


def _latency(gate: GateSpec, candidate: str, data: GateData, alpha: float) -> Verdict:
    pairs = data.latency.get(candidate, ())
    if not pairs:
        raise EvalgateError(
            f"gate '{gate.name}' needs latency pairs of '{candidate}', which were never measured",
            code="not-measured",
            fix="give the suite a `latency:` section and run it again",
        )
    quantile, limit = quantile_of(gate), needed_limit(gate)
    n_cached = sum(pair.cached for pair in pairs)
    if n_cached:
        reason = (
            f"{n_cached} of {len(pairs)} times were read from a cache and say nothing of latency. "
            "Measure again with `--no-cache`."
        )
        return Verdict(
            gate=gate.name, outcome="inconclusive", reason=reason, baseline=pairs[0].baseline, alpha=alpha, n=len(pairs)
        )
    times = {(p.task, p.example_id, p.repeat, i): t for i, p in enumerate(pairs) if (t := p.times(gate.task))}
    if len(times) < len(pairs):
        raise EvalgateError(
            f"gate '{gate.name}' judges the time to the first token, which the backend does not tell",
            code="not-measured",
            fix="use a backend that does, or judge `latency` in its place",
        )
    candidate_s, baseline_s = zip(*times.values(), strict=True)
    verdict = compare_latency(
        candidate_s, baseline_s, quantile=quantile, limit=limit, alpha=alpha, seed=data.seed,
        items=[f"{task}/{example}" for task, example, *_ in times],
    )  # fmt: skip
    return msgspec.structs.replace(verdict, gate=gate.name, baseline=pairs[0].baseline)


def gain_over(task: str, metric: str, candidate: str, baseline: str, data: GateData) -> Estimate | None:
    """The candidate's mean gain over one baseline on a task's metric (better is positive), at level 0.90.

    None where either was not measured or the metric is no mean of fractions: such a task cannot rank candidates.
    """
    gate = GateSpec(name="gain", metric=f"{task}.{metric}", rule="better_than_baselines", collapse_guard=False)
    try:
        columns = [column(gate, system, data) for system in (candidate, baseline)]
    except EvalgateError:
        return None
    clusters = clusters_of(gate, [candidate, baseline], data)
    question = Question(collapse_guard=False)
    verdicts = judge_pairs({candidate: columns[0].entries}, {baseline: columns[1].entries}, question, clusters=clusters)
    estimate = verdicts[candidate].estimate
    return None if estimate is None or np.isnan(estimate.low) else estimate
