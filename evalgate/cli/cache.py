"""Commands on kept answers: how much there is, and how it is emptied."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.options import debug_option, json_option

folder_argument = click.argument(
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports/.predictions"),
    envvar="EVALGATE_CACHE",
)


@click.group("cache", short_help="Show, prune or clear the answers that runs share.")
def cache_command() -> None:
    """Show, prune or clear the answers that runs share: FOLDER, by default reports/.predictions (docs/cache.md)."""


@cache_command.command("info", short_help="Show what is kept.")
@folder_argument
@json_option
@debug_option
def info_command(folder: Path, kind: str) -> int:
    """Show how many answers FOLDER keeps, how large they are, and when they were last used."""
    from evalgate.cache.upkeep import holdings
    from evalgate.console.cache import cache_text

    click.echo(cache_text(folder, holdings(folder), kind), nl=False)
    return 0


@cache_command.command("prune", short_help="Delete what was not used lately.")
@folder_argument
@click.option("--days", type=click.IntRange(min=0), default=30, show_default=True, help="Keep what was used in N days.")
@json_option
@debug_option
def prune_command(folder: Path, days: int, kind: str) -> int:
    """Delete the files of FOLDER of which no run has used an answer for some days."""
    from evalgate.cache.upkeep import remove
    from evalgate.console.cache import removed_text

    click.echo(removed_text(folder, *remove(folder, unused_days=days), kind), nl=False)
    return 0


@cache_command.command("clear", short_help="Delete everything that is kept.")
@folder_argument
@json_option
@debug_option
def clear_command(folder: Path, kind: str) -> int:
    """Delete all answers in FOLDER; recordings of runs are not touched."""
    from evalgate.cache.upkeep import remove
    from evalgate.console.cache import removed_text

    click.echo(removed_text(folder, *remove(folder), kind), nl=False)
    return 0
