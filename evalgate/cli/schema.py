"""`evalgate schema`: what decision.json looks like, for machines."""

from __future__ import annotations

import click

from evalgate.cli.options import debug_option


@click.command("schema", short_help="Print the JSON Schema of decision.json.",
               epilog="Example: evalgate schema > decision.schema.json")  # fmt: skip
@click.option("--format", "kind", type=click.Choice(["json"]), default="json", expose_value=False)
@debug_option
def schema_command() -> int:
    """Print the JSON Schema of decision.json and of `--format json` of run, gate and compare."""
    from evalgate.report.schema import decision_schema

    click.echo(decision_schema(), nl=False)
    return 0
