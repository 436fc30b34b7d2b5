"""`evalgate compare`: any two recordings, paired and judged."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from evalgate.cli.options import VERBOSE, debug_option, format_option, loudness, say

EPILOG = """
\b
A recording is the folder of a run, lm-eval's samples_*.jsonl, an Inspect log (.eval, .json), promptfoo's
JSON, or a CSV, JSONL or Parquet file with an id and a score a row (docs/compare.md).

\b
Examples:
  evalgate compare old.csv new.csv --metric score --min-gain 0.02
  evalgate compare base/samples_gsm8k.jsonl tuned/samples_gsm8k.jsonl --filter strict-match
  evalgate compare gpt.eval mine.eval --rule not-worse --margin 0.02 -o report.html -o report.md
  evalgate compare reports/desk/RUN reports/desk/RUN --task route --system-a few-shot --system-b qlora

\b
Exit codes: 0 B passes, 1 B fails, 2 cannot tell yet, 3 and 64 errors.
"""


def _range(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        worst, best = map(float, text.split(","))
    except ValueError:
        raise click.BadParameter(f"'{text}' is not two numbers, e.g. 1,5") from None
    return worst, best


@click.command("compare", short_help="Compare two recordings of any tool, item by item.", epilog=EPILOG)
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("-m", "--metric", help="The score to compare. [default: the first that all items share]")
@click.option("--rule", type=click.Choice(["better", "not-worse"]), default="better", show_default=True,
              help="B must gain over A, or only not lose.")  # fmt: skip
@click.option("--min-gain", type=float, help="The smallest gain worth having, a fraction (better).")
@click.option("--margin", type=float, default=0.0, show_default=True,
              help="The gain to exceed (better), the drop to allow (not-worse), a fraction.")  # fmt: skip
@click.option("--alpha", type=float, default=0.05, show_default=True, help="The one-sided error rate.")
@click.option("--lower-is-better", is_flag=True, help="Less of the score is better.")
@click.option(
    "--range", "scale", callback=_range, metavar="WORST,BEST", help="What the score runs from and to. [default: 0,1]"
)
@click.option("--id", "id", help="The column of the ids; `hash` pairs by what items ask. [default: id, doc_id, ...]")
@click.option("--cluster", help="The column of clusters: items that are not independent. [default: cluster]")
@click.option("--filter", help="lm-eval: the filter whose scores are compared.")
@click.option("--task", help="A run: the task.")
@click.option("--system-a", help="A run or promptfoo: the system of A.")
@click.option("--system-b", help="A run or promptfoo: the system of B. [default: the run's only candidate]")
@click.option("--max-missing", type=click.FloatRange(0, 1), default=0.05, show_default=True,
              help="Above this share of missing items nothing is decided.")  # fmt: skip
@click.option("--collapse-guard/--no-collapse-guard", default=True, show_default=True,
              help="A pass must survive one unseen answer that scores worst.")  # fmt: skip
@click.option("-o", "--output", "outputs", multiple=True, type=click.Path(path_type=Path, dir_okay=False),
              help="Write a report: .html, .md, .json or .xml (JUnit); may be given several times.")  # fmt: skip
@format_option
@debug_option
def compare_command(outputs: tuple[Path, ...], rule: str, kind: str, **settings: Any) -> int:
    """Ask whether B is better than A, or not worse: paired by item, missing items counted against B."""
    from evalgate.cli.runs import tell
    from evalgate.comparing.judging import compare_recordings
    from evalgate.comparing.sides import Asked
    from evalgate.comparing.writing import markdown, refuse_other_files, write_report
    from evalgate.telling import decision_details, system_details

    refuse_other_files(outputs)
    data = compare_recordings(Asked(rule="better" if rule == "better" else "not_worse", **settings))
    for path in outputs:
        write_report(data, path)
    assert data.decision is not None
    if loudness() == VERBOSE:
        for line in (*system_details(data.run), *decision_details(data.decision)):
            say(line)
    return tell(data.decision, kind, markdown(data) if os.environ.get("GITHUB_STEP_SUMMARY") else "")
