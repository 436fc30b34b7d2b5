"""The control: a twin of the recorded candidate that only just ships, so that whatever harms it must show.

A recorded candidate often does not ship by itself, and a gate that did not pass cannot be seen to stop passing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from evalgate.core.data import Example, GateSpec
from evalgate.core.results import AdapterProbe, Prediction, Run, Score, Verdict
from evalgate.core.seeds import rng
from evalgate.doctor.copies import Copy, capability_items
from evalgate.files import write_lines, write_record
from evalgate.gates.columns import GateData
from evalgate.gates.judge import judge
from evalgate.judging import metrics_of
from evalgate.store import BASE, CAPABILITY, RunData

GARBAGE = "\ufffd\ufffd{"
# Just below the limit: bounds are compared with it in floating point.
INSIDE = 0.999


def required(run: Run, task: str) -> list[GateSpec]:
    """The gates on one task that a candidate must pass to ship."""
    return [gate for gate in run.gates if gate.required and gate.task == task]


def timed(run: Run) -> list[GateSpec]:
    """The gates on times that a candidate must pass to ship."""
    return [gate for gate in run.gates if gate.required and gate.is_timed]


def broken(output: str | None) -> str:
    """An answer as a broken decoder leaves it: its first characters, then garbage."""
    return (output or "")[:3] + GARBAGE


def make_twin(copy: Copy) -> list[str]:
    """Turn the candidate of `copy` into its twin, alone in the race; returns what was made, as sentences.

    The twin gives the reference to as few examples of each task as its required gates let pass (the best baseline's
    answer where there is no reference) and breaks the others; it forgets as many capability items and is as slow as
    just passes. Where no number of right answers passes, it gives them all. Gates on times are left out where none were
    measured, as after an early stop.
    """
    data = before = copy.data
    others = [c for c in data.run.candidates if c != copy.candidate]
    systems = {name: system for name, system in data.run.systems.items() if name not in others}
    gates = tuple(gate for gate in data.run.gates if not gate.is_timed or data.latency.get(copy.candidate))
    alone = msgspec.structs.replace(data.run, systems=systems, candidates=(copy.candidate,), gates=gates)
    write_record(copy.paths.run_file, alone)
    write_lines(copy.paths.trained(copy.candidate), [])
    copy.paths.probed.unlink(missing_ok=True)  # the checks were of the candidate, not of its twin
    digest = data.run.systems[copy.candidate].adapter_digest or ""
    write_record(copy.paths.probe(copy.candidate), AdapterProbe(adapter_digest=digest, base=(-1.0,), tuned=(-2.0,)))
    data = copy.data  # alone in the race
    made = [_answer_task(copy, data, task) for task in data.run.systems[copy.candidate].tasks]
    if required(data.run, CAPABILITY) and capability_items(data, BASE):
        made.append(_forget(copy, data))
    if timed(data.run) and data.latency.get(copy.candidate):
        made.append(_slow(copy, data))
    if len(gates) < len(before.run.gates):
        made.append("no times were measured, so gates on them are left out")
    return made


def good_answers(copy: Copy, task: str, examples: Sequence[Example]) -> dict[str, str | None]:
    """The first reference or the label of every example; else what the best baseline answered."""
    baseline = copy.answers(task, copy.best[task]) if task in copy.best else {}
    return {e.id: e.references[0] if e.references else e.label or baseline.get(e.id) for e in examples}


def verdicts_on(
    data: RunData, scores: Mapping[str, Mapping[str, Sequence[Score]]], gates: Sequence[GateSpec]
) -> list[Verdict]:
    """The only candidate's verdicts of some gates, with scores in place of the recorded ones."""
    gate_data = GateData(
        scores=scores,
        latency=data.latency,
        metrics=metrics_of(data),
        base=BASE,
        examples={task: [e.id for e in rows] for task, rows in data.examples.items() if task != CAPABILITY},
        seed=data.run.seed,
    )
    names, baselines = data.run.candidates, data.run.baselines
    judged = [judge(gate, candidates=names, baselines=baselines, data=gate_data) for gate in gates]
    return [verdict for by_candidate in judged for verdict in by_candidate.values()]


def _answer_task(copy: Copy, data: RunData, task: str) -> str:
    examples = data.examples[task]
    good = good_answers(copy, task, examples)
    bad = {i: broken(text) for i, text in good.items()}
    order = [examples[int(i)].id for i in rng(data.run.seed, "doctor", task).permutation(len(examples))]
    sides = [_by_example(copy, task, examples, outputs) for outputs in (good, bad)]
    gates = required(data.run, task)

    def passes(k: int) -> bool:
        rows = [row for place, i in enumerate(order) for row in sides[place >= k][i]]
        return _all_pass(data, {task: rows}, gates)

    k = _least(passes, len(order)) if gates else len(order)
    copy.answer(task, {i: (good if place < k else bad)[i] for place, i in enumerate(order)})
    return f"{task}: {k} of {len(order)} answers right, the others broken"


def _by_example(
    copy: Copy, task: str, examples: Sequence[Example], outputs: dict[str, str | None] | dict[str, str]
) -> dict[str, list[Score]]:
    rows = [Prediction(example_id=i, system=copy.candidate, task=task, output=text) for i, text in outputs.items()]
    found: dict[str, list[Score]] = {}
    for score in copy.scorer.score(task, examples, rows):
        found.setdefault(score.example_id, []).append(score)
    return found


def _all_pass(data: RunData, rows: dict[str, list[Score]], gates: Sequence[GateSpec]) -> bool:
    [candidate] = data.run.candidates
    scores = data.scores | {candidate: data.scores[candidate] | rows}
    return all(v.outcome == "pass" for v in verdicts_on(data, scores, gates))


def _forget(copy: Copy, data: RunData) -> str:
    """The base's capability items, but for as many forgotten ones as the gates allow."""
    gates, items = required(data.run, CAPABILITY), capability_items(data, BASE)
    right = [s.example_id for s in items if s.parts[0] == 1.0]
    order = [right[int(i)] for i in rng(data.run.seed, "doctor", CAPABILITY).permutation(len(right))]

    def without(k: int) -> dict[str, float]:
        return {s.example_id: 0.0 if s.example_id in set(order[:k]) else s.parts[0] for s in items}

    def passes(kept: int) -> bool:
        known = without(len(order) - kept)
        rows = [msgspec.structs.replace(s, system=copy.candidate, parts=(known[s.example_id],)) for s in items]
        return _all_pass(data, {CAPABILITY: rows}, gates)

    forgotten = len(order) - _least(passes, len(order))
    copy.know(without(forgotten))
    return f"capability: the base's items, {forgotten} of {len(order)} right ones forgotten"


def _slow(copy: Copy, data: RunData) -> str:
    """The recorded times, scaled until the upper bound of every gate's ratio lies just inside its limit."""
    factors = [
        gate.limit / verdict.estimate.high * INSIDE
        for gate in timed(data.run)
        for verdict in verdicts_on(data, data.scores, [gate])
        if gate.limit is not None and verdict.estimate is not None
    ]
    factor = min(factors, default=1.0)
    pairs = data.latency[copy.candidate]
    copy.take([p.slowed(factor) for p in pairs])
    return f"latency: the recorded times of the candidate, {factor:.2f} times as long"


def _least(passes: Callable[[int], bool], most: int) -> int:
    """The least k of 0..most that passes, where all above it pass too; `most` if none does."""
    low, high = -1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high
