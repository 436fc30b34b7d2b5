"""The reports of a sealed run: pass or not pass, the gates by name, the error bound. No number of the held-out set."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from evalgate.core.results import Decision, Run
from evalgate.report import words
from evalgate.report.html import page_of
from evalgate.report.markdown import MARKER, text

HEADLINES = {"ship": "Ship {ship}", "keep_baseline": "Keep the baseline"}
WORDS = {"pass": "PASS", "not_pass": "NOT PASS"}
OPENING = (
    "The release owner opens the whole report with "
    "`EVALGATE_IDENTITY_FILE=KEY evalgate report {folder} --unseal -o FILE.html`."
)


def render_sealed(run: Run, decision: Decision, folder: str) -> dict[str, str]:
    """File name -> text of all three reports, from what may be known only."""
    headline = HEADLINES[decision.outcome].format(ship=decision.ship)
    return {
        "report.html": _html(run, decision, headline, folder),
        "report.md": _markdown(run, decision, headline, folder),
        "junit.xml": _junit(run, decision),
    }


def _html(run: Run, decision: Decision, headline: str, folder: str) -> str:
    return page_of(
        "sealed.html.j2",
        headline=headline,
        state="pass" if decision.outcome == "ship" else "keep",
        run=run,
        reason=decision.reason,
        bound=decision.bound,
        opening=OPENING.format(folder=folder),
        candidates=[(v.candidate, v.outcome == "pass", WORDS[v.outcome]) for v in decision.verdicts],
        gates=[(g.name, g.metric, words.gate_rule(g), g.required) for g in run.gates],
    )


def _markdown(run: Run, decision: Decision, headline: str, folder: str) -> str:
    lines = [MARKER, f"## {text(headline)}", "", text(decision.reason), "", f"- {text(decision.bound)}", ""]
    lines += ["| Candidate | All required gates |", "|---|---|"]
    lines += [f"| {text(v.candidate)} | {WORDS[v.outcome]} |" for v in decision.verdicts]
    lines += ["", "| Gate | Asks |", "|---|---|"]
    lines += [f"| {text(g.name)} | {text(g.metric)}: {text(words.gate_rule(g))} |" for g in run.gates]
    lines += ["", OPENING.format(folder=folder)]
    lines += ["", f"Suite `{text(run.suite.name)}` {run.suite_digest[:12]}, run {text(run.id)}, seed {run.seed}."]
    return "\n".join(lines) + "\n"


def _junit(run: Run, decision: Decision) -> str:
    """One test case for each candidate: it passed everything, or it did not."""
    n_bad = sum(v.outcome != "pass" for v in decision.verdicts)
    counts = {"tests": str(len(decision.verdicts)), "failures": str(n_bad), "errors": "0", "skipped": "0"}
    root = ET.Element("testsuites", name=words.clean(f"evalgate {run.suite.name}"), attrib=counts)
    for v in decision.verdicts:
        own = {"tests": "1", "failures": str(int(v.outcome != "pass")), "errors": "0", "skipped": "0"}
        suite = ET.SubElement(root, "testsuite", name=words.clean(v.candidate), attrib=own)
        case = ET.SubElement(suite, "testcase", classname=words.clean(f"evalgate.{v.candidate}"), name=v.gate)
        if v.outcome != "pass":
            ET.SubElement(case, "failure", type="not-pass", message=words.clean(decision.reason))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
