"""What the terminal shows on stdout: decisions, suites, ledgers, runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalgate.core.data import Project
    from evalgate.core.probes import TooLong
    from evalgate.core.results import Decision, Overlap
    from evalgate.suite.ledger import Ledger
    from evalgate.suite.lock import Lock

_HEADLINES = {"ship": "SHIP", "keep_baseline": "KEEP THE BASELINE", "inconclusive": "CANNOT TELL YET"}
_COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow", "NOT PASS": "yellow", "NOT RUN": "dim"}


def headline(decision: Decision) -> str:
    """The decision in one line."""
    name = f" {decision.ship}" if decision.ship else ""
    return f"{_HEADLINES[decision.outcome]}{name}: {decision.reason}"


def decision_rows(decision: Decision) -> list[list[str]]:
    """The table of verdicts: a header, then a row for each gate, a column for each candidate; '-' for none."""
    candidates = list(dict.fromkeys(verdict.candidate for verdict in decision.verdicts))
    cells = {
        (verdict.gate, verdict.candidate): verdict.outcome.replace("_", " ").upper() for verdict in decision.verdicts
    }
    optional = {verdict.gate for verdict in decision.verdicts if not verdict.required}
    gates = list(dict.fromkeys(verdict.gate for verdict in decision.verdicts))
    rows = [["gate", *candidates]]
    for gate in gates:
        label = f"{gate} (not required)" if gate in optional else gate
        rows.append([label, *(cells.get((gate, candidate), "-") for candidate in candidates)])
    return rows


def decision_text(decision: Decision, kind: str) -> str:
    """The decision as `text`, `md` or `json`, newline included."""
    if kind == "json":
        import msgspec

        return msgspec.json.format(msgspec.json.encode(decision), indent=2).decode() + "\n"
    rows = decision_rows(decision) if decision.verdicts else []
    from evalgate.console.pieces import clean

    report = f"bound: {decision.bound}\n" if decision.bound else ""
    report += f"report: {decision.report}\n" if decision.report else ""
    if kind == "md":
        return clean(markdown_table(rows) + f"**Decision: {headline(decision)}**\n" + (f"\n{report}" if report else ""))
    return clean(aligned(rows) + f"decision: {headline(decision)}\n{report}")


def show_decision(decision: Decision, kind: str) -> None:
    """Print the decision to stdout, as a coloured table where that is a terminal."""
    try:
        if kind == "text" and sys.stdout.isatty() and decision.verdicts:
            _show_table(decision)
        else:
            sys.stdout.write(decision_text(decision, kind))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone (`| head`); the exit code must still be the decision's.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def validated_text(
    project: Project,
    overlaps: Sequence[Overlap],
    kind: str,
    *,
    frozen: bool,
    too_long: Sequence[TooLong] | None = None,
) -> str:
    """What validating says as `text` or `json`: sizes, systems, contamination and lengths (in JSON all), the lock.

    `too_long` is None where no tokenizer could tell.
    """
    import msgspec

    from evalgate.checking import lines_of
    from evalgate.lengths import length_lines

    suite, folder = project.suite, project.suite.folder
    splits = {name: {split: len(rows) for split, rows in task.splits.items()} for name, task in suite.tasks.items()}
    candidates = [recipe.name for recipe in project.recipes] + [draft.name for draft in project.entrants]
    names = {"baselines": [system.name for system in project.systems], "candidates": candidates}
    if kind == "json":
        found = {"suite": suite.spec.name, "version": suite.spec.version, "digest": suite.digest, "frozen": frozen}
        told = {**found, "tasks": splits, **names, "contamination": overlaps, "too_long": too_long}
        return msgspec.json.format(msgspec.json.encode(told), indent=2).decode() + "\n"
    lines = [
        f"{name} ({suite.tasks[name].spec.kind}): {', '.join(f'{split} {n}' for split, n in sizes.items())}"
        for name, sizes in splits.items()
    ]
    lines += [f"{what}: {', '.join(found) or 'none'}" for what, found in names.items()]
    lines += lines_of(overlaps) or ["contamination: none found"]
    if too_long is None:
        lines.append("prompts: lengths not checked, the base model's tokenizer is not on this machine")
    else:
        lines += length_lines(too_long) or ["prompts: all fit the model's context"]
    state = f"frozen, digest {suite.digest[:12]}" if frozen else f"not frozen: run `evalgate freeze {folder}`"
    lines.append(f"suite '{suite.spec.name}' version {suite.spec.version} is sound; {state}")
    return "\n".join(lines) + "\n"


def run_lines(reports: Path) -> list[str]:
    """One line for each run folder below `reports`, oldest first; an unreadable one says so."""
    return [f"{row['started']:<25}  {row['outcome']:<13}  {row['folder']}" for row in run_rows(reports)]


def run_rows(reports: Path) -> list[dict[str, str]]:
    """Each run folder below `reports` with its start, outcome and folder, oldest first."""
    from evalgate.core.errors import EvalgateError
    from evalgate.core.results import Decision, Run
    from evalgate.files import read_record
    from evalgate.store import RunFolder

    rows = []
    for file in reports.rglob("run.json"):
        paths = RunFolder(file.parent)
        try:
            started = read_record(paths.run_file, Run, fix="").started
            decided = paths.decision_file.exists()
            state: str = read_record(paths.decision_file, Decision, fix="").outcome if decided else "not decided"
        except EvalgateError:
            started, state = "?", "unreadable"
        rows.append({"started": started, "outcome": state, "folder": str(file.parent)})
    return sorted(rows, key=lambda row: tuple(row.values()))


def frozen_text(folder: Path, lock: Lock, alpha: float, kind: str = "text") -> str:
    """What freezing says: the suite, its size, and how many looks are left; `alpha` is that of one look."""
    n_rows = sum(split.n for split in lock.files.values())
    if kind == "json":
        import json

        told: dict[str, object] = {"suite": lock.name, "version": lock.version, "rows": n_rows, "digest": lock.digest}
        told["ledger"] = json.loads(ledger_text(folder, "json", alpha)) if lock.ledger is not None else None
        return json.dumps(told, indent=2) + "\n"
    text = f"suite '{lock.name}' version {lock.version} is frozen: {n_rows} rows, digest {lock.digest[:12]}\n"
    if lock.ledger is None:
        return text
    state = ledger_text(folder, "text", alpha).rpartition("\n\n")[2]
    return f"{text}ledger: {state}commit ledger.jsonl, ledger.digests and .gitattributes beside suite.lock\n"


def ledger_rows(ledger: Ledger | None) -> list[list[str]]:
    """The looks of a suite's ledger: a header, then a row for each; only the header where none was taken."""
    rows = [["look", "date", "candidates", "examples", "alpha", "decision", "run"]]
    for number, taken in enumerate(ledger.history if ledger else (), 1):
        said, claim = ledger.decided.get(taken.claim.key) if ledger else None, taken.claim
        outcome = said.outcome if said else "not judged"
        names, n_rows = ", ".join(claim.candidates), str(claim.n_heldout)
        rows.append([str(number), taken.date, names, n_rows, f"{claim.alpha:.3g}", outcome, claim.run])
    return rows


def ledger_text(folder: Path, kind: str, alpha: float) -> str:
    """A suite's ledger as `text` or `json`: each look, what is spent and left, and whether fresh examples are due.

    `alpha` is the error rate of a look under the suite's present gates.
    """
    import json

    from evalgate.suite.ledger import read_ledger

    ledger = read_ledger(folder)
    rows = ledger_rows(ledger)
    if kind == "json":
        said: dict[str, object] = {"looks": None, "used": 0, "left": None, "taken": []}
        if ledger is not None:
            said = {"looks": ledger.looks, "used": ledger.used, "left": ledger.left}
            said |= {"alpha_spent": ledger.spent, "alpha_left": ledger.left * alpha, "overspent": ledger.overspent()}
            said["fresh_examples"] = ledger.fresh_examples
            said["taken"] = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
        return json.dumps(said, indent=2) + "\n"
    if ledger is None:
        return "no ledger: declare `looks: 10` in suite.yaml and freeze; until then nothing bounds repeated decisions\n"
    lines = [
        f"{ledger.used} of {ledger.looks} looks used, {ledger.left} left; "
        f"alpha {ledger.spent:.3g} spent, {ledger.left * alpha:.3g} left",
        ledger.overspent(),
        _fresh_text(ledger),
    ]
    return (aligned(rows) if ledger.used else "") + "".join(f"{line}\n" for line in lines if line)


def _fresh_text(ledger: Ledger) -> str:
    from evalgate.suite.ledger import fresh_set

    start = {"now": "It is time for fresh examples", "soon": "Only one look is left; for more"}
    if ledger.fresh_examples is None:
        return ""
    return f"{start[ledger.fresh_examples]}: {fresh_set(ledger.path.parent)}."


def _show_table(decision: Decision) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from evalgate.console.pieces import clean

    header, *rows = decision_rows(decision)
    table = Table()
    for name in header:
        table.add_column(Text(clean(name)))
    for row in rows:
        table.add_row(*(Text(clean(cell), style=_COLOURS.get(cell, "")) for cell in row))
    console = Console(markup=False, highlight=False, emoji=False)
    console.print(table)
    console.print(clean(f"decision: {headline(decision)}"), style="bold", soft_wrap=True)
    if decision.bound:
        console.print(clean(f"bound: {decision.bound}"), soft_wrap=True)
    if decision.report:
        console.print(clean(f"report: {decision.report}"), soft_wrap=True)


def aligned(rows: list[list[str]]) -> str:
    """Rows as lines of columns, with an empty line behind them; empty where there are none."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines) + "\n\n" if lines else ""


def markdown_table(rows: list[list[str]]) -> str:
    """Rows as a table of Markdown, with an empty line behind it; empty where there are none."""
    if not rows:
        return ""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in escaped]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n\n"
