"""The decision as JUnit XML: a suite for each candidate, a test case for each gate."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from evalgate.report.validity import add_cases
from evalgate.report.verdicts import gates_view
from evalgate.report.view import View, decision_view
from evalgate.report.words import clean
from evalgate.store import RunData


def render_junit(data: RunData) -> str:
    """JUnit XML; a required gate that is inconclusive is a failure of type `inconclusive`, an advisory one is skipped,
    and so is one that was not run.

    A run without a decision has one test case, an error: "could not measure" must not look like a pass.
    """
    decision, gates = decision_view(data), gates_view(data)
    root = ET.Element("testsuites", name=clean(f"evalgate {data.run.suite.name}"))
    if data.decision is None:
        suite = ET.SubElement(root, "testsuite", name="decision")
        case = ET.SubElement(suite, "testcase", classname="evalgate", name="decision")
        ET.SubElement(case, "error", type="not-judged", message=clean(decision["reason"]))
    for position, candidate in enumerate(gates["candidates"]):
        suite = ET.SubElement(root, "testsuite", name=clean(candidate))
        properties = ET.SubElement(suite, "properties")
        for name, value in (
            ("decision", decision["word"]),
            ("suite_digest", data.run.suite_digest),
            ("run", data.run.id),
        ):
            ET.SubElement(properties, "property", name=name, value=clean(value))
        for row in gates["rows"]:
            if data.decision is not None:
                _case(suite, candidate, row, row["cells"][position])
    add_cases(root, data)
    for suite in root:
        _count(suite)
    _count(root)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, candidate: str, row: View, cell: View) -> None:
    name = clean(f"{row['name']}: {row['metric']} {row['rule']}")
    case = ET.SubElement(suite, "testcase", classname=clean(f"evalgate.{candidate}"), name=name)
    message = clean(cell["reason"])
    if cell["state"] == "none":
        ET.SubElement(case, "error", type="not-judged", message="this gate has no verdict")
    elif cell["state"] == "not_run":
        ET.SubElement(case, "skipped", message=message)
    elif cell["state"] != "pass" and not row["required"]:
        ET.SubElement(case, "skipped", message=f"advisory: {cell['state']}: {message}")
    elif cell["state"] != "pass":
        ET.SubElement(case, "failure", type=cell["state"], message=message).text = clean(cell["tip"])
    if cell["text"]:
        ET.SubElement(case, "system-out").text = clean(f"{cell['text']}; {cell['method']}")


def _count(element: ET.Element) -> None:
    """Fill in the totals that CI systems show; a plain count, so it needs no second source."""
    element.set("tests", str(len(element.findall(".//testcase"))))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(len(element.findall(f".//{tag}"))))
