"""`evalgate train`: what training would need and do, or the training alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalgate.cli.options import debug_option, json_option, listed, shown_progress, suite_argument

if TYPE_CHECKING:
    from evalgate.core.data import RunOptions


@click.command(
    "train",
    short_help="Plan the training of candidates (--plan), or train them and ask nothing.",
    epilog="Examples: evalgate train suites/support --plan; evalgate train suites/mine --plan --model config.json",
)
@suite_argument
@click.option("--plan", is_flag=True, help="Say what training would need and what is wrong with it; train nothing.")
@click.option("-c", "--candidates", callback=listed, help="Only these candidates: a,b.")
@click.option("-L", "--limit", type=click.IntRange(min=1), help="As the run has it: a run of -L 20 is another run.")
@click.option("--model", help="A folder or Hugging Face id instead of the suite's; with --plan also a config.json.")
@click.option("--rows", "n_shown", type=click.IntRange(min=0), default=1, show_default=True,
              help="How many rendered rows --plan shows for each candidate.")  # fmt: skip
@click.option("--tflops", type=click.FloatRange(min=0, min_open=True),
              help="The rate that --plan counts time with, in TFLOP/s. [default: 49; with a plan 430]")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), help="The run's seed. [default: the suite's]")
@click.option("--drop", is_flag=True, help="Leave contaminated train rows out instead of refusing them.")
@click.option("--resume/--no-resume", default=True, show_default=True, help="Go on with what was recorded before.")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="The run's folder.")
@json_option
@debug_option
def train_command(
    suite: Path,
    plan: bool,
    candidates: tuple[str, ...] | None,
    limit: int | None,
    model: str | None,
    n_shown: int,
    tflops: float | None,
    seed: int | None,
    drop: bool,
    resume: bool,
    output: Path | None,
    kind: str,
) -> int:
    """Train the candidates of SUITE into the folder of the run that `evalgate run` would make, which goes on there.

    With --plan: rows with their loss mask, checks, tokens, contamination, peak memory, time, and what fits on a card.
    """
    from evalgate.core.data import RunOptions

    options = RunOptions(
        suite=str(suite),
        output=str(output) if output else None,
        limit=limit,
        seed=seed,
        resume=resume,
        model=model,
        candidates=candidates,
        drop=drop,
    )
    if plan:
        return _plan(options, tflops, n_shown, kind)
    from evalgate import pipeline
    from evalgate.console.training import trained_text

    with shown_progress() as progress:
        adapters = pipeline.train(options, progress)
    click.echo(trained_text(adapters, kind), nl=False)
    return 0


def _plan(options: RunOptions, tflops: float | None, n_shown: int, kind: str) -> int:
    from evalgate.console.training import plan_text
    from evalgate.rehearsing import plan_training

    found = plan_training(options, tflops=tflops, n_shown=n_shown)
    click.echo(plan_text(found, kind), nl=False)
    if found.troubles:
        raise found.troubles[0].error()
    return 0
