"""Commands and exit codes; no logic. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from evalgate import __version__
from evalgate.core.errors import EvalgateError, ExitCode

if TYPE_CHECKING:
    from evalgate.core.results import Decision

F = TypeVar("F", bound=Callable[..., Any])

EPILOG = """
\b
Examples:
  evalgate run suites/support                    baselines, training, gates, decision
  evalgate run suites/support -L 20              a quick look at 20 examples a task
  evalgate gate reports/support/RUN              judge a recording again, in seconds
  evalgate freeze suites/support --bump          release a changed suite

\b
Exit codes:
  0    ship: a candidate passed every required gate
  1    blocked: keep the baseline
  2    inconclusive: cannot tell yet
  3    could not measure: an error, with its place and a fix
  64   wrong usage: the command or a YAML file
  130  interrupted; run the same command again to go on

Docs: docs/errors.md lists every error code.
"""


def _dashes(token: str) -> str:
    return token.replace("_", "-")


def _debug_option(command: F) -> F:
    # `main` looks for the flag itself: an error may come before click has parsed it.
    return click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")(command)


_format_option = click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "json", "md"]),
    default="text",
    show_default=True,
    help="How the decision is printed to stdout.",
)


def _folder(_context: click.Context, _parameter: click.Parameter, path: Path) -> Path:
    return path.parent if path.name == "suite.yaml" else path


_suite = click.argument("suite", type=click.Path(path_type=Path), callback=_folder)
_run = click.argument("run", type=click.Path(path_type=Path))


@click.group(
    epilog=EPILOG,
    context_settings={
        "token_normalize_func": _dashes,
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@click.version_option(__version__, "-V", "--version", prog_name="evalgate")
@_debug_option
def cli() -> None:
    """Decide with numbers: keep the prompt, ship the RAG, or ship the fine-tune.

    A SUITE is a folder with a suite.yaml and frozen data; a RUN is a folder below reports/ that `evalgate run` made.
    """


@cli.command(
    "run",
    short_help="Score baselines, train candidates, judge them, decide.",
    epilog="Example: evalgate run suites/support --candidates qlora -o reports/try",
)
@_suite
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
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="The run's folder.")
@click.option("--model", help="A folder or Hugging Face id to use instead of the suite's base model.")
@click.option("--candidates", help="Train only these recipes: a,b.")
@_format_option
@_debug_option
def run_command(
    suite: Path,
    limit: int | None,
    seed: int | None,
    resume: bool,
    early_stop: bool,
    output: Path | None,
    model: str | None,
    candidates: str | None,
    kind: str,
) -> int:
    """Score the baselines, train and score the candidates of SUITE, judge them, and decide."""
    from evalgate import pipeline
    from evalgate.console import RichProgress
    from evalgate.core.data import RunOptions

    names = None if candidates is None else tuple(n.strip() for n in candidates.split(",") if n.strip())
    options = RunOptions(
        suite=str(suite),
        output=str(output) if output else None,
        limit=limit,
        seed=seed,
        resume=resume,
        model=model,
        candidates=names,
        early_stop=early_stop,
    )
    return _tell(pipeline.run(options, RichProgress()), kind)


@cli.command(
    "gate",
    short_help="Judge a recorded run again; no torch.",
    epilog="Example: evalgate gate reports/support/RUN --format md",
)
@_run
@_format_option
@_debug_option
def gate_command(run: Path, kind: str) -> int:
    """Judge the recorded RUN again and decide; seconds, without torch."""
    from evalgate import pipeline

    return _tell(pipeline.gate(run), kind)


@cli.command("report", short_help="Write a run's HTML report again.")
@_run
@click.option("--unseal", is_flag=True, help="Write the whole report of a sealed run; needs its owner's key.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Where --unseal writes.")
@_debug_option
def report_command(run: Path, unseal: bool, output: Path | None) -> int:
    """Write the HTML report of RUN again and print where it lies."""
    from evalgate import pipeline

    if unseal != (output is not None):
        raise click.UsageError("--unseal and -o FILE go together")
    click.echo(pipeline.unseal(run, output) if output else pipeline.report(run))
    return 0


@cli.command("keygen", short_help="Make a release owner's key pair.")
@click.argument("file", type=click.Path(path_type=Path))
@_debug_option
def keygen_command(file: Path) -> int:
    """Write a private key to FILE, for its owner alone, and print the public key for `sealed_for` in suite.yaml."""
    from evalgate.sealing import make_identity

    click.echo(make_identity(file))
    return 0


@cli.command(
    "doctor",
    short_help="Check a recorded run; --inject plants known faults.",
    epilog="Exit codes: 0 nothing found, all faults seen; 1 a hard finding, a fault missed; 2 a fault cannot be shown.",
)
@_run
@click.option("--inject", is_flag=True, help="Plant known faults into copies of RUN and show what sees each.")
@_format_option
@_debug_option
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


@cli.command("validate", short_help="Check a suite and everything that competes on it.")
@_suite
@_debug_option
def validate_command(suite: Path) -> int:
    """Check SUITE: its YAML, data, lock, baselines, templates and recipes, and that its gates can be passed."""
    from evalgate.config import load_project
    from evalgate.planning import refuse_hopeless
    from evalgate.plugins import metric_names
    from evalgate.suite.lock import read_lock

    frozen = read_lock(suite) is not None
    project = load_project(suite, metric_names(), verify=frozen)
    refuse_hopeless(project)
    for name, task in project.suite.tasks.items():
        counts = ", ".join(f"{split} {len(examples)}" for split, examples in task.splits.items())
        click.echo(f"{name} ({task.spec.kind}): {counts}")
    click.echo(f"baselines: {', '.join(system.name for system in project.systems)}")
    click.echo(f"candidates: {', '.join(recipe.name for recipe in project.recipes) or 'none'}")
    state = f"frozen, digest {project.suite.digest[:12]}" if frozen else f"not frozen: run `evalgate freeze {suite}`"
    click.echo(f"suite '{project.suite.spec.name}' version {project.suite.spec.version} is sound; {state}")
    return 0


@cli.command(
    "freeze",
    short_help="Write suite.lock; later changes are refused.",
    epilog="Commit the suite.lock that this writes.",
)
@_suite
@click.option("--bump", is_flag=True, help="Release a changed suite as its next version.")
@_debug_option
def freeze_command(suite: Path, bump: bool) -> int:
    """Write the digests of SUITE's data and gates to suite.lock; later changes are then refused."""
    from evalgate.config import load_suite_spec
    from evalgate.console import frozen_text
    from evalgate.plugins import metric_names
    from evalgate.suite.frozen import freeze

    lock = freeze(suite, load_suite_spec(suite, metric_names()), bump=bump)
    click.echo(frozen_text(suite, lock), nl=False)
    return 0


@cli.command("ledger", short_help="Show how often a held-out set has decided.")
@_suite
@click.option("--format", "kind", type=click.Choice(["text", "json"]), default="text", show_default=True)
@_debug_option
def ledger_command(suite: Path, kind: str) -> int:
    """Show the looks at SUITE's held-out set: each one taken, and how many are left."""
    from evalgate.config import load_suite_spec
    from evalgate.console import ledger_text

    load_suite_spec(suite)  # a folder that is no suite is an error
    click.echo(ledger_text(suite, kind), nl=False)
    return 0


@cli.command("retrieval", short_help="Show how well passages are found on dev.")
@_suite
@_debug_option
def retrieval_command(suite: Path) -> int:
    """Look up SUITE's dev examples as each system would: recall where examples name passages, answers in context."""
    from evalgate.backends.encoder import open_encoder
    from evalgate.config import load_project
    from evalgate.planning import candidate_draft
    from evalgate.systems.recall import recall_text
    from evalgate.systems.retrieval import open_retrievers

    project = load_project(suite, splits=("train", "dev"), verify=False)
    drafts = [*project.systems, *map(candidate_draft, project.recipes)]
    found = open_retrievers(drafts, project.suite.tasks, lambda encoder: open_encoder(suite / encoder))
    click.echo(recall_text(drafts, project.suite.tasks, found))
    return 0


@cli.command("ls", short_help="List recorded runs.")
@click.argument("reports", type=click.Path(path_type=Path), default=Path("reports"))
@_debug_option
def ls_command(reports: Path) -> int:
    """List the runs below REPORTS, oldest first."""
    from evalgate.console import run_lines

    for line in run_lines(reports):
        click.echo(line)
    return 0


def _tell(decision: Decision, kind: str) -> int:
    from evalgate.console import decision_text, show_decision

    show_decision(decision, kind)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(decision_text(decision, "md"))
        except OSError as error:
            click.echo(f"warning: GITHUB_STEP_SUMMARY cannot be written: {error.strerror}", err=True)
    codes = {"ship": ExitCode.SHIP, "keep_baseline": ExitCode.BLOCKED, "inconclusive": ExitCode.INCONCLUSIVE}
    return codes[decision.outcome]


def run_cli(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; every error is printed to stderr."""
    try:
        code = cli.main(args=list(arguments), prog_name="evalgate", standalone_mode=False)
        return int(code or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        return _print_usage(error)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted: what was recorded is kept; run the same command again to go on", err=True)
        return ExitCode.INTERRUPTED
    except EvalgateError as error:
        _trace(arguments)
        click.echo(str(error), err=True)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last door: a user never sees a traceback unasked
        _trace(arguments)
        text = " ".join(f"{type(error).__name__}: {error}".split())
        fix = "run again with --debug and report what it prints"
        click.echo(str(EvalgateError(text, code="internal", fix=fix)), err=True)
        return ExitCode.ERROR


def _print_usage(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "evalgate"
    message = error.format_message()
    click.echo(str(EvalgateError(message, code="bad-usage", fix=f"see `{path} --help`")), err=True)
    return ExitCode.USAGE


def _trace(arguments: Sequence[str]) -> None:
    if "--debug" in arguments:
        traceback.print_exc()


def main() -> None:
    """The `evalgate` command."""
    sys.exit(run_cli(sys.argv[1:]))


if __name__ == "__main__":
    main()
