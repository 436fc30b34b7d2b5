"""A comparison as a file: the same report, Markdown, JUnit and JSON as a run has."""

from __future__ import annotations

from pathlib import Path

import msgspec

from evalgate.core.errors import UsageError
from evalgate.files import write_atomic
from evalgate.store import RunData

SUFFIXES = (".html", ".md", ".json", ".xml")


def refuse_other_files(paths: tuple[Path, ...]) -> None:
    """Raise `bad-usage` for a file whose ending names no kind of report."""
    for path in paths:
        if path.suffix.lower() not in SUFFIXES:
            raise UsageError(
                f"'{path.name}' is of no known kind",
                code="bad-usage",
                fix=f"end the file's name with {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}",
            )


def markdown(data: RunData) -> str:
    """The report for a pull request."""
    from evalgate.report import render_markdown

    return render_markdown(data)


def write_report(data: RunData, path: Path) -> None:
    """Write the report that the file's ending asks for: HTML, Markdown, JUnit XML, or the decision as JSON."""
    from evalgate.report import render_html, render_junit

    match path.suffix.lower():
        case ".html":
            text = render_html(data)
        case ".md":
            text = markdown(data)
        case ".xml":
            text = render_junit(data)
        case _:
            text = msgspec.json.format(msgspec.json.encode(data.decision), indent=2).decode() + "\n"
    write_atomic(path, text.encode())
