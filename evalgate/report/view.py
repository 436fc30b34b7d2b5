"""A run as plain dictionaries that templates only have to lay out: words, numbers with units, positions."""

from __future__ import annotations

from collections import Counter
from typing import Any

from evalgate.core.data import GateSpec
from evalgate.core.record import short
from evalgate.core.results import Verdict
from evalgate.report import charts, words
from evalgate.report.agreement import agreement_view
from evalgate.report.contamination import contamination_view
from evalgate.report.curves import curves_view
from evalgate.report.drift import drift_view
from evalgate.report.effort import effort_view
from evalgate.report.evidence import change_counts, task_changes
from evalgate.report.identity import card_facts, model_facts
from evalgate.report.index import Index
from evalgate.report.known import known_answers
from evalgate.report.savings import part_asked, policy_words, savings
from evalgate.report.serving import serving_view
from evalgate.report.slices import slices_view
from evalgate.report.validity import validity_view
from evalgate.store import CAPABILITY, RunData

View = dict[str, Any]
HEADLINES = {"ship": "Ship", "keep_baseline": "Keep the baseline", "inconclusive": "Cannot tell yet"}
STATES = {"ship": "pass", "keep_baseline": "keep", "inconclusive": "inconclusive"}
COUNTED = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive", "not_run": "not run"}
# Changed examples that are laid out without the browser, a task, candidate and direction; the browser has all.
CARDS = 3


def build_view(data: RunData) -> View:
    """Everything but the example browser's data (see `payload`)."""
    index = Index(data)
    n_blocks = max(1, len(index.tasks) * len(data.run.candidates))
    return {
        "title": f"{data.run.suite.name} · {data.run.id}",
        "suite": data.run.suite.name,
        "description": data.run.suite.description,
        "run_id": data.run.id,
        "started": data.run.started,
        "decision": decision_view(data),
        "gates": gates_view(data),
        "scores": scores_view(data),
        "slices": slices_view(data),
        "changes": [task_changes(index, task, max(1, min(CARDS, 40 // n_blocks))) for task in index.tasks],
        "capability": capability_view(index),
        "drift": drift_view(data),
        "latency": [v for c in data.run.candidates if (v := charts.latency(c, data.latency.get(c, [])))],
        "serving": serving_view(data),
        "agreement": agreement_view(data),
        "curves": curves_view(data),
        "trust": trust_view(index),
        "effort": effort_view(data),
        "index": index,
    }


def decision_view(data: RunData) -> View:
    """The decision as a headline that cannot be read as more than it says."""
    decision = data.decision
    if decision is None:
        reason = f"This run has been recorded but not judged. `evalgate gate {data.folder}` judges it."
        return {"headline": "Not judged yet", "state": "none", "reason": reason, "facts": [], "word": "none"}
    headline = HEADLINES[decision.outcome]
    if decision.outcome == "ship" and decision.ship:
        headline = f"Ship {decision.ship}"
    best = [*dict.fromkeys(decision.best_baselines.values())]
    if decision.outcome == "keep_baseline" and len(best) == 1:
        headline = f"Keep the baseline: {best[0]}"
    return {
        "headline": headline,
        "state": STATES[decision.outcome],
        "word": decision.outcome,
        "reason": decision.reason,
        "facts": _facts(data),
    }


def _facts(data: RunData) -> list[str]:
    assert data.decision is not None
    facts = []
    for candidate in data.run.candidates:
        count: Counter[str] = Counter(
            v.outcome for v in data.decision.verdicts if v.candidate in (candidate, "") and v.required
        )
        parts = [f"{count[outcome]} {word}" for outcome, word in COUNTED.items() if count[outcome]]
        facts.append(f"{candidate}: {', '.join(parts) or 'no verdicts'} of {sum(count.values())} required gates")
    facts += [
        f"{v.gate} for {v.candidate}: about {v.needed_n:,} {_items(v.gate, data)} in all would settle it; {v.n:,} now"
        for v in data.decision.verdicts
        if v.outcome == "inconclusive" and v.required and v.needed_n and data.decision.outcome == "inconclusive"
    ]
    facts += savings(data)
    if data.run.limit is not None:
        facts.append(f"Only the first {data.run.limit:,} examples of each task were asked (--limit)")
    facts += known_answers(data)
    facts += [data.decision.bound] if data.decision.bound else []
    return facts


def _items(gate: str, data: RunData) -> str:
    timed = {g.name for g in data.run.gates if words.gate_scale(g) == "ratio"}
    return "pairs of calls" if gate in timed else "examples"


def gates_view(data: RunData) -> View:
    """Gates x candidates, with a forest plot for each gate."""
    verdicts = data.decision.verdicts if data.decision else ()
    table = {(v.gate, v.candidate): v for v in verdicts}
    known = {gate.name: gate for gate in data.run.gates}
    candidates = [*dict.fromkeys([*data.run.candidates, *(v.candidate for v in verdicts if v.candidate)])]
    names = [*dict.fromkeys([*known, *(v.gate for v in verdicts)])]
    rows = []
    for name in names:
        found = [(c, table.get((name, c)) or table.get((name, ""))) for c in candidates]
        rows.append(_gate_row(name, known.get(name), found))
    return {"candidates": candidates, "rows": rows}


def _gate_row(name: str, gate: GateSpec | None, found: list[tuple[str, Verdict | None]]) -> View:
    scale: words.Scale = words.gate_scale(gate) if gate else "plain"
    cells = [verdict_cell(candidate, verdict, scale) for candidate, verdict in found]
    estimates = [
        {"candidate": c, "state": v.outcome, **{k: getattr(v.estimate, k) for k in ("value", "low", "high")}}
        for c, v in found
        if v and v.estimate
    ]
    texts = {cell["candidate"]: cell["text"] for cell in cells}
    plot = charts.forest(words.gate_lines(gate) if gate else [], estimates, scale) if estimates else None
    for row in plot["rows"] if plot else []:
        row["text"] = texts[row["candidate"]]
    return {
        "name": name,
        "metric": gate.metric if gate else "",
        "rule": words.gate_rule(gate) if gate else "",
        "required": gate.required if gate else True,
        "what": {"points": "difference in percentage points", "ratio": "ratio"}.get(scale, "rate"),
        "cells": cells,
        "plot": plot,
    }


def verdict_cell(candidate: str, verdict: Verdict | None, scale: words.Scale) -> View:
    """One gate's say on one candidate; `tip` is its whole story in one paragraph."""
    if verdict is None:
        return {"candidate": candidate, "state": "none", "word": "NOT JUDGED", "text": "", "tip": "", "reason": ""}
    estimate = verdict.estimate
    text = f"{words.show(estimate.value, scale)} [{words.interval(estimate, scale)}]" if estimate else ""
    method = words.counted(estimate) if estimate else verdict.method
    notes = [f"compared with {verdict.baseline}"] if verdict.baseline else []
    notes += [f"about {verdict.needed_n:,} examples would settle it"] if verdict.needed_n else []
    notes += [f"p = {verdict.p_pass:.2g} for passing"] if verdict.p_pass is not None else []
    notes += [f"p = {verdict.p_fail:.2g} for failing"] if verdict.p_fail is not None else []
    notes += ["decided by the collapse guard"] if verdict.guard_decided else []
    return {
        "candidate": candidate,
        "state": verdict.outcome,
        "word": verdict.outcome.upper().replace("_", " "),
        "value": words.show(estimate.value, scale) if estimate else "",
        "interval": words.interval(estimate, scale) if estimate else "",
        "text": text,
        "reason": verdict.reason,
        "method": "; ".join([part for part in (method, *notes) if part]),
        "tip": ". ".join(part.rstrip(".") for part in (verdict.reason, text, method, *notes) if part) + ".",
    }


def scores_view(data: RunData) -> View:
    """Metrics x systems with intervals; the best point value of each row is marked."""
    scores = data.decision.scores if data.decision else ()
    table = {(s.task, s.metric, s.system): s for s in scores}
    asked = [*data.run.baselines, *data.run.candidates]
    # A recipe of several seeds has a column of its own: their mean.
    named = [*asked, *data.run.systems, *(row.system for row in scores)]
    systems = [s for s in dict.fromkeys(named) if any(row.system == s for row in scores)]
    rows = []
    for task, metric in dict.fromkeys((s.task, s.metric) for s in scores):
        found = [table.get((task, metric, s)) for s in systems]
        values = {
            s.system: s.estimate.value for s in found if s and s.estimate and s.estimate.value == s.estimate.value
        }
        better = next((s.better for s in found if s), "higher")
        best = {"higher": max, "lower": min}[better](values.values()) if values and better != "neither" else None
        scale = words.metric_scale(task, metric)
        cells = []
        for name, score in zip(systems, found, strict=True):
            e = score.estimate if score else None
            cells.append(
                {
                    "value": words.show(e.value, scale) if e else "n/a",
                    "interval": words.interval(e, scale) if e else "",
                    "tip": words.counted(e) if e else "not measured",
                    "spread": e.method.partition(",")[0] if e and " seeds from " in e.method else "",
                    "best": best is not None and values.get(name) == best and len(values) > 1,
                    "unscored": e.n_unscored if e else 0,
                    "part": part_asked(e, len(data.examples.get(task, ()))) if e else "",
                }
            )
        rows.append({"task": task, "metric": metric, "better": better, "cells": cells})
    trained = {name for names in data.run.seeds.values() for name in names}
    return {"systems": systems, "rows": rows, "candidates": {*data.run.candidates, *trained, *_recipes(data)}}


def _recipes(data: RunData) -> list[str]:
    """The recipes of several seeds; their scores are the means over seeds."""
    return [c.partition("@")[0] for c, names in data.run.seeds.items() if len(names) > 1]


def capability_view(index: Index) -> View:
    """Correct answers by subject and system: counts and their share."""
    table: dict[str, dict[str, list[float]]] = {}
    for system, tasks in index.data.scores.items():
        for score in tasks.get(CAPABILITY, []):
            if score.status == "scored" and score.parts and score.repeat == 0:
                table.setdefault(score.detail or "(all)", {}).setdefault(system, []).append(score.parts[0])
    systems = [s for s in index.systems if any(s in by_system for by_system in table.values())]
    rows = [
        {"subject": s, "cells": [_share(found.get(name, [])) for name in systems]} for s, found in sorted(table.items())
    ]
    totals = [_share([v for found in table.values() for v in found.get(name, [])]) for name in systems]
    return {"systems": systems, "rows": rows, "totals": totals}


def _share(values: list[float]) -> View:
    share = sum(values) / len(values) if values else None
    text = words.show(share, "fraction")
    return {"text": text, "width": round(100 * (share or 0), 1), "count": f"{sum(values):.0f} of {len(values)}"}


def trust_view(index: Index) -> View:
    """What the numbers depend on, and what is missing from them."""
    run = index.data.run
    facts = [
        ("Run", run.id),
        ("Started", run.started),
        ("Suite", f"{run.suite.name} version {run.suite.version}"),
        ("Suite digest", run.suite_digest),
        ("Data digest", run.data_digest),
        *model_facts(run),
        ("Seed", str(run.seed)),
        ("Early stop", policy_words(run.early_stop)),
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


def unscored_view(index: Index) -> list[View]:
    """Unscored items by system, task and metric, with the reasons; nothing where all were scored."""
    rows = []
    for system in index.systems:
        for task, scores in index.data.scores.get(system, {}).items():
            missing = Counter(
                (s.metric, s.failure.code if s.failure else "unknown") for s in scores if s.status == "unscored"
            )
            total = Counter(s.metric for s in scores)
            rows += [
                {"system": system, "task": task, "metric": metric, "code": code, "n": n, "of": total[metric]}
                for (metric, code), n in sorted(missing.items())
            ]
    return rows


def change_table(data: RunData) -> dict[tuple[str, str], View]:
    """Improvement and regression counts by (candidate, `task.metric`), for short reports.

    Only for the metric that was compared item by item, and for the primary one that it stands for.
    """
    index = Index(data)
    return {
        (c, f"{t.name}.{metric}"): change_counts(index, t.name, c)
        for c in data.run.candidates
        for t in index.tasks
        if t.metrics
        for metric in {index.item_metric[t.name], t.primary}
    }
