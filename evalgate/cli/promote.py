"""`evalgate promote` and `evalgate verify`: act on a decision that ships, and check what was promoted."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.options import debug_option, json_option


@click.command(
    "promote",
    short_help="Put what a decision ships, with its proof, where it is served.",
    epilog="Examples: evalgate promote reports/support/RUN --to served/support; evalgate promote RUN --to "
    "hf://OWNER/NAME. Exit codes: 0 promoted; 1 or 2, as the decision's own, where it ships nothing; 3 where anything "
    "is not as it was decided.",
)
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--to", required=True, metavar="TARGET",
              help="A new folder, hf://OWNER/NAME[@BRANCH], or mlflow://MODEL_NAME[@ALIAS].")  # fmt: skip
@click.option("--against", type=click.Path(path_type=Path, exists=True),
              help="The accepted baselines that RUN was gated against.")  # fmt: skip
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False),
              help="Sign the provenance with this private key (`evalgate keygen FILE --sign`).")  # fmt: skip
@click.option("--license", "licence", help="The licence that the model card names, e.g. apache-2.0.")
@json_option
@debug_option
def promote_command(run: Path, to: str, against: Path | None, key: Path | None, licence: str | None, kind: str) -> int:
    """Copy or push the gated artefact of RUN with a model card, its AdapterCard and its provenance.

    Only what the decision ships, and only while suite, recording, decision and weights are what they were: all are
    read and judged again first, and what differs is named. The target appears whole or not at all.
    """
    from evalgate.console.progress import RichProgress
    from evalgate.console.promoting import promoted_text
    from evalgate.promoting.promote import promote

    found = promote(run, to, RichProgress(), against=against, key=key, licence=licence)
    click.echo(promoted_text(found, kind), nl=False)
    return 0


@click.command(
    "verify",
    short_help="Check a promoted folder again, offline; tampered files are named.",
    epilog="Example: evalgate verify served/support --public-key owner.pub. Exit codes: 0 all that must be checked is "
    "sound; 1 something was tampered with; 3 something could not be checked.",
)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--run", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="The run that it was promoted from: are its files what they were?")  # fmt: skip
@click.option("--suite", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="The suite. [default: the one that the recording names, if it is there]")  # fmt: skip
@click.option("--public-key", type=click.Path(path_type=Path, dir_okay=False),
              help="The owner's public key: the provenance must be signed with it.")  # fmt: skip
@json_option
@debug_option
def verify_command(folder: Path, run: Path | None, suite: Path | None, public_key: Path | None, kind: str) -> int:
    """Check artefact, data and decision of a promoted FOLDER without network and torch.

    Every file by its digest, the statement against the records, the card's numbers against the decision, and the
    decision by judging the carried scores again.
    """
    from evalgate.console.promoting import verified_text
    from evalgate.promoting.verify import verify

    found = verify(folder, run=run, suite=suite, public_key=public_key)
    click.echo(verified_text(found, kind), nl=False)
    return found.exit_code
