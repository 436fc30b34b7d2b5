"""May this run's decision be acted on? Everything that it rests on is read again, and what differs is named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalgate.accepting.against import against as beside
from evalgate.accepting.records import read_accepted
from evalgate.config import load_suite_spec
from evalgate.core.data import Suite
from evalgate.core.errors import EvalgateError, ExitCode, UsageError
from evalgate.core.protocols import Progress
from evalgate.core.record import Record, short
from evalgate.core.results import AdapterCard, Decision, Run
from evalgate.doctor.copies import Scorer, differing
from evalgate.exporting import card_of
from evalgate.files import read_record
from evalgate.manifest import DIGESTS, changes, read_digests
from evalgate.promoting.judged import differences, judged, said_otherwise
from evalgate.store import RunData, RunFolder, load_identity, load_run
from evalgate.suite.frozen import load_suite
from evalgate.suite.ledger import lost_look, open_ledger


class NotShippingError(EvalgateError):
    """A decision that ships nothing; the process ends with the decision's own exit code."""

    def __init__(self, what: str, *, code: str, fix: str, where: str = "") -> None:
        super().__init__(what, code=code, fix=fix, where=where)
        self.exit_code = ExitCode.BLOCKED


class Ready(Record, frozen=True, kw_only=True):
    """A run whose decision may be acted on, as it was read."""

    run: Run
    decision: Decision
    card: AdapterCard
    data: RunData
    suite: Suite

    @property
    def ship(self) -> str:
        """The candidate."""
        return self.decision.ship or ""


def ready(folder: Path, against: Path | None, progress: Progress) -> Ready:
    """Read and judge a run again; `against` is the folder of accepted baselines that it was gated with.

    Raises: `not-shipping`, `no-weights`, `no-artefact`; for what differs `recording-changed`,
        `suite-digest-mismatch`, `suite-moved`, `ledger-broken`, `look-said-otherwise`, `answers-changed`,
        `decision-changed`; and what reading a run raises.
    """
    run, paths = load_identity(folder), RunFolder(folder)
    decision = read_record(paths.decision_file, Decision, fix=f"judge it first: `evalgate gate {folder}`")
    _refuse_unshipped(run, decision, paths)
    _refuse_changed(folder, run)
    ship = decision.ship or ""
    if run.systems[ship].kind in ("api", "recorded"):
        raise EvalgateError(
            f"'{ship}' is of `kind: {run.systems[ship].kind}`: its weights are not here, so none can be promoted",
            code="no-weights",
            fix="promote it where it is served; the decision is in decision.json",
            where=str(paths.run_file),
        )
    card = card_of(run, paths, ship)
    suite = _suite_of(run)
    data = load_run(folder)
    if against is not None:
        data = beside(data, read_accepted(against))
    _refuse_other_answers(data, progress)
    again = judged(data)
    found = differences(decision, again)
    if found:
        raise EvalgateError(
            f"judged again, the recording gives another decision than decision.json: {_some(found)}",
            code="decision-changed",
            fix=f"see what holds now with `evalgate gate {folder}`; a run that was gated `--against` accepted "
            "baselines is promoted with the same `--against`",
            where=str(paths.decision_file),
        )
    _refuse_ledger(run, decision)
    return Ready(run=run, decision=decision, card=card, data=data, suite=suite)


def _refuse_unshipped(run: Run, decision: Decision, paths: RunFolder) -> None:
    """Raise `not-shipping` unless the decision ships a candidate, with the first required gate that stands against."""
    if decision.outcome == "ship" and decision.ship in run.systems:
        return
    against = [v for v in decision.verdicts if v.required and v.outcome != "pass"]
    first = next((v for v in against if v.outcome == "fail"), against[0] if against else None)
    why = f"{first.candidate} on gate '{first.gate}': {first.outcome}. {first.reason}".strip() if first else (
        decision.reason
    )  # fmt: skip
    error = NotShippingError(
        f"run {run.id} ships nothing, its decision is {decision.outcome}: {why}",
        code="not-shipping",
        fix=f"read why: `evalgate report {paths.folder}`",
        where=str(paths.decision_file),
    )
    if decision.outcome == "inconclusive":
        error.exit_code = ExitCode.INCONCLUSIVE
    raise error


def _refuse_changed(folder: Path, run: Run) -> None:
    """Raise `recording-changed` with every file that is not as it was when the decision was made."""
    found = changes(folder, read_digests(folder / DIGESTS))
    if found:
        named = [f"{name} (expected {short(was) or 'none'}, found {short(now) or 'none'})"
                 for name, (was, now) in found.items()]  # fmt: skip
        raise EvalgateError(
            f"{len(found)} recorded file{'s are' if len(found) > 1 else ' is'} not as when run {run.id} was decided: "
            f"{_some(named)}",
            code="recording-changed",
            fix=f"restore what was recorded; if the change is right, judge it: `evalgate gate {folder}`",
            where=str(folder / next(iter(found))),
        )


def _suite_of(run: Run) -> Suite:
    """The suite, as frozen and as the run was made with; raises `suite-not-there`, `suite-moved` and its own faults."""
    folder = Path(run.suite_folder)
    if not folder.is_dir():
        Scorer(run)
    suite = load_suite(folder, load_suite_spec(folder))
    if suite.digest != run.suite_digest or suite.data_digest != run.data_digest:
        raise EvalgateError(
            f"suite '{suite.spec.name}' is frozen as version {suite.spec.version} ({short(suite.digest)}), and the "
            f"decision was made on version {run.suite.version} ({short(run.suite_digest)})",
            code="suite-moved",
            fix="run the suite that is in force, or check out the commit that the run was made from",
            where=str(folder),
        )
    return suite


def _refuse_other_answers(data: RunData, progress: Progress) -> None:
    """Raise `answers-changed` where recorded answers do not give the recorded scores."""
    try:
        wrong = list(differing(data, Scorer(data.run)))
    except (ImportError, EvalgateError) as error:
        progress.note(f"answers were not scored again, the recorded scores stand: {str(error).splitlines()[0]}")
        return
    if wrong:
        raise EvalgateError(
            "; ".join(finding.what for finding in wrong),
            code="answers-changed",
            fix="restore predictions and scores, or delete that file of scores and run again",
            where=str(Path(data.folder) / wrong[0].where),
        )


def _refuse_ledger(run: Run, decision: Decision) -> None:
    """Raise `ledger-broken` for a ledger that lacks this run's look, `look-said-otherwise` where it said no first."""
    if run.look is None:
        return
    folder = Path(run.suite_folder)
    ledger = open_ledger(folder)
    taken = ledger.counted(run.look.entry)
    if taken is None:
        raise lost_look(folder, run.look.number)
    if why := said_otherwise(run, decision, ledger.decided.get(taken.claim.key)):
        raise EvalgateError(
            f"the error bound of suite '{run.suite.name}' does not cover this decision: {why}",
            code="look-said-otherwise",
            fix="promote what the first decision of that look ships; see `evalgate ledger SUITE`",
            where=str(ledger.path),
        )


def refuse_taken(to: Path) -> None:
    """Raise `promotion-exists` for a place that holds something else than a promotion."""
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(
            "there is something else at the place to promote to, and nothing is overwritten",
            code="promotion-exists",
            fix="name a new folder with `--to FOLDER`, or move the old one away",
            where=str(to),
        )


def _some(texts: Sequence[str], n: int = 3) -> str:
    rest = f"; and {len(texts) - n} more" if len(texts) > n else ""
    return "; ".join(texts[:n]) + rest
