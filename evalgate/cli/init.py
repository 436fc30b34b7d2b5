"""The command `evalgate init` with its many options."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.options import json_text

SHAPES = ("alpaca", "prompt_completion", "messages", "sharegpt", "preference", "classification", "json", "text")
KINDS = ("classification", "extraction", "summarization", "qa", "generation")

EPILOG = """
\b
Examples:
  evalgate init desk --from tickets.csv --label-column team
  evalgate init desk --from train.jsonl --heldout-from test.jsonl --clean urls,handles
  evalgate init chats --from conversations.parquet --cluster-column customer_id
  evalgate init banking --from some/dataset --revision COMMIT
"""


@click.command("init", short_help="Make a suite from your data.", epilog=EPILOG)
@click.argument("name")
@click.option("--from", "sources", multiple=True, required=True, metavar="FILE|FOLDER|HUB_ID", help="The data.")
@click.option("--dev-from", multiple=True, metavar="FILE", help="Rows of the dev split.")
@click.option("--heldout-from", multiple=True, metavar="FILE", help="Rows of the held-out split.")
@click.option("--revision", help="The commit, tag or branch of a hub dataset. [default: the newest commit]")
@click.option("--subset", help="The configuration of a hub dataset.")
@click.option("--shape", type=click.Choice(SHAPES), help="How to read the rows, where it is not clear.")
@click.option("--kind", type=click.Choice(KINDS), help="The kind of task. [default: what the shape says]")
@click.option("--text-columns", metavar="A,B", help="The columns that are the input.")
@click.option("--label-column", metavar="C", help="The column of the classes.")
@click.option("--answer-column", metavar="C", help="The column of the reference: text, a list of texts, or JSON.")
@click.option("--id-column", metavar="C", help="The column of the ids; `none` makes ids. [default: id, if it is there]")
@click.option("--cluster-column", metavar="C", help="Rows with one value stay on one side, e.g. a customer's.")
@click.option("--split-column", metavar="C", help="The column that says train, dev or test.")
@click.option("--dev", metavar="N|SHARE", help="The size of the dev split. [default: 0.12]")
@click.option("--heldout", metavar="N|SHARE", help="The size of the held-out split. [default: what --min-gain needs]")
@click.option(
    "--min-gain",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="The smallest gain worth shipping.",
)
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True, help="The seed of the splits.")
@click.option(
    "--clean",
    default="",
    metavar="STEP,...",
    help="encoding, html, urls, handles, control, whitespace, empty, labels, duplicates; preset: tweetsumm.",
)
@click.option("--task", metavar="NAME", help="The task's name. [default: after its kind]")
@click.option("--model", help="The base model: a folder or a hub id.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("suites"),
    show_default=True,
    help="The folder of suites.",
)
@click.option("--dry-run", is_flag=True, help="Show everything, write nothing.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", help="How the answer is printed to stdout."
)
def init_command(
    name: str,
    sources: tuple[str, ...],
    dev_from: tuple[str, ...],
    heldout_from: tuple[str, ...],
    revision: str | None,
    subset: str | None,
    shape: str | None,
    kind: str | None,
    text_columns: str | None,
    label_column: str | None,
    answer_column: str | None,
    id_column: str | None,
    cluster_column: str | None,
    split_column: str | None,
    dev: str | None,
    heldout: str | None,
    min_gain: float,
    seed: int,
    clean: str,
    task: str | None,
    model: str | None,
    output: Path,
    dry_run: bool,
    form: str,
) -> int:
    """Make the suite NAME from JSONL, JSON, CSV, TSV or Parquet files, or a Hugging Face dataset.

    It says how it reads the rows and why, shows three examples as a system will be asked, and writes suites/NAME and
    baselines/NAME.
    """
    from evalgate.bring.shapes import Wish, kind_of
    from evalgate.starting import Start, start

    wish = Wish(
        shape=shape,
        kind=kind_of(kind),
        label=label_column,
        answer=answer_column,
        texts=tuple(c.strip() for c in (text_columns or "").split(",") if c.strip()),
        id=id_column,
        cluster=cluster_column,
        split=split_column,
    )
    ask = Start(
        name=name,
        sources=sources,
        dev_sources=dev_from,
        heldout_sources=heldout_from,
        wish=wish,
        revision=revision,
        subset=subset,
        dev=dev,
        heldout=heldout,
        min_gain=min_gain,
        seed=seed,
        clean=clean,
        task=task,
        model=model,
        output=output,
        dry_run=dry_run,
    )
    if form == "text":
        start(ask, click.echo)
        return 0
    told: list[str] = []
    start(ask, told.append)
    where = {"suite": str(ask.folder), "baselines": str(ask.baselines), "written": not dry_run}
    click.echo(json_text({**where, "told": told}), nl=False)
    return 0
