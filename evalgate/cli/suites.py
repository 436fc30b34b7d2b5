"""Commands on suites: check, freeze, and what the held-out set has decided."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.options import debug_option, json_option, json_text, say, suite_argument


@click.command("validate", short_help="Check a suite and everything that competes on it.")
@suite_argument
@json_option
@debug_option
def validate_command(suite: Path, kind: str) -> int:
    """Check SUITE: YAML, data, lock, baselines, recipes, gates that can be passed, contamination, lengths."""
    from evalgate.backends.recorded import open_recorded
    from evalgate.checking import find_overlaps, refuse_used
    from evalgate.config import load_project
    from evalgate.console import validated_text
    from evalgate.lengths import too_long_in
    from evalgate.planning import refuse_hopeless, refuse_unkept
    from evalgate.plugins import metric_names
    from evalgate.suite.lock import read_lock

    frozen = read_lock(suite) is not None
    project = load_project(suite, metric_names(), verify=frozen)
    refuse_hopeless(project)
    open_recorded(project)
    if not_checked := refuse_unkept(project):
        say(not_checked)
    overlaps = find_overlaps(project)
    long = too_long_in(project)
    click.echo(validated_text(project, overlaps, kind, frozen=frozen, too_long=long), nl=False)
    refuse_used(project, overlaps)
    return 0


@click.command(
    "freeze",
    short_help="Write suite.lock; later changes are refused.",
    epilog="Commit what this writes: suite.lock, and with `looks` the ledger and .gitattributes.",
)
@suite_argument
@click.option("--bump", is_flag=True, help="Release a changed suite as its next version.")
@json_option
@debug_option
def freeze_command(suite: Path, bump: bool, kind: str) -> int:
    """Write the digests of SUITE's data and gates to suite.lock; later changes are then refused."""
    from evalgate.config import load_suite_spec
    from evalgate.console import frozen_text
    from evalgate.looks import look_alpha
    from evalgate.plugins import metric_names, signatures
    from evalgate.suite.frozen import freeze

    spec = load_suite_spec(suite, metric_names())
    lock = freeze(suite, spec, bump=bump, signatures=signatures(spec))
    click.echo(frozen_text(suite, lock, look_alpha(spec.gates, spec.looks or 1), kind), nl=False)
    return 0


@click.command("ledger", short_help="Show how often a held-out set has decided.")
@suite_argument
@json_option
@debug_option
def ledger_command(suite: Path, kind: str) -> int:
    """Show the looks at SUITE's held-out set: each one taken, what is spent and left, when fresh examples are due."""
    from evalgate.config import load_suite_spec
    from evalgate.console import ledger_text
    from evalgate.looks import look_alpha

    spec = load_suite_spec(suite)  # a folder that is no suite is an error
    click.echo(ledger_text(suite, kind, look_alpha(spec.gates, spec.looks or 1)), nl=False)
    return 0


@click.command("retrieval", short_help="Show how well passages are found on dev.")
@suite_argument
@json_option
@debug_option
def retrieval_command(suite: Path, kind: str) -> int:
    """Look up SUITE's dev examples as each system would: recall where examples name passages, answers in context."""
    from evalgate.backends.encoder import note_of, open_encoder
    from evalgate.binding import drafts_of
    from evalgate.config import load_project
    from evalgate.systems.recall import recall_text, recalled
    from evalgate.systems.retrieval import encoders_of, open_retrievers

    project = load_project(suite, splits=("train", "dev"), verify=False)
    drafts = drafts_of(project)
    for note in filter(None, (note_of(suite / name) for name in encoders_of(drafts))):
        say(note)
    found = open_retrievers(drafts, project.suite.tasks, lambda encoder: open_encoder(suite / encoder))
    if kind == "json":
        click.echo(json_text(recalled(drafts, project.suite.tasks, found)), nl=False)
        return 0
    click.echo(recall_text(drafts, project.suite.tasks, found))
    return 0


@click.command("keygen", short_help="Make a release owner's key pair.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--sign", is_flag=True, help="A pair for `promote --key FILE` and `verify --public-key FILE.pub`.")
@json_option
@debug_option
def keygen_command(file: Path, sign: bool, kind: str) -> int:
    """Write a private key to FILE, for its owner alone, and print the public key for `sealed_for` in suite.yaml.

    With --sign an Ed25519 pair that signs promotions: the public key is FILE.pub, and its path is printed.
    """
    if sign:
        from evalgate.promoting.signing import make_signing_key

        beside = str(make_signing_key(file))
        click.echo(json_text({"file": str(file), "public_key": beside}).rstrip() if kind == "json" else beside)
        return 0
    from evalgate.sealing import make_identity

    public = make_identity(file)
    click.echo(json_text({"file": str(file), "public_key": public}).rstrip() if kind == "json" else public)
    return 0
