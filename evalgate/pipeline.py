"""The main path: suites are loaded, systems predict, predictions are scored, scores are judged, verdicts decide.

suites/ ──load──▶ Suite ──predict──▶ Prediction* ──score──▶ Score* ──check──▶ Verdict* ──decide──▶ Decision ──▶ report
train split ──▶ training ──▶ adapter + AdapterCard ──▶ a tuned system
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from evalgate.core.data import RunOptions
from evalgate.core.protocols import LocalBackend, Progress
from evalgate.core.results import Decision
from evalgate.job import Job, settle_environment
from evalgate.judging import judge_look, judge_run
from evalgate.planning import make_plan
from evalgate.store import BASE, load_run, write_atomic, write_record


def run(options: RunOptions, progress: Progress, backend: LocalBackend | None = None) -> Decision:
    """Do the whole job, or what is left of it; raises `EvalgateError` for all that a user can mend."""
    settle_environment()
    plan = make_plan(options)
    job = Job(plan, progress, backend)
    with job.folder.locked():
        job.start(resume=options.resume)
        for system in plan.baselines:
            job.answer(system, adapter=None)
        job.test_capability(BASE, adapter=None)
        candidates = [job.train(recipe) for recipe in plan.recipes]
        job.take_look()
        for candidate in candidates:
            job.answer(candidate, adapter=candidate.name)
            job.test_capability(candidate.name, adapter=candidate.name)
        job.time_candidates()
        return finish(job.folder.folder)


def gate(folder: Path) -> Decision:
    """Judge a recorded run again and rewrite its decision and reports; needs no model and no torch."""
    return finish(folder)


def report(folder: Path) -> Path:
    """Write the HTML, Markdown and JUnit reports of a judged run again; returns the HTML's path."""
    from evalgate.report import render_html, render_junit, render_markdown

    data = load_run(folder)
    if data.decision is None:
        data = msgspec.structs.replace(data, decision=judge_run(data))
    html = folder / "report.html"
    write_atomic(html, render_html(data).encode())
    write_atomic(folder / "report.md", render_markdown(data).encode())
    write_atomic(folder / "junit.xml", render_junit(data).encode())
    return html


def finish(folder: Path) -> Decision:
    """Judge what a folder holds, note it in the ledger, record the decision, write the reports."""
    data = load_run(folder)
    decision = judge_look(data)
    write_record(folder / "decision.json", decision)
    return msgspec.structs.replace(decision, report=str(report(folder)))
