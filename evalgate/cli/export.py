"""`evalgate export`: the gated artefact of a candidate, for serving."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from evalgate.cli.options import debug_option, json_option, shown_progress


@click.command(
    "export",
    short_help="Write the candidate that a run ships into a folder, byte for byte.",
    epilog="Example: evalgate export reports/support/RUN qlora --to served/qlora",
)
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("candidate")
@click.option("--to", type=click.Path(path_type=Path), required=True, help="A new folder.")
@click.option("--merge", type=click.Choice(["adapter", "dequantized", "bf16"]),
              help="Another form than the one that was gated: the adapter alone, or merged by a policy.")  # fmt: skip
@click.option("--anyway", is_flag=True, help="Export what the decision does not ship.")
@json_option
@debug_option
def export_command(
    run: Path,
    candidate: str,
    to: Path,
    merge: Literal["adapter", "dequantized", "bf16"] | None,
    anyway: bool,
    kind: str,
) -> int:
    """Write what CANDIDATE of RUN ships as: safetensors, configuration, tokenizer files of a whole model, card.json.

    Its files must still have the digest that was gated. Merged models come with their parity report.
    """
    from evalgate.console.exporting import exported_text
    from evalgate.exporting import export

    with shown_progress() as progress:
        found = export(run, candidate, to, progress, merge=merge, anyway=anyway)
    click.echo(exported_text(found, kind), nl=False)
    return 0
