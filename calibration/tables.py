"""Tables in Markdown: one row a shape (or setting), one column a number of examples, shares in percent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from calibration.reading import Results
from calibration.rows import SIZES, Row

# The row that a table shows for a setting and a number of examples.
Find = Callable[[str, int], Row | None]
Share = Callable[[Row], float]


def passed(row: Row) -> float:
    """The share of passes."""
    return row.passed


def failed(row: Row) -> float:
    """The share of fails."""
    return row.failed


def undecided(row: Row) -> float:
    """The share of inconclusive verdicts."""
    return max(0.0, 1 - row.passed - row.failed)


def number(share: float, *, exact: bool = False) -> str:
    """A share in percent; two decimals where nothing was simulated."""
    text = f"{100 * share:.2f}" if exact else f"{100 * share:.1f}"
    return text if float(text) or share == 0 else f"<{'0.01' if exact else '0.1'}"


def by_size(
    results: Results, settings: Sequence[tuple[str, str]], find: Find, share: Share, *, marked: bool = False,
    head: str = "score shape", sizes: Sequence[int] = SIZES,
) -> str:  # fmt: skip
    """Settings down, numbers of examples across. `marked` puts ▲ and △ where a share lies above alpha."""
    lines = [f"| {head} | " + " | ".join(f"n = {n:,}" for n in sizes) + " |", "|---|" + "--:|" * len(sizes)]
    for name, title in settings:
        cells = []
        for n in sizes:
            row = find(name, n)
            if row is None:
                cells.append("–")
                continue
            mark = results.mark(row, share(row)) if marked else ""
            text = number(share(row), exact=row.replications == 0)
            cells.append(f"**{text} {mark}**" if mark == "▲" else f"{text} {mark}".strip())
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def folded(summary: str, *parts: str) -> str:
    """What only some readers want: closed until they open it."""
    body = "\n\n".join(parts)
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def spread(shares: Sequence[float]) -> str:
    """The median over shapes, and the lowest and the highest."""
    if not shares:
        return "–"
    return f"{number(median(shares))} ({number(min(shares))}–{number(max(shares))})"


def rules_by_size(rules: Sequence[tuple[str, str]], shares: Callable[[str, int], Sequence[float]]) -> str:
    """Rules down, numbers of examples across: median and range over shapes."""
    lines = ["| rule | " + " | ".join(f"n = {n:,}" for n in SIZES) + " |", "|---|" + "--:|" * len(SIZES)]
    for rule, title in rules:
        lines.append(f"| {title} | " + " | ".join(spread(shares(rule, n)) for n in SIZES) + " |")
    return "\n".join(lines)
