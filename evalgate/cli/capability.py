"""Commands on what capability is measured with."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.options import debug_option, json_option, json_text, say


@click.group("capability", short_help="Bring the data of lm-eval tasks into a folder.")
def capability_command() -> None:
    """What capability is measured with: the tasks of lm-eval and their data (docs/capability.md)."""


@capability_command.command("mirror", short_help="Bring the data of lm-eval tasks into a folder.")
@click.argument("tasks", nargs=-1, required=True)
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="The mirror.")
@click.option(
    "--include-path",
    "own",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder with YAML tasks of your own.",
)
@json_option
@debug_option
def mirror_command(tasks: tuple[str, ...], folder: Path, own: Path | None, kind: str) -> int:
    """Write the data of TASKS (lm-eval's tasks, groups or tags) to a folder, for runs without a network.

    What is there already is not loaded again. Then write `mirror: FOLDER` below `capability:` in suite.yaml.
    """
    from evalgate.capability.mirror import mirror_tasks

    index = mirror_tasks(tasks, folder, own=own, note=say)
    n, n_rows = len(index.data), sum(sum(m.rows.values()) for m in index.data)
    if kind == "json":
        click.echo(json_text({"folder": str(folder), "data_sets": n, "rows": n_rows}), nl=False)
        return 0
    click.echo(f"{folder}: {n:,} data set{'s' * (n != 1)}, {n_rows:,} rows")
    return 0
