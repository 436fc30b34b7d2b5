"""The keys of a task's `judge:`, and what they must mean beyond their shape."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import UNSET
from pydantic import Field, field_validator

from evalgate.config.document import Document, Place
from evalgate.config.prompts import names_in
from evalgate.config.strict import Count, Strict
from evalgate.core.data import MetricUse, ModelSpec, SuiteSpec, TaskSpec
from evalgate.core.judges import JudgedBy, JudgeSpec, ReplyBy

TEMPLATE = ".j2"
TEMPLATES = ("rubric", "preference", "refusal")
ACCEPT = "accept_uncalibrated_judge"


class JudgeYaml(Strict):
    """`judge:` a rubric, a question for pairs, or one for refusals: each a template's file or the template itself."""

    rubric: str = ""
    preference: str = ""
    refusal: str = ""
    scale: list[int] = Field(default=[1, 5], min_length=2, max_length=2)
    reply: ReplyBy = "text"
    max_tokens: Count = 256
    temperature: float = Field(default=0.0, ge=0)
    seed: int = Field(default=0, ge=0)
    labels: str = ""
    min_kappa: float = Field(default=0.4, ge=0, lt=1)
    n_again: int = Field(default=20, ge=0)
    accept_uncalibrated_judge: bool = False

    @field_validator("scale")
    @classmethod
    def _rising(cls, value: list[int]) -> list[int]:
        if not 0 <= value[0] < value[1] <= 100:
            raise ValueError("must be the worst and the best verdict, such as [1, 5], from 0 to 100")
        return value

    def spec(self, model: ModelSpec | None, folder: Path) -> JudgeSpec:
        """The judge with its templates read; a file that is not there is noted by `check_judges`."""
        values = self.model_dump(exclude={"model", "scale", ACCEPT, *TEMPLATES})
        return JudgeSpec(
            **values,
            **{key: _source(getattr(self, key), folder) for key in TEMPLATES},
            low=self.scale[0],
            high=self.scale[1],
            model=model or UNSET,
            accept_uncalibrated=self.accept_uncalibrated_judge,
        )


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
        task = tasks.get(gate.task)
        use = next((u for u in task.metrics if u.name == gate.metric_name), None) if task else None
        by = judged_by(use) if use else None
        if task is None or by is None or not task.judge:
            continue
        if by == "preference" and gate.rule != "at_least":
            text = "judge_win is measured against the best baseline already: gate it with `rule: at_least`, `limit: 0.5` or more"
            document.problem(("gates", index, "rule"), text)
        if gate.required and not task.judge.labels and not task.judge.accept_uncalibrated:
            text = (
                f"gate '{gate.name}' is required, but the judge of '{gate.task}' is not calibrated: add `labels`, a file of "
                f"human judgements, to `judge`, set `required: false`, or write `{ACCEPT}: true` there"
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
        document.problem((*place, "judge"), "no metric of this task asks a judge: judge_score, judge_win, or a refusal rate with `judge: llm`")
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
            names_in(_source(text, folder))
        except jinja2.TemplateSyntaxError as error:
            where = f" in {path}:{error.lineno}" if path else ""
            document.problem((*place, key), f"this is not a Jinja2 template{where}: {error.message}")


def _source(text: str, folder: Path) -> str:
    if not text.endswith(TEMPLATE):
        return text.strip()
    path = folder / text
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
