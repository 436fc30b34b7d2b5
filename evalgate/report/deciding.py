"""What decides: of each candidate the gates it fails, else those that are open, else what it gains, with intervals."""

from __future__ import annotations

from collections import Counter
from typing import Any

from evalgate.core.data import GateSpec
from evalgate.core.results import Decision, Verdict
from evalgate.report import words
from evalgate.report.verdicts import needed_words, verdict_cell
from evalgate.store import RunData

View = dict[str, Any]
COUNTED = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive", "not_run": "not run"}
# The first screen has room for about so many lines of all candidates, and for so many of one.
MAX_LINES, MAX_OWN = 9, 3


def deciding_view(data: RunData) -> list[View]:
    """Each candidate's verdicts as counts, and the few that decide; `more` is how many of those have no line."""
    if data.decision is None:
        return []
    ship = data.decision.ship
    told = [ship] if ship in data.run.candidates else data.run.candidates
    room = max(1, min(MAX_OWN, MAX_LINES // max(1, len(told))))
    gates = {gate.name: gate for gate in data.run.gates}
    found = []
    for candidate in sorted(data.run.candidates, key=lambda name: name != ship):
        own = [v for v in data.decision.verdicts if v.candidate in (candidate, "") and v.required]
        # Why the others do not ship decides nothing any more: their counts, and the matrix below.
        chosen = _chosen(own, gates) if candidate in told else []
        lines = _mending(candidate, data) or [_line(v, gates.get(v.gate)) for v in chosen]
        more = max(0, len(lines) - room)
        found.append({"text": _counts(candidate, own), "lines": lines[:room], "more": more})
    return found


def best_words(decision: Decision) -> list[str]:
    """Which baseline is the best of which task, where there are several."""
    tasks: dict[str, list[str]] = {}
    for task, name in decision.best_baselines.items():
        tasks.setdefault(name, []).append(task)
    if len(tasks) < 2:
        return []
    return ["Best baseline of each task: " + "; ".join(f"{name} ({', '.join(own)})" for name, own in tasks.items())]


def _counts(candidate: str, own: list[Verdict]) -> str:
    count = Counter[str](v.outcome for v in own)
    parts = [f"{count[outcome]} {word}" for outcome, word in COUNTED.items() if count[outcome]]
    return f"{candidate}: {', '.join(parts) or 'no verdicts'} of {len(own)} required gate{'s' * (len(own) != 1)}"


def _chosen(own: list[Verdict], gates: dict[str, GateSpec]) -> list[Verdict]:
    """A single failed gate decides, and no open one changes that; without any, open ones decide, then gains."""
    for outcome in ("fail", "inconclusive"):
        if found := [v for v in own if v.outcome == outcome]:
            return found
    gains = {name for name, gate in gates.items() if gate.rule == "better_than_baselines"}
    return sorted(own, key=lambda verdict: verdict.gate not in gains)


def _line(verdict: Verdict, gate: GateSpec | None) -> View:
    """An open gate's own sentence; of another what was measured, against what, and what was asked."""
    scale: words.Scale = words.gate_scale(gate) if gate else "plain"
    cell, e = verdict_cell(verdict.candidate, verdict, scale), verdict.estimate
    if verdict.outcome == "inconclusive" or e is None:
        text = ". ".join(part.rstrip(".") for part in (verdict.reason, needed_words(verdict, gate)) if part) + "."
    else:
        against = f" against {verdict.baseline}" if verdict.baseline else ""
        half = ", at half of the held-out set" if verdict.look == "half" else ""
        text = (
            f"{cell['value']}{against}, {100 * e.level:.4g}% interval {cell['interval']}, on {e.n:,} {_items(gate)}"
            f"{half}{_asked(gate)}"
        )
    return {"state": verdict.outcome, "word": cell["word"], "gate": verdict.gate, "text": text}


def _asked(gate: GateSpec | None) -> str:
    return f". Asked: {words.gate_rule(gate)}" if gate else ""


def _items(gate: GateSpec | None) -> str:
    return "pairs of calls" if gate is not None and gate.is_timed else "examples"


def _mending(candidate: str, data: RunData) -> list[View]:
    """What to do about a recording that does not say what it seems to; no number of examples would help there."""
    seeds = data.run.seeds
    owner = {name: c for c in data.run.candidates for name in seeds.get(c, (c,))}
    return [
        {"state": "none", "word": "TO DO", "gate": "", "text": f"{finding.fix} ({finding.where})"}
        for finding in (data.decision.findings if data.decision else ())
        if finding.hard and owner.get(finding.system, candidate) == candidate
    ]
