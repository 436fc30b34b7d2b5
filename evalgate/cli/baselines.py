"""Commands on baselines: what is accepted, and becomes what later candidates must beat."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.options import debug_option, format_option, run_argument


@click.group("baseline", short_help="Accept baselines; gate later candidates against them.")
def baseline_command() -> None:
    """Baselines whose scores are kept, so that candidates are gated without asking them again (docs/baselines.md)."""


@baseline_command.command(
    "accept",
    short_help="Keep the scores of a run's baselines.",
    epilog="Example: evalgate baseline accept reports/desk/RUN; then: evalgate gate OTHER --against baselines/desk",
)
@run_argument
@click.option("--system", "systems", multiple=True, help="Only this system, e.g. a candidate that shipped.")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False),
              help="The folder. [default: the suite's baselines]")  # fmt: skip
@format_option
@debug_option
def accept_command(run: Path, systems: tuple[str, ...], output: Path | None, kind: str) -> int:
    """Keep the scores and digests of RUN's baselines beside their prompts; commit what this writes."""
    from evalgate.accepting.accept import accept
    from evalgate.console.baselines import accepted_text

    click.echo(accepted_text(accept(run, systems, output), kind), nl=False)
    return 0
