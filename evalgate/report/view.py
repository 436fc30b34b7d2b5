"""A run as plain dictionaries that templates only have to lay out: words, numbers with units, positions."""

from __future__ import annotations

from typing import Any

from evalgate.core.record import short
from evalgate.core.score_rows import columns_of
from evalgate.report import charts, words
from evalgate.report.agreement import agreement_view
from evalgate.report.artefacts import artefacts_view
from evalgate.report.contamination import contamination_view
from evalgate.report.curves import curves_view
from evalgate.report.deciding import best_words, deciding_view
from evalgate.report.drift import drift_view
from evalgate.report.effort import effort_view
from evalgate.report.evidence import change_counts, task_changes
from evalgate.report.identity import card_facts, ledger_words, model_facts
from evalgate.report.index import Index
from evalgate.report.known import known_answers
from evalgate.report.pareto import pareto_view
from evalgate.report.problems import Problems
from evalgate.report.safety import safety_view
from evalgate.report.savings import policy_words, savings
from evalgate.report.scores import scores_view
from evalgate.report.serving import serving_view
from evalgate.report.slices import slices_view
from evalgate.report.unscored import unscored_view
from evalgate.report.validity import validity_view
from evalgate.report.verdicts import gates_view
from evalgate.stats.proportion import wilson
from evalgate.store import CAPABILITY, RunData

View = dict[str, Any]
HEADLINES = {"ship": "Ship", "keep_baseline": "Keep the baseline", "inconclusive": "Cannot tell yet"}
MEASURED = {
    "capability": "capability by subject",
    "safety": "safety items",
    "latency": "response times side by side",
    "serving": "what answering takes",
    "curves": "training curves",
}
LOCKED = "the data and gates that were read were those of suite.lock; a run begins with nothing else"
COMPARED = "none: two recordings are compared, and the data digest is of their items"
STATES = {"ship": "pass", "keep_baseline": "keep", "inconclusive": "inconclusive"}
# Changed examples that are laid out without the browser, a task, candidate and direction; the browser has all.
CARDS = 3


def build_view(data: RunData, index: Index | None = None) -> View:
    """Everything but the example browser's data (see `payload`)."""
    index = index or Index(data)
    problems = Problems(index)
    parts = measured(data, index, problems)
    n_blocks = max(1, len(index.tasks) * len(data.run.candidates))
    return {
        "title": f"{data.run.suite.name} · {data.run.id}",
        "suite": data.run.suite.name,
        "description": data.run.suite.description,
        "run_id": data.run.id,
        "started": words.moment(data.run.started),
        "decision": decision_view(data),
        "gates": gates_view(data),
        "scores": scores_view(data),
        "slices": slices_view(data),
        "changes": [task_changes(index, task, problems, max(1, min(CARDS, 40 // n_blocks))) for task in index.tasks],
        "pareto": pareto_view(data),
        **parts,
        "unmeasured": [words for name, words in MEASURED.items() if not _holds(parts[name])],
        "drift": drift_view(data),
        "artefacts": artefacts_view(data),
        "agreement": agreement_view(data),
        "trust": trust_view(index),
        "effort": effort_view(data),
        "index": index,
        "problems": problems,
    }


def measured(data: RunData, index: Index, problems: Problems) -> View:
    """What a run may have measured beside its tasks."""
    return {
        "capability": capability_view(index),
        "safety": safety_view(index, problems),
        "latency": [v for c in data.run.candidates if (v := charts.latency(c, data.latency.get(c, [])))],
        "serving": serving_view(data),
        "curves": curves_view(data),
    }


def _holds(part: View | list[View]) -> bool:
    return bool(part["rows"] if isinstance(part, dict) else part)


def decision_view(data: RunData) -> View:
    """The decision as a headline that cannot be read as more than it says."""
    decision = data.decision
    if decision is None:
        reason = f"This run has been recorded but not judged. `evalgate gate {data.folder}` judges it."
        empty = {"candidates": [], "facts": [], "word": "none"}
        return {"headline": "Not judged yet", "state": "none", "reason": reason, **empty}
    headline = HEADLINES[decision.outcome]
    if decision.outcome == "ship" and decision.ship:
        headline = f"Ship {decision.ship}"
    best = [*dict.fromkeys(decision.best_baselines.values())]
    if decision.outcome == "keep_baseline" and not data.run.candidates:
        headline = "Nothing to ship"
    elif decision.outcome == "keep_baseline" and len(best) == 1:
        headline = f"Keep the baseline: {best[0]}"
    return {
        "headline": headline,
        "state": STATES[decision.outcome],
        "word": decision.outcome,
        "reason": decision.reason,
        "candidates": deciding_view(data),
        "facts": _facts(data),
    }


def _facts(data: RunData) -> list[str]:
    assert data.decision is not None
    facts = best_words(data.decision) + savings(data)
    if data.decision.outcome == "ship" and "unlike the held-out set" not in data.decision.reason:
        facts.append("This holds for examples like the held-out ones and says nothing about others")
    if data.run.limit is not None:
        facts.append(f"Only the first {data.run.limit:,} examples of each task were asked (--limit)")
    facts += known_answers(data)
    facts += [data.decision.bound] if data.decision.bound else []
    return facts


def capability_view(index: Index) -> View:
    """Correct answers by subject and system: counts and their share."""
    table: dict[str, dict[str, list[float]]] = {}
    for system, tasks in index.data.scores.items():
        for column in columns_of(tasks.get(CAPABILITY, [])).values():
            for at, value in enumerate(column.values):
                if value is not None and at not in column.repeats:
                    table.setdefault(column.details.get(at) or "(all)", {}).setdefault(system, []).append(value)
    systems = [s for s in index.systems if any(s in by_system for by_system in table.values())]
    rows = [
        {"subject": s, "cells": [_share(found.get(name, [])) for name in systems]} for s, found in sorted(table.items())
    ]
    totals = [_share([v for found in table.values() for v in found.get(name, [])]) for name in systems]
    return {"systems": systems, "rows": rows, "totals": totals, "listed": bool(index.examples(CAPABILITY))}


def _share(values: list[float]) -> View:
    share = sum(values) / len(values) if values else None
    text = words.show(share, "fraction")
    is_count = bool(values) and set(values) <= {0.0, 1.0}
    bounds = [words.show(bound, "fraction") for bound in wilson(sum(values), len(values), 0.95)] if is_count else []
    return {
        "text": text,
        "width": round(100 * (share or 0), 1),
        "count": f"{sum(values):.0f} of {len(values)}",
        "interval": " to ".join(bounds),
    }


def trust_view(index: Index) -> View:
    """What the numbers depend on, and what is missing from them."""
    run = index.data.run
    facts = [
        ("Run", run.id),
        ("Started", words.moment(run.started)),
        ("Suite", f"{run.suite.name} version {run.suite.version}"),
        ("Suite digest", run.suite_digest),
        ("Lock", LOCKED if run.suite_folder else COMPARED),
        ("Data digest", run.data_digest),
        *model_facts(run),
        ("Seed", str(run.seed)),
        ("Early stop", policy_words(run.early_stop)),
        ("Ledger", ledger_words(run)),
        ("Example limit", "none" if run.limit is None else f"{run.limit:,}"),
        ("Code commit", run.code_commit or "unknown"),
        ("Hardware", run.hardware or "unknown"),
        ("Versions", ", ".join(f"{k} {v}" for k, v in sorted(run.versions.items())) or "unknown"),
    ]
    facts += [("Finding", finding.what) for finding in (index.data.decision.findings if index.data.decision else ())]
    systems = [
        (
            s.name,
            s.kind,
            s.backend,
            *(short(d or "") or "none" for d in (s.adapter_digest, s.retriever_digest)),
            s.description,
        )
        for s in run.systems.values()
    ]
    cards = [(name, card_facts(card)) for name, card in index.data.cards.items()]
    return {
        "facts": facts,
        "command": run.command,
        "systems": systems,
        "cards": cards,
        "unscored": unscored_view(index),
        "contamination": contamination_view(index.data),
        "validity": validity_view(index.data),
    }


def change_table(data: RunData, index: Index | None = None) -> dict[tuple[str, str], View]:
    """Improvement and regression counts by (candidate, `task.metric`), for short reports.

    Only for the metric that was compared item by item, and for the primary one that it stands for.
    """
    index = index or Index(data)
    metrics = {t.name: {index.item_metric[t.name], t.primary} for t in index.tasks if t.metrics}
    if index.examples(CAPABILITY):
        metrics[CAPABILITY] = {index.item_metric[CAPABILITY]}
    return {
        (c, f"{task}.{metric}"): change_counts(index, task, c)
        for c in data.run.candidates
        for task, names in metrics.items()
        for metric in names
    }
