"""Power as a table and sentences: text, Markdown or JSON."""

from __future__ import annotations

import msgspec

from evalgate.gates.words import count, percent, points
from evalgate.power.plan import PowerReport, is_assumed
from evalgate.power.rows import GatePower

HEADER = ["gate", "asks", "alpha", "n", "shows 80%", "shows 90%", "least", "needs 80%", "needs 90%", "chance", ""]


def power_text(report: PowerReport, kind: str, *, curves: bool = False) -> str:
    """The report as `text`, `md` or `json`, newline included; JSON has the curves always."""
    if kind == "json":
        return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"
    rows = [HEADER, *(_cells(row) for row in report.gates)]
    lines = [f"{row.gate}: {row.sentence}{_worth(row)} ({row.spread})" for row in report.gates]
    lines += [line for row in report.gates for line in _curve_lines(row)] if curves else []
    notes = _notes(report)
    if kind == "md":
        table = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
        table.insert(1, "|" + "---|" * len(HEADER))
        return "\n".join([*table, "", *(f"- {line}" for line in lines), "", *notes]) + "\n"
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*table, "", *lines, "", *notes]) + "\n"


def _cells(row: GatePower) -> list[str]:
    shows = ["-" if value is None else _value(row, value) for value in row.shows]
    needs = ["none" if n is None else count(n) for n in row.needs]
    chance = "-" if row.chance is None else percent(round(row.chance, 2))
    mark = "" if row.enough is None else "enough" if row.enough else "TOO SMALL"
    return [
        row.gate,
        row.asks,
        f"{row.alpha:.3g}",
        "?" if row.n is None else count(row.n),
        *shows,
        "none" if row.least is None else count(row.least),
        *needs,
        chance,
        mark,
    ]


def _value(row: GatePower, value: float) -> str:
    if row.asks.startswith("at most"):
        return f"{value:.2f}×"
    return percent(value) if row.asks.startswith("a rate") else f"{points(value)} pt"


def _curve_lines(row: GatePower) -> list[str]:
    """The chance to pass for several truths, a line for each n."""
    return [
        f"{row.gate} with {count(curve.n)}: passes "
        + ", ".join(
            f"{chance:.1%} at {_value(row, truth)}" for truth, chance in zip(curve.truths, curve.chances, strict=True)
        )
        for curve in row.curves
    ]


def _worth(row: GatePower) -> str:
    """What clusters leave of n."""
    if row.n is None or row.n_effective is None or row.n_effective > row.n - 0.5:
        return ""
    return f" Clusters make its {count(row.n)} examples worth about {count(round(row.n_effective))}."


def _notes(report: PowerReport) -> list[str]:
    k = report.n_required
    of = "" if report.looks == report.candidates == 1 else (
        f" The level in force is alpha / {report.looks} looks / {report.candidates} candidates."
    )  # fmt: skip
    notes = [f"{report.subject}: `chance` supposes what each sentence says; `shows` is at the present n.{of}"]
    if k > 1:
        now = "" if report.all_now is None else f" At the present sizes all pass {percent(round(report.all_now, 2))}."
        notes.append(
            f"{k} required gates: if each passes 90% of the time, all pass {percent(round(report.all_at_90, 2))}; for "
            f"{percent(report.power)} in all, plan each for {percent(report.each)} (if they err independently).{now}"
        )
    if any("gain" in row.asks for row in report.gates):
        notes.append("A gain must show over every baseline: several equally good ones make it rarer than this.")
    if is_assumed(report):
        notes.append(
            "Assumed spreads are a guess by kind of metric; a pilot run of some 100 examples tells the true ones: "
            "`--from-run RUN`."
        )
    return notes
