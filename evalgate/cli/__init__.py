"""Commands and exit codes; no logic. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

import click

from evalgate import __version__
from evalgate.cli.baselines import baseline_command
from evalgate.cli.cache import cache_command
from evalgate.cli.capability import capability_command
from evalgate.cli.compare import compare_command
from evalgate.cli.export import export_command
from evalgate.cli.init import init_command
from evalgate.cli.options import dashes, debug_option
from evalgate.cli.power import power_command
from evalgate.cli.promote import promote_command, verify_command
from evalgate.cli.runs import (
    doctor_command,
    gate_command,
    ls_command,
    report_command,
    run_command,
    search_command,
)
from evalgate.cli.schema import schema_command
from evalgate.cli.suites import freeze_command, keygen_command, ledger_command, retrieval_command, validate_command
from evalgate.cli.train import train_command
from evalgate.core.errors import EvalgateError, ExitCode

EPILOG = """
\b
Examples:
  evalgate init desk --from tickets.csv          make a suite from your data
  evalgate run suites/support                    baselines, training, gates, decision
  evalgate run suites/support -L 20              a quick look at 20 examples a task
  evalgate gate reports/support/RUN              judge a recording again, in seconds
  evalgate promote reports/support/RUN --to DIR  what ships, with its proof; `verify DIR` checks it
  evalgate compare old.csv new.csv               two recordings of any tool
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


@click.group(
    epilog=EPILOG,
    context_settings={
        "token_normalize_func": dashes,
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@click.version_option(__version__, "-V", "--version", prog_name="evalgate")
@debug_option
def cli() -> None:
    """Decide with numbers: keep the prompt, ship the RAG, or ship the fine-tune.

    A SUITE is a folder with a suite.yaml and frozen data; a RUN is a folder below reports/ that `evalgate run` made.
    """


COMMANDS = (
    debug_option(init_command), validate_command, power_command, freeze_command, run_command, gate_command,
    report_command, doctor_command, search_command, ledger_command, retrieval_command, keygen_command, ls_command,
    cache_command, capability_command, train_command, export_command, compare_command,
    promote_command, verify_command, baseline_command, schema_command,
)  # fmt: skip
for command in COMMANDS:
    cli.add_command(command)


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
        click.echo(_harmless(str(error)), err=True)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last door: a user never sees a traceback unasked
        _trace(arguments)
        text = " ".join(f"{type(error).__name__}: {error}".split())
        fix = "run again with --debug and report what it prints"
        click.echo(_harmless(str(EvalgateError(text, code="internal", fix=fix))), err=True)
        return ExitCode.ERROR


def _print_usage(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "evalgate"
    message = error.format_message()
    click.echo(_harmless(str(EvalgateError(message, code="bad-usage", fix=f"see `{path} --help`"))), err=True)
    return ExitCode.USAGE


def _harmless(text: str) -> str:
    """An error quotes what others wrote: rows, ids, paths."""
    from evalgate.console.pieces import clean

    return clean(text)


def _trace(arguments: Sequence[str]) -> None:
    if "--debug" in arguments:
        traceback.print_exc()


def main() -> None:
    """The `evalgate` command."""
    sys.exit(run_cli(sys.argv[1:]))
