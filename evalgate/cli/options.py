"""Arguments and options that commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def dashes(token: str) -> str:
    """A flag's name as it is declared: `--no_resume` is `--no-resume`."""
    return token.replace("_", "-")


def debug_option(command: F) -> F:
    """`--debug`, which every command knows."""
    # `main` looks for the flag itself: an error may come before click has parsed it.
    return click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")(command)


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
