"""Arguments and options that commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from evalgate.console.progress import RichProgress

F = TypeVar("F", bound=Callable[..., Any])


def dashes(token: str) -> str:
    """A flag's name as it is declared: `--no_resume` is `--no-resume`."""
    return token.replace("_", "-")


def debug_option(command: F) -> F:
    """`--debug`, `-q` and `-v`, which every command knows."""
    # `main` looks for the flag itself: an error may come before click has parsed it.
    debug = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
    quiet = click.option("-q", "--quiet", is_flag=True, expose_value=False, callback=_louder(QUIET),
                         help="Print the answer and errors only.")  # fmt: skip
    verbose = click.option("-v", "--verbose", is_flag=True, expose_value=False, callback=_louder(VERBOSE),
                           help="Also say what was read, with which settings, and how long it took.")  # fmt: skip
    return quiet(verbose(debug(command)))


QUIET, VERBOSE = "quiet", "verbose"
_SAID = "evalgate.said"


def _louder(how: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    def said(context: click.Context, _parameter: click.Parameter, given: bool) -> None:
        before = context.meta.get(_SAID)
        if given and before not in (None, how):
            raise click.UsageError("--quiet and --verbose exclude each other")
        if given and before is None:
            context.meta[_SAID] = how
            if how == VERBOSE:
                _time(context)

    return said


def _time(context: click.Context) -> None:
    """Say at the command's end how long it took."""
    from evalgate.core.seeds import clock

    started = clock()
    context.call_on_close(lambda: say(f"{context.command_path} took {clock() - started:.1f} s"))


def loudness() -> str:
    """`quiet`, `verbose`, or nothing, as the command line of the running command has it."""
    context = click.get_current_context(silent=True)
    return str(context.meta.get(_SAID, "")) if context is not None else ""


def say(text: str) -> None:
    """A message for people, on stderr; not with `--quiet`."""
    if loudness() != QUIET:
        click.echo(text, err=True)


def shown_progress() -> RichProgress:
    """The progress display of the running command."""
    from evalgate.console.progress import Loudness, RichProgress

    return RichProgress(loudness={QUIET: Loudness.QUIET, VERBOSE: Loudness.VERBOSE}.get(loudness(), Loudness.NORMAL))


format_option = click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "json", "md"]),
    default="text",
    show_default=True,
    help="How the answer is printed to stdout.",
)
json_option = click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How the answer is printed to stdout.",
)


def json_text(told: object) -> str:
    """What a command tells as indented JSON, newline included."""
    import json

    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


against_option = click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="A folder of accepted baselines (`evalgate baseline accept`) that stand for the run's own.",
)


def listed(
    _context: click.Context | None, _parameter: click.Parameter | None, names: str | None
) -> tuple[str, ...] | None:
    """The names in `a,b`; None where the option was left out."""
    return None if names is None else tuple(n.strip() for n in names.split(",") if n.strip())


def suite_folder(_context: click.Context | None, _parameter: click.Parameter | None, path: Path) -> Path:
    """A suite's folder, also from the path of its suite.yaml."""
    return path.parent if path.name == "suite.yaml" else path


suite_argument = click.argument("suite", type=click.Path(path_type=Path), callback=suite_folder)
run_argument = click.argument("run", type=click.Path(path_type=Path))
