"""The main path: suites are loaded, systems predict, predictions are scored, scores are judged, verdicts decide.

suites/ ──load──▶ Suite ──predict──▶ Prediction* ──score──▶ Score* ──check──▶ Verdict* ──decide──▶ Decision ──▶ report
train split ──▶ training ──▶ adapter + AdapterCard ──▶ a tuned system
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from evalgate.accepting.against import against as beside
from evalgate.accepting.against import refuse_other_suite, refuse_unmeasured, told
from evalgate.accepting.records import Kept, read_accepted
from evalgate.core.data import RunOptions
from evalgate.core.errors import UsageError
from evalgate.core.protocols import LocalBackend, Progress
from evalgate.core.results import Decision
from evalgate.core.showing import detail, doing, outline
from evalgate.execution.process import no_collections, settle_environment, standing_heap
from evalgate.files import read_record, write_atomic, write_record
from evalgate.judging import judge_look, judge_run
from evalgate.looks import disclosed
from evalgate.manifest import write_digests
from evalgate.sealing import Seal, seal_of
from evalgate.store import BASE, RunData, RunFolder, load_identity, load_run
from evalgate.telling import planned_answers, run_details
from evalgate.training.outcome import tell

if TYPE_CHECKING:
    from evalgate.job import Job

# A sealed decision's length says little.
DECISION_BYTES = 1 << 14


def run(options: RunOptions, progress: Progress, backend: LocalBackend | None = None) -> Decision:
    """Do the whole job, or what is left of it; raises `EvalgateError` for all that a user can mend."""
    # Not above: what answers and trains is a fifth of the time in which `gate` and `report` start.
    from evalgate.job import Job
    from evalgate.planning import make_plan

    settle_environment()
    with doing(progress, f"checking {options.suite}"):
        plan = make_plan(options)
    kept = read_accepted(Path(options.against)) if options.against else None
    if kept is not None:
        refuse_unmeasured(plan.run)
        refuse_other_suite(kept, plan.run)
    job = Job(plan, progress, backend)
    with closing(job), job.folder.locked():
        _begin(job, options)
        outline(progress, planned_answers(job.plan, job.n_questions))
        with standing_heap():
            job.choose_prompts()
            job.asking.calibrate_judges()
            for system in job.plan.baselines:
                job.asking.answer(system)
            job.asking.test_capability(BASE, adapter=None)
            candidates = [job.train(recipe) for recipe in plan.recipes]
            if checked := job.check(candidates) + [job.enter(system) for system in plan.entrants]:
                job.take_look()
                job.asking.measure(checked)
            job.note_decoding()
            job.end_scoring()
            with doing(progress, "judging"):
                return finish(job.folder.folder, plan.seal, kept, progress.note)


def train(options: RunOptions, progress: Progress, backend: LocalBackend | None = None) -> dict[str, Path]:
    """Train the candidates into the run's folder and ask nothing; a later run with the same options finds them there.

    Gives each candidate's folder.
    """
    from evalgate.job import Job
    from evalgate.planning import make_plan

    settle_environment()
    with doing(progress, f"checking {options.suite}"):
        plan = make_plan(options)
    job = Job(plan, progress, backend)
    with closing(job), job.folder.locked():
        _begin(job, options)
        return {job.train(recipe).name: job.folder.adapter(recipe.name) for recipe in plan.recipes}


def _begin(job: Job, options: RunOptions) -> None:
    with doing(job.progress, "checking the training rows"):
        job.preflight(resume=options.resume)
    with doing(job.progress, "opening the model"):
        job.start(resume=options.resume)
    detail(job.progress, *run_details(job.run, str(job.folder.folder)))


def gate(folder: Path, against: Path | None = None) -> Decision:
    """Judge a recorded run again and rewrite its decision and reports; needs no model and no torch.

    With `against`, the accepted baselines that lie there stand for the run's own.
    """
    return finish(folder, kept=read_accepted(against) if against else None)


def report(folder: Path) -> Path:
    """Write the HTML, Markdown and JUnit reports of a judged run again; returns the HTML's path.

    Those of a sealed run say what its `decision.json` says, and need no key.
    """
    from evalgate.report import render_sealed

    html, run = folder / "report.html", load_identity(folder)
    if run.suite.disclosure == "verdict":
        decision = read_record(folder / "decision.json", Decision, fix=f"judge it first: `evalgate gate {folder}`")
        for name, text in render_sealed(run, decision, str(folder)).items():
            write_atomic(folder / name, text.encode())
        return html
    with no_collections():
        data = load_run(folder)
    with standing_heap():
        if data.decision is None:
            data = msgspec.structs.replace(data, decision=judge_run(data))
        return _write_reports(folder, data)


def _write_reports(folder: Path, data: RunData) -> Path:
    from evalgate.report import Index, render_html, render_junit, render_markdown

    html, index = folder / "report.html", Index(data)
    write_atomic(html, render_html(data, index).encode())
    write_atomic(folder / "report.md", render_markdown(data, index).encode())
    write_atomic(folder / "junit.xml", render_junit(data).encode())
    return html


def unseal(folder: Path, target: Path) -> Path:
    """Write the whole HTML report of a sealed run, numbers and answers included, where its owner wants it.

    Raises `sealed` without the owner's key, `unseal-inside` for a place in the run's folder.
    """
    from evalgate.report import render_html

    if target.resolve().is_relative_to(folder.resolve()):
        raise UsageError(
            "the open report must not lie in the folder of the sealed run, which others read",
            code="unseal-inside",
            fix="name a file elsewhere with `-o FILE.html`",
            where=str(target),
        )
    data = load_run(folder)
    write_atomic(target, render_html(msgspec.structs.replace(data, decision=judge_run(data))).encode())
    return target


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def finish(
    folder: Path, seal: Seal | None = None, kept: Sequence[Kept] | None = None, note: Callable[[str], None] = _say
) -> Decision:
    """Judge what a folder holds, note it in the ledger, record the decision, write the reports, tell trackers."""
    with no_collections():
        data = load_run(folder, seal)
    if kept is not None:
        data = beside(data, kept)
    with standing_heap():
        decision = _finish(folder, data, seal, told(kept) if kept else "")
    write_digests(folder, data.run.id)
    tell(folder, data.cards, decision, note)
    return decision


def _finish(folder: Path, data: RunData, seal: Seal | None, note: str = "") -> Decision:
    decision = judge_look(data)
    decision = msgspec.structs.replace(decision, bound=" ".join(filter(None, [decision.bound, note])))
    if (seal := seal or seal_of(data.run.suite)) is not None:
        write_atomic(RunFolder(folder).sealed_decision_file, seal.box(msgspec.json.encode(decision), DECISION_BYTES))
        write_record(folder / "decision.json", decision := disclosed(data.run, decision))
        return msgspec.structs.replace(decision, report=str(report(folder)))
    write_record(folder / "decision.json", decision)
    html = _write_reports(folder, msgspec.structs.replace(data, decision=decision))
    return msgspec.structs.replace(decision, report=str(html))
