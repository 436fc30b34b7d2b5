"""`evalgate power`: how many examples the gates need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalgate.cli.options import F, debug_option, format_option, suite_folder

if TYPE_CHECKING:
    pass


# What describes a gate to `power` where there is no suite.
QUESTIONS = ("metric_sd", "discordance", "gain", "margin", "floor", "ratio")


def _fraction(name: str, text: str) -> Callable[[F], F]:
    return click.option(name, type=float, help=text)


@click.command(
    "power",
    short_help="How many held-out examples do the gates need?",
    epilog="Examples: evalgate power suites/support --from-run reports/support/RUN; "
    "evalgate power --metric-sd 0.2 --gain 0.03 --looks 10; evalgate power --floor 0.99 -n 500",
)
@click.argument("suite", type=click.Path(path_type=Path), required=False)
@click.option("--from-run", "run", type=click.Path(path_type=Path), help="Take spreads from this recorded run.")
@_fraction("--metric-sd", "The sd of one example's difference, for graded scores.")
@_fraction("--discordance", "The share of examples that only one of two systems gets right.")
@_fraction("--gain", "The smallest gain worth shipping.")
@_fraction("--margin", "The largest drop allowed.")
@_fraction("--floor", "The least rate allowed.")
@_fraction("--ratio", "The largest latency ratio allowed, e.g. 1.1.")
@_fraction("--alpha", "The one-sided error rate of a gate. [default: the gate's, or 0.05]")
@click.option("--power", type=float, default=0.8, show_default=True, help="Below this chance n is marked too small.")
@click.option("--looks", type=click.IntRange(min=1), help="Decisions that the held-out set may make.")
@click.option("--candidates", type=click.IntRange(min=1), help="Candidates that share the error rate.")
@click.option("-n", "--examples", type=click.IntRange(min=1), help="Try this held-out size instead of the present one.")
@click.option("--curves", is_flag=True, help="Also the chance to pass for several truths, at n/2, n and 2n.")
@format_option
@debug_option
def power_command(suite: Path | None, run: Path | None, curves: bool, kind: str, **asked: Any) -> int:
    """Say what the held-out set of SUITE can show and how large its gates need it; nothing is frozen or run."""
    from evalgate.power.plan import Asked, power_of_question, power_of_run, power_of_suite
    from evalgate.power.text import power_text

    question = Asked(**asked)
    described = any(asked[name] is not None for name in QUESTIONS)
    if described and (suite or run):
        raise click.UsageError(f"a suite or run has gates of its own: leave out {', '.join(map(_option, QUESTIONS))}")
    if suite:
        report = power_of_suite(suite_folder(None, None, suite), question, run)
    else:
        report = power_of_run(run, question) if run else power_of_question(question)
    click.echo(power_text(report, kind, curves=curves), nl=False)
    return 0


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
