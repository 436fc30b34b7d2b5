"""What a task's `judge:` must mean: metrics have what they ask, and no judge gates that nobody held to people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalgate.config.document import Document, Place
from evalgate.config.prompts import names_in
from evalgate.core.data import MetricUse, SuiteSpec, TaskSpec
from evalgate.core.judges import JudgedBy

TEMPLATE = ".j2"
TEMPLATES = ("rubric", "preference", "refusal")
ACCEPT = "accept_uncalibrated_judge"


def judged_by(use: MetricUse) -> JudgedBy | None:
    """What a metric asks the task's judge, by its name and options; None where it asks none."""
    if use.name == "judge_score":
        return "score"
    if use.name == "judge_win":
        return "preference"
    return "refusal" if use.name.endswith("refusal_rate") and use.options.get("judge") == "llm" else None


def check_judges(document: Document, spec: SuiteSpec, folder: Path) -> None:
    """Note what judged metrics lack, and each required gate on a judge that nobody has held to people's judgements."""
    for task in spec.tasks:
        _check_judge(document, task, folder)
    tasks = {task.name: task for task in spec.tasks}
    for index, gate in enumerate(spec.gates):
        if (found := tasks.get(gate.task)) is None or not found.judge:
            continue
        by = next((judged_by(use) for use in found.metrics if use.name == gate.metric_name), None)
        if by is None:
            continue
        if by == "preference" and gate.rule != "at_least":
            text = "judge_win compares with the best baseline already: gate it with `rule: at_least` and a `limit`"
            document.problem(("gates", index, "rule"), text)
        if gate.required and not found.judge.labels and not found.judge.accept_uncalibrated:
            text = (
                f"gate '{gate.name}' is required, but the judge of '{gate.task}' is not calibrated: add `labels`, a "
                f"file of human judgements, to `judge`, set `required: false`, or write `{ACCEPT}: true` there"
            )
            document.problem(("gates", index, "metric"), text)


def _check_judge(document: Document, task: TaskSpec, folder: Path) -> None:
    place: Place = ("tasks", task.name)
    asked = [judged_by(use) for use in task.metrics]
    if not task.judge:
        for index, use in enumerate(task.metrics):
            if asked[index] is not None:
                document.problem((*place, "metrics", index), f"the metric {use.name} needs a `judge:` on the task")
        return
    judge = task.judge
    if not any(asked):
        document.problem((*place, "judge"), "no metric of this task asks a judge; judge_score and judge_win do")
    for index, (use, by) in enumerate(zip(task.metrics, asked, strict=True)):
        key = {"score": "rubric", "preference": "preference"}.get(by or "")
        if key and not getattr(judge, key):
            document.problem((*place, "metrics", index), f"the metric {use.name} needs `{key}` in `judge`")
    if asked[0] == "preference":
        text = "judge_win cannot rank baselines, for it compares with the best of them: put another metric first"
        document.problem((*place, "metrics", 0), text)
    if judge.temperature and judge.reply != "text":
        document.problem((*place, "judge", "temperature"), f"`reply: {judge.reply}` draws nothing: delete this")
    if judge.labels and not (folder / judge.labels).is_file():
        document.problem((*place, "judge", "labels"), f"there is no file '{folder / judge.labels}'")
    _check_templates(document, (*place, "judge"), folder)


def _check_templates(document: Document, place: Place, folder: Path) -> None:
    import jinja2

    raw: Mapping[str, Any] = document.data
    for step in place:
        raw = raw[step]  # type: ignore[index]
    for key in TEMPLATES:
        text = raw.get(key) or ""
        path = folder / text if text.endswith(TEMPLATE) else None
        if path is not None and not path.is_file():
            document.problem((*place, key), f"there is no file '{path}'")
            continue
        try:
            names_in(source_of(text, folder))
        except jinja2.TemplateSyntaxError as error:
            where = f" in {path}:{error.lineno}" if path else ""
            document.problem((*place, key), f"this is not a Jinja2 template{where}: {error.message}")


def source_of(text: str, folder: Path) -> str:
    """A template: the text itself, or what its file holds; empty where that is not there."""
    if not text.endswith(TEMPLATE):
        return text.strip()
    path = folder / text
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
