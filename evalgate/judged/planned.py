"""What can be known of judges before anything runs: their models, people's judgements, whether gates may go by them."""

from __future__ import annotations

from pathlib import Path

from evalgate.config.judge_checks import judged_by
from evalgate.config.load import resolved
from evalgate.core.data import ModelSpec, Project, Suite
from evalgate.core.errors import UsageError
from evalgate.core.judges import JudgedBy, JudgeSpec
from evalgate.judges.labels import read_labels

ACCEPT = "set `required: false` on the gate, or write `accept_uncalibrated_judge: true` in the task's `judge`"


def judge_models(suite: Suite) -> dict[str, ModelSpec]:
    """Task -> the model of its judge, for those that have one of their own."""
    judges = {name: task.spec.judge for name, task in suite.tasks.items()}
    return {name: resolved(j.model, Path(suite.folder)) for name, j in judges.items() if j and j.model}


def refuse_unjudged(project: Project) -> None:
    """Raise `bad-labels`, `uncalibrated-judge` or `cannot-measure` for judges that could not do what gates ask."""
    suite = project.suite
    for name, task in suite.tasks.items():
        if any(use.options.get("complying") for use in task.spec.metrics):
            _refuse_no_openings(project, name)
        if judge := task.spec.judge:
            _refuse_unfit(suite, name, judge)
            _refuse_unlabelled(suite, name, judge)


def _refuse_unfit(suite: Suite, task: str, judge: JudgeSpec) -> None:
    model = judge.model or suite.spec.model
    what = ""
    if not model.id:
        what = "has no model, and neither has the suite"
    elif judge.reply == "likelihood" and (model.server or model.backend):
        what = "replies by likelihood, which needs a model in this process"
    if what:
        raise UsageError(
            f"the judge of '{task}' {what}",
            code="cannot-measure",
            fix="give `judge` a `model:` of its own, or another `reply`",
            where=yaml_place(suite),
        )


def _refuse_no_openings(project: Project, task: str) -> None:
    model = project.suite.spec.model
    recorded = any(task in draft.predictions for draft in (*project.systems, *project.entrants))
    if recorded or not model.id or model.server or model.backend:
        raise UsageError(
            f"refusals of '{task}' are judged by the likelihood of openings, which needs a model in this process",
            code="cannot-measure",
            fix="take `openings` and `complying` out, and judge by `string` or `llm`",
            where=yaml_place(project.suite),
        )


def _refuse_unlabelled(suite: Suite, task: str, judge: JudgeSpec) -> None:
    kinds = {row.by for row in read_labels(Path(suite.folder), judge, suite.tasks[task])}
    for gate, by in required_gates(suite, task):
        if by not in kinds and not judge.accept_uncalibrated:
            raise UsageError(
                f"gate '{gate}' is required, but '{judge.labels}' holds no human judgement of the kind '{by}'",
                code="uncalibrated-judge",
                fix=f"label some answers, {ACCEPT}",
                where=yaml_place(suite),
            )


def required_gates(suite: Suite, task: str) -> list[tuple[str, JudgedBy]]:
    """The required gates on a task's judge, and what each asks."""
    kinds = {use.name: judged_by(use) for use in suite.tasks[task].spec.metrics}
    gates = [gate for gate in suite.spec.gates if gate.required and gate.task == task]
    return [(gate.name, by) for gate in gates if (by := kinds.get(gate.metric_name))]


def yaml_place(suite: Suite) -> str:
    """The file that refusals point to."""
    return str(Path(suite.folder) / "suite.yaml")
