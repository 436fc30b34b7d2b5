"""The gate matrix: each gate's say on each candidate, its whole story, and the forest plot beside it."""

from __future__ import annotations

from typing import Any

from evalgate.core.data import GateSpec
from evalgate.core.results import Verdict
from evalgate.report import charts, words
from evalgate.store import RunData

View = dict[str, Any]


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
    notes += [needed] if (needed := needed_words(verdict)) else []
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


def needed_words(verdict: Verdict, gate: GateSpec | None = None) -> str:
    """How many examples would settle it; empty where the verdict's own sentence tells."""
    needed, n = verdict.needed_n, verdict.n
    if verdict.outcome != "inconclusive" or needed is None or needed <= n:
        return ""
    if any(f"{number:,}" in verdict.reason for number in (needed, needed - n)):
        return ""
    items = "pairs of calls" if gate is not None and gate.is_timed else "examples"
    return f"About {needed:,} {items} in all would settle it, {needed - n:,} more than the {n:,} of now"
