"""Every fault planted into a copy of its own, judged by the product, and compared with the copy without a fault."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from evalgate.core.errors import EvalgateError
from evalgate.core.record import Record
from evalgate.core.results import Decision, DecisionOutcome, Finding
from evalgate.doctor.copies import Copy, Scorer, copy_run, differing
from evalgate.doctor.faults import FAULTS, Fault, State
from evalgate.doctor.relabel import N_SEEDS, Relabelled, relabel
from evalgate.doctor.twin import make_twin
from evalgate.judging import choose_best, judge_run, metrics_of, score_table
from evalgate.store import RunData, load_run
from evalgate.validity import examine

# Checks that need what training records here; of a model behind an API, or of a recording, nothing is known of it.
OF_TRAINING = ("adapter-not-active", "heldout-in-train")


class Shown(Record, frozen=True, kw_only=True):
    """What one fault did: which gates or check should fire, which did (`before -> after`), and whether that will do."""

    fault: str
    planted: str
    expected: tuple[str, ...]
    fired: tuple[str, ...]
    state: State
    decision: DecisionOutcome
    note: str = ""


class Checkup(Record, frozen=True, kw_only=True):
    """Everything that `doctor --inject` found, for one candidate of a run."""

    run: str
    candidate: str
    twin: tuple[str, ...]
    control: dict[str, str]
    control_decision: DecisionOutcome
    faults: tuple[Shown, ...]
    relabelled: tuple[Relabelled, ...]
    ships: int
    n_relabelled: int

    @property
    def missed(self) -> list[str]:
        """The faults that nothing saw, and gates that pass what is no better too often."""
        return [f.fault for f in self.faults if f.state == "MISSED"] + [r.gate for r in self.relabelled if not r.sound]

    @property
    def open(self) -> list[str]:
        """The faults that this recording cannot show."""
        return [f.fault for f in self.faults if f.state == "NOT SHOWN"]


def diagnose(folder: Path) -> list[Finding]:
    """What is wrong with a recording itself; scores are made again from the answers where the suite is there."""
    data = load_run(folder)
    found = _findings(data)
    try:
        found += differing(data, Scorer(data.run))
    except EvalgateError as error:
        if error.code != "suite-not-there":
            raise
        found.append(Finding(code=error.code, what=error.what, where=error.where, fix=error.fix, hard=False))
    return sorted(found, key=lambda finding: not finding.hard)


def _findings(data: RunData) -> list[Finding]:
    """The findings that the decision rests on, which knows who was stopped early; all of them where it cannot judge."""
    try:
        return list(judge_run(data).findings)
    except EvalgateError:
        return list(examine(data))


def inject(folder: Path, faults: Sequence[Fault] = FAULTS) -> Checkup:
    """Plant known faults into copies of a run; the folder itself is only read.

    Raises: `not-a-run`, `no-candidate`, `suite-not-there`.
    """
    data = load_run(folder)
    candidate = _most_passes(data, judge_run(data)) if data.run.candidates else None
    if candidate is None:
        raise EvalgateError(
            "the run has no candidate, so there is nothing to plant faults into",
            code="no-candidate",
            fix="give a run with at least one candidate",
            where=str(folder),
        )
    best = choose_best(data, score_table(data, metrics_of(data)))
    scorer = Scorer(data.run)
    with tempfile.TemporaryDirectory(prefix="evalgate-doctor-") as room:
        copy_run(folder, Path(room) / "twin")
        twin = Copy(Path(room) / "twin", candidate, best, scorer)
        made = make_twin(twin)
        before = twin.judge()
        shown = [_show(fault, twin.copied(Path(room) / fault.name), before) for fault in faults]
    relabelled, ships = relabel(data, candidate, best)
    return Checkup(
        run=str(folder),
        candidate=candidate,
        twin=tuple(made),
        control=_outcomes(before),
        control_decision=before.outcome,
        faults=tuple(shown),
        relabelled=tuple(relabelled),
        ships=ships,
        n_relabelled=N_SEEDS if relabelled else 0,
    )


def _most_passes(data: RunData, decision: Decision) -> str:
    """The candidate that ships, or comes nearest to it: the one with the most required gates passed."""
    if decision.ship is not None:
        return decision.ship
    passed = dict.fromkeys(data.run.candidates, 0)
    for verdict in decision.verdicts:
        passed[verdict.candidate] += verdict.required and verdict.outcome == "pass"
    return max(passed, key=lambda name: passed[name])


def _show(fault: Fault, copy: Copy, before: Decision) -> Shown:
    planted = fault.plant(copy)
    after = copy.judge()
    expected = fault.gates(copy.data.run)
    if fault.harmless:
        state, fired, note = _tolerated(before, after)
        expected = ["nothing: it still ships"]
    elif fault.finding in OF_TRAINING and copy.data.run.systems[copy.candidate].kind in ("api", "recorded"):
        state, fired, expected, note = "NOT APPLICABLE", [], [], "nothing was trained here for this candidate"
    elif fault.finding:
        state, fired = _checked(fault, before, after)
        expected = [f"check {fault.finding}"]
        note = ""
    else:
        state, fired, note = _gated(fault, expected, before, after)
    return Shown(
        fault=fault.name,
        planted=planted,
        expected=tuple(expected),
        fired=tuple(fired),
        state=state,
        decision=after.outcome,
        note=note,
    )


def _checked(fault: Fault, before: Decision, after: Decision) -> tuple[State, list[str]]:
    was, now = ({f.code for f in d.findings if f.hard} for d in (before, after))
    if fault.finding in now - was and after.outcome != "ship":
        return "OK", [f"check {fault.finding}: clean -> found"]
    return ("NOT SHOWN" if fault.finding in was else "MISSED"), []


def _tolerated(before: Decision, after: Decision) -> tuple[State, list[str], str]:
    """A candidate that is better in spite of a fault ships; where the control does not, nothing can be shown."""
    was, now = _outcomes(before), _outcomes(after)
    fired = [f"{g}: {was[g]} -> {now[g]}{_moved(g, before, after)}" for g in now if now[g] != "pass"]
    if after.outcome == "ship":
        return "OK", [], "it ships; what the empty answers cost stands in the estimates"
    return ("MISSED" if before.outcome == "ship" else "NOT SHOWN"), fired, "it does not ship"


def _gated(fault: Fault, gates: list[str], before: Decision, after: Decision) -> tuple[State, list[str], str]:
    was, now = _outcomes(before), _outcomes(after)
    ships = "; with this fault the candidate ships" if after.outcome == "ship" else ""
    if not gates:
        must = fault.all_of_them and after.outcome == "ship"
        return "MISSED" if must else "NOT APPLICABLE", [], f"no required gate on {fault.watcher}{ships}"
    fired = [f"{g}: {was[g]} -> {now[g]}{_moved(g, before, after)}" for g in gates if was[g] == "pass" != now[g]]
    passing = [g for g in gates if was[g] == "pass"]
    if not passing:
        names = ", ".join(f"{g} is {was[g]}" for g in gates)
        return "NOT SHOWN", [], f"too few examples to pass even with right answers: {names}"
    enough = len(fired) == len(passing) if fault.all_of_them else bool(fired)
    return ("OK" if enough and after.outcome != "ship" else "MISSED"), fired, ships.removeprefix("; ")


def _moved(gate: str, before: Decision, after: Decision) -> str:
    """How the gate's estimate moved, as ` (0.886 -> 0.842)`."""
    values = [v.estimate.value for d in (before, after) for v in d.verdicts if v.gate == gate and v.estimate]
    return f" ({values[0]:.3f} -> {values[1]:.3f})" if len(values) == 2 else ""


def _outcomes(decision: Decision) -> dict[str, str]:
    return {v.gate: v.outcome for v in decision.verdicts if v.required}
