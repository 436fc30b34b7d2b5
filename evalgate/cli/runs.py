"""Commands on runs: make one, judge it again, report, examine and list."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalgate.cli.options import (
    VERBOSE,
    against_option,
    debug_option,
    format_option,
    json_option,
    json_text,
    listed,
    loudness,
    run_argument,
    say,
    shown_progress,
    suite_argument,
)
from evalgate.core.errors import ExitCode

if TYPE_CHECKING:
    from evalgate.core.results import Decision


@click.command(
    "run",
    short_help="Score baselines, train candidates, judge them, decide.",
    epilog="Example: evalgate run suites/support --candidates qlora -o reports/try",
)
@suite_argument
@click.option("-L", "--limit", type=click.IntRange(min=1), help="Use only the first N held-out examples of each task.")
@click.option(
    "--seed", type=click.IntRange(min=0), help="The seed of shots, training and intervals. [default: the suite's]"
)
@click.option("--resume/--no-resume", default=True, show_default=True, help="Go on with what was recorded before.")
@click.option(
    "--early-stop/--no-early-stop",
    default=True,
    show_default=True,
    help="Follow the suite's `early_stop`, or measure everything.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="EVALGATE_CACHE",
    help="Where answers are kept for all runs. [default: .predictions beside the reports]",
)
@click.option("--no-cache", is_flag=True, help="Ask everything anew, and keep no answer for later runs.")
@click.option("--drop", is_flag=True, help="Leave contaminated train rows out instead of refusing them.")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="The run's folder.")
@click.option("--model", help="A folder or Hugging Face id to use instead of the suite's base model.")
@click.option("--candidates", callback=listed, help="Only these candidates: a,b.")
@against_option
@format_option
@debug_option
def run_command(
    suite: Path,
    limit: int | None,
    seed: int | None,
    resume: bool,
    early_stop: bool,
    cache: Path | None,
    no_cache: bool,
    drop: bool,
    output: Path | None,
    model: str | None,
    candidates: tuple[str, ...] | None,
    against: Path | None,
    kind: str,
) -> int:
    """Score the baselines, train and score the candidates of SUITE, judge them, and decide."""
    from evalgate import pipeline
    from evalgate.core.data import RunOptions

    options = RunOptions(
        suite=str(suite),
        output=str(output) if output else None,
        limit=limit,
        seed=seed,
        resume=resume,
        model=model,
        candidates=candidates,
        early_stop=early_stop,
        drop=drop,
        use_cache=not no_cache,
        cache=str(cache) if cache else None,
        against=str(against) if against else None,
    )
    with shown_progress() as progress:
        decision = pipeline.run(options, progress)
    return tell(decision, kind)


@click.command(
    "gate",
    short_help="Judge a recorded run again; no torch.",
    epilog="Example: evalgate gate reports/support/RUN --format md",
)
@run_argument
@click.option("--rescore", is_flag=True, help="First score the answers again where a metric counts otherwise by now.")
@against_option
@format_option
@debug_option
def gate_command(run: Path, rescore: bool, against: Path | None, kind: str) -> int:
    """Judge the recorded RUN again and decide; seconds, without torch."""
    from evalgate import pipeline

    if rescore:
        from evalgate.doctor.rescore import rescore as again

        say(f"scored again: {', '.join(again(run)) or 'nothing, every metric counts as before'}")
    decision = pipeline.gate(run, against) if against else pipeline.gate(run)
    if loudness() == VERBOSE:
        _say_details(run, decision)
    return tell(decision, kind)


def _say_details(run: Path, decision: Decision) -> None:
    from evalgate.store import load_identity
    from evalgate.telling import decision_details, run_details

    for line in (*run_details(load_identity(run), str(run)), *decision_details(decision)):
        say(line)


@click.command("report", short_help="Write a run's HTML report again.")
@run_argument
@click.option("--unseal", is_flag=True, help="Write the whole report of a sealed run; needs its owner's key.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Where --unseal writes.")
@json_option
@debug_option
def report_command(run: Path, unseal: bool, output: Path | None, kind: str) -> int:
    """Write the HTML report of RUN again and print where it lies."""
    from evalgate import pipeline

    if unseal != (output is not None):
        raise click.UsageError("--unseal and -o FILE go together")
    path = pipeline.unseal(run, output) if output else pipeline.report(run)
    click.echo(json_text({"report": str(path)}).rstrip() if kind == "json" else path)
    return 0


@click.command(
    "doctor",
    short_help="Check a recorded run; --inject plants known faults.",
    epilog="Exit codes: 0 nothing found, all faults seen; 1 a hard finding, a fault missed; 2 a fault cannot be shown.",
)
@run_argument
@click.option("--inject", is_flag=True, help="Plant known faults into copies of RUN and show what sees each.")
@format_option
@debug_option
def doctor_command(run: Path, inject: bool, kind: str) -> int:
    """Look for what makes the recorded RUN untrustworthy; no torch. RUN itself is never changed."""
    from evalgate.doctor import inject as doctor
    from evalgate.doctor.text import checkup_text, findings_text

    if inject:
        checkup = doctor.inject(run)
        click.echo(checkup_text(checkup, kind), nl=False)
        return ExitCode.BLOCKED if checkup.missed else ExitCode.INCONCLUSIVE if checkup.open else ExitCode.SHIP
    findings = doctor.diagnose(run)
    click.echo(findings_text(str(run), findings, kind), nl=False)
    return ExitCode.BLOCKED if any(finding.hard for finding in findings) else ExitCode.SHIP


@click.command("search", short_help="Show which prompts a run tried on dev.")
@run_argument
@json_option
@debug_option
def search_command(run: Path, kind: str) -> int:
    """List the prompts that the recorded RUN tried on dev, how each did there, and which was chosen (*)."""
    from evalgate.console.searches import searches_text
    from evalgate.core.search import Searched
    from evalgate.files import read_lines
    from evalgate.store import RunFolder, load_identity

    load_identity(run)  # a folder that is no run is an error
    click.echo(searches_text(read_lines(RunFolder(run).searches, Searched), kind), nl=False)
    return 0


@click.command("ls", short_help="List recorded runs.")
@click.argument("reports", type=click.Path(path_type=Path), default=Path("reports"))
@json_option
@debug_option
def ls_command(reports: Path, kind: str) -> int:
    """List the runs below REPORTS, oldest first."""
    from evalgate.console import run_lines, run_rows

    if kind == "json":
        click.echo(json_text(run_rows(reports)), nl=False)
        return 0
    for line in run_lines(reports):
        click.echo(line)
    return 0


def tell(decision: Decision, kind: str, report: str = "") -> int:
    """Print a decision, add its report.md to GitHub's summary where there is one, and give its exit code.

    `report` is the Markdown of what has no folder; without either the summary is the table of verdicts.
    """
    from evalgate.console import decision_text, show_decision

    show_decision(decision, kind)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        beside = Path(decision.report).with_name("report.md") if decision.report else None
        try:
            if not report and beside is not None and beside.exists():
                report = beside.read_text("utf-8")
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(report or decision_text(decision, "md"))
        except OSError as error:
            say(f"warning: GITHUB_STEP_SUMMARY cannot be written: {error.strerror}")
    codes = {"ship": ExitCode.SHIP, "keep_baseline": ExitCode.BLOCKED, "inconclusive": ExitCode.INCONCLUSIVE}
    return codes[decision.outcome]
