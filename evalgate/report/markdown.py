"""The report for pull requests: one table a candidate, short enough for a comment."""

from __future__ import annotations

import re

from evalgate.report import words
from evalgate.report.agreement import agreement_view
from evalgate.report.artefacts import artefacts_view
from evalgate.report.contamination import contamination_view
from evalgate.report.effort import effort_view
from evalgate.report.index import Index
from evalgate.report.scores import scores_view
from evalgate.report.validity import validity_view
from evalgate.report.verdicts import gates_view
from evalgate.report.view import View, change_table, decision_view
from evalgate.store import RunData

# A bot that updates its own comment finds it by this line.
MARKER = "<!-- evalgate-report -->"
# Contamination findings named in a comment; the HTML has more.
FINDINGS = 5
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#@!])")
SIGNS = {
    "pass": "✔ PASS",
    "fail": "✘ FAIL",
    "inconclusive": "? INCONCLUSIVE",
    "not_run": "– NOT RUN",
    "none": "not judged",
}


def text(value: str) -> str:
    """A name or sentence that Markdown shows as it is: no markup, no mention, no line break."""
    return _SPECIAL.sub(r"\\\1", " ".join(words.clean(value).split())).replace("\\@", "@\u200b").replace("&", "&amp;")


def render_markdown(data: RunData, index: Index | None = None) -> str:
    """The decision, each candidate's gates, and every system's scores."""
    decision = decision_view(data)
    lines = [MARKER, f"## {text(decision['headline'])}", "", text(decision["reason"]), ""]
    for candidate in decision["candidates"]:
        lines += [f"- {text(candidate['text'])}", *(f"  - {_deciding(line)}" for line in candidate["lines"])]
    lines += [f"- {text(fact)}" for fact in decision["facts"]]
    gates, changes = gates_view(data), change_table(data, index)
    for position, candidate in enumerate(gates["candidates"]):
        counts = {metric: count for (name, metric), count in changes.items() if name == candidate}
        lines += ["", f"### {text(candidate)}", "", *_gates(gates["rows"], position, counts, _values(data, candidate))]
    for row in artefacts_view(data):
        facts = [f"{row['candidate']} is a whole model in {row['dtype']}, {row['way']}", *row["parity"], *row["timing"]]
        lines += ["", f"- {text('; '.join(facts))}"]
    lines += ["", *_scores(data), *_effort(data), *_judges(data), *_validity(data), *_contamination(data)]
    run = data.run
    lines += ["", f"Suite `{text(run.suite.name)}` {run.suite_digest[:12]}, run {text(run.id)}, seed {run.seed}."]
    return "\n".join(lines).rstrip() + "\n"


def _deciding(line: View) -> str:
    named = f"{SIGNS.get(line['state'], '')} {text(line['gate'])}" if line["gate"] else line["word"]
    return f"{named}: {text(line['text'])}"


def _values(data: RunData, candidate: str) -> dict[str, str]:
    """A candidate's own value of each metric, as text."""
    return {
        f"{s.task}.{s.metric}": words.show(s.estimate.value, words.metric_scale(s.task, s.metric))
        for s in (data.decision.scores if data.decision else ())
        if s.system == candidate and s.estimate
    }


def _gates(rows: list[View], position: int, counts: dict[str, View], values: dict[str, str]) -> list[str]:
    """The interval is of the difference where there is one, else of the score."""
    lines = [
        "| Gate | Asks | Score | Δ | Interval | Improvements | Regressions | Verdict |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        cell = row["cells"][position]
        value, span = cell.get("value", ""), cell.get("interval", "")
        rate = row["what"] == "rate"
        score, delta = (value, "") if rate and value else (values.get(row["metric"], ""), value)
        count = counts.get(row["metric"])
        better, worse = (str(count["better"]), str(count["worse"])) if count else ("", "")
        verdict = SIGNS[cell["state"]] + ("" if row["required"] else " (advisory)")
        named = f"{text(row['name'])} | {text(row['rule'])}"
        lines.append(f"| {named} | {score} | {delta} | {span} | {better} | {worse} | {verdict} |")
    return lines


def _scores(data: RunData) -> list[str]:
    scores = scores_view(data)
    if not scores["rows"]:
        return []
    names = [text(s) for s in scores["systems"]]
    lines = ["<details><summary>Scores of all systems</summary>", "", f"| Task and metric | {' | '.join(names)} |"]
    lines.append("|---|" + "--:|" * len(names))
    for row in scores["rows"]:
        cells = [f"**{c['value']}**" if c["best"] else c["value"] for c in row["cells"]]
        spans = [f"{v} ({c['interval']})" if c["interval"] else v for v, c in zip(cells, row["cells"], strict=True)]
        spans = [f"{v}, {c['part']}" if c["part"] else v for v, c in zip(spans, row["cells"], strict=True)]
        spans = [f"{v}; {c['spread']}" if c["spread"] else v for v, c in zip(spans, row["cells"], strict=True)]
        lines.append(f"| {text(row['task'] + '.' + row['metric'])} | {' | '.join(spans)} |")
    return [*lines, "", "</details>"]


def _effort(data: RunData) -> list[str]:
    found = effort_view(data)
    if not found["searches"]:
        return []
    lines = ["", f"<details><summary>Prompts searched on dev: {found['n']} tries</summary>", ""]
    lines += [f"- {text(s['name'])}, {text(s['metric'])}: {s['text']}; {text(s['chosen'])}" for s in found["searches"]]
    return [*lines, "", "</details>"]


def _judges(data: RunData) -> list[str]:
    rows = agreement_view(data)
    if not rows:
        return []
    lines = ["", "| Judge of | Agrees with | n | Same verdict | Kappa |", "|---|---|--:|--:|--:|"]
    for row in rows:
        kappa = f"{row['kappa']} ({row['kappa_span']})" if row["kappa_span"] else row["kappa"]
        name = text(f"{row['task']}, {row['kind']}")
        lines.append(f"| {name} | {row['whom']} | {row['n']} | {row['share']} ({row['share_span']}) | {kappa} |")
    return [*lines, ""]


def _validity(data: RunData) -> list[str]:
    found = validity_view(data)
    if not found["rows"]:
        return []
    lines = ["", f"<details><summary>Validity checks on {found['n_items']} dev items: {found['counts']}</summary>", ""]
    lines += ["| Check | System | Figure | Held to | Outcome |", "|---|---|---|---|---|"]
    for row in found["rows"]:
        figure = f"{row['figure']}; {row['reason']}" if row["reason"] else row["figure"]
        cells = [row["compared"], row["system"], figure, row["threshold"], row["word"]]
        lines.append(f"| {' | '.join(text(cell) for cell in cells)} |")
    return [*lines, "", "</details>"]


def _contamination(data: RunData) -> list[str]:
    found = contamination_view(data)
    unknown = ["", *(f"- {text(told)}" for told in found["unknown"])] if found["unknown"] else []
    if not found["rows"]:
        return unknown
    lines = [
        *unknown,
        "",
        f"<details><summary>Contamination: {found['n']} findings; gates judge the full set</summary>",
        "",
    ]
    lines += [f"- {text(told)}" for told in found["left_out"]]
    for row in found["rows"][:FINDINGS]:
        lines.append(f"- {row['kind']}: {text(row['where'])} and {text(row['heldout'])} ({row['share']})")
    if found["scores"]:
        lines += ["", "| Metric | System | Full set | n | Clean subset | n |", "|---|---|--:|--:|--:|--:|"]
    for row in found["scores"]:
        named = f"{text(row['metric'])} | {text(row['system'])}"
        lines.append(f"| {named} | {row['full']} | {row['full_n']} | {row['clean']} | {row['clean_n']} |")
    return [*lines, "", "</details>"]
