"""The validity checks as reports show them: what was compared, the figure, what it is held to, the outcome."""

from __future__ import annotations

from collections import Counter
from typing import Any
from xml.etree import ElementTree as ET

from evalgate.core.probes import Check, CheckOutcome
from evalgate.report.words import clean
from evalgate.store import RunData

View = dict[str, Any]
WORDS: dict[CheckOutcome, str] = {"ok": "OK", "failed": "FAILED", "not_done": "NOT DONE"}


def validity_view(data: RunData) -> View:
    """A row for each check, failed ones first, and their counts in words; no rows where nothing was recorded."""
    checks = data.decision.checks if data.decision else ()
    counts = Counter(check.outcome for check in checks)
    ordered = sorted(checks, key=lambda check: check.outcome != "failed")
    return {
        "rows": [{**_cells(check), "state": check.outcome} for check in ordered],
        "counts": ", ".join(f"{counts[outcome]} {word.lower()}" for outcome, word in WORDS.items() if counts[outcome]),
        "n_items": len(data.probed.items) if data.probed else 0,
        "seconds": data.probed.seconds if data.probed else 0.0,
    }


def _cells(check: Check) -> View:
    return {
        "probe": check.probe,
        "system": check.system or "base",
        "compared": check.compared,
        "figure": check.figure,
        "threshold": check.threshold or "-",
        "word": WORDS[check.outcome],
        "reason": check.reason,
    }


def add_cases(root: ET.Element, data: RunData) -> None:
    """A JUnit suite of the checks: a failed one is a failure, one that could not be done is skipped."""
    checks = data.decision.checks if data.decision else ()
    if not checks:
        return
    suite = ET.SubElement(root, "testsuite", name="validity checks")
    for check in checks:
        name = clean(f"{check.probe}: {check.compared}")
        case = ET.SubElement(suite, "testcase", classname=clean(f"evalgate.{check.system or 'base'}"), name=name)
        message = clean(f"{check.figure}; {check.reason}")
        if check.outcome == "failed":
            ET.SubElement(case, "failure", type="validity", message=message)
        elif check.outcome == "not_done":
            ET.SubElement(case, "skipped", message=message)
        else:
            ET.SubElement(case, "system-out").text = clean(check.figure)
