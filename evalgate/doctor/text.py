"""What the doctor found, as text, Markdown or JSON."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from evalgate.core.results import Finding
from evalgate.doctor.inject import Checkup, Shown
from evalgate.doctor.relabel import Relabelled


def findings_text(folder: str, findings: Sequence[Finding], kind: str) -> str:
    """The findings on a recording, newline included."""
    if kind == "json":
        return msgspec.json.format(msgspec.json.encode(list(findings)), indent=2).decode() + "\n"
    if not findings:
        return f"{folder}: nothing found\n"
    mark = "- " if kind == "md" else ""
    lines = []
    for finding in findings:
        word = "error" if finding.hard else "note"
        lines.append(f"{mark}{word}[{finding.code}]: {finding.what}\n  at: {finding.where}\n  fix: {finding.fix}\n")
    return "".join(lines)


def checkup_text(checkup: Checkup, kind: str) -> str:
    """The table of faults with the control above it and the conclusion below it, newline included."""
    if kind == "json":
        return msgspec.json.format(msgspec.json.encode(checkup), indent=2).decode() + "\n"
    if kind == "md":
        return _markdown(checkup)
    head = f"control: a twin of {checkup.candidate} that only just passes; decision: {checkup.control_decision}\n"
    lines = [head, *(f"  {text}\n" for text in checkup.twin), "\n"]
    lines += [_block(fault) for fault in checkup.faults]
    lines += [f"{'OK' if r.sound else 'MISSED':<15} relabelled A/A   {_relabelled(r)}\n" for r in checkup.relabelled]
    return "".join(lines) + f"\n{conclusion(checkup)}\n"


def conclusion(checkup: Checkup) -> str:
    """One line: how many faults were seen, and what was not."""
    shown = [f for f in checkup.faults if f.state in ("OK", "MISSED")]
    seen = sum(f.state == "OK" for f in shown)
    text = f"doctor: {seen} of {len(shown)} faults seen"
    if checkup.n_relabelled:
        text += f"; {checkup.ships} of {checkup.n_relabelled} relabelled A/A candidates pass every gate on a gain"
    for word, names in (("missed", checkup.missed), ("cannot be shown here", checkup.open)):
        if names:
            text += f"; {word}: {', '.join(names)}"
    return text


def _block(fault: Shown) -> str:
    rows = [("planted", [fault.planted]), ("should fire", [", ".join(fault.expected) or "-"])]
    rows += [("fired", list(fault.fired) or ["nothing"]), ("note", [fault.note] if fault.note else [])]
    text = f"{fault.state:<15} {fault.fault}; decision: {fault.decision}\n"
    for name, lines in rows:
        for place, line in enumerate(lines):
            text += f"  {name if place == 0 else '':<13} {line}\n"
    return text


def _relabelled(row: Relabelled) -> str:
    return f"{row.gate}: {row.passed} of {row.n} pass against {row.baseline} (alpha {row.alpha:g}, p = {row.p:.2g})"


def _markdown(checkup: Checkup) -> str:
    rows = [["fault", "planted", "should fire", "fired (before -> after)", "state"]]
    for f in checkup.faults:
        fired = "; ".join([*f.fired, *([f.note] if f.note else [])]) or "nothing"
        rows.append([f.fault, f.planted, ", ".join(f.expected) or "-", fired, f.state])
    for r in checkup.relabelled:
        state = "OK" if r.sound else "MISSED"
        rows.append(["relabelled A/A", "labels dealt by chance", f"{r.gate} at most at alpha", _relabelled(r), state])
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    control = f"Control: a twin of {checkup.candidate} that only just passes ({checkup.control_decision}): "
    table = "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
    return f"{control}{'; '.join(checkup.twin)}.\n\n{table}\n\n**{conclusion(checkup)}**\n"
