"""What a suite.yaml must mean beyond its shape: gates name what exists and have what their rule needs."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from evalgate.config.document import Document, Place, did_you_mean
from evalgate.config.judge_checks import check_judges
from evalgate.config.prompts import unfit_constraint, unfit_likelihood
from evalgate.core.data import GateSpec, SuiteSpec, TaskSpec
from evalgate.core.metric_kinds import LABEL_METRICS

# Measurements that are no task's: what a gate may name, and the section of suite.yaml that asks for them.
_QUANTILES = ("p50", "p90", "p95", "p99")
MEASURED = {"capability": ("accuracy",), "latency": _QUANTILES, "ttft": _QUANTILES}
# The section that asks for a measurement, where it has another name.
_SECTION = {"ttft": "latency"}
# The private half begins with AGE-SECRET-KEY and must never stand in a suite.
RECIPIENT = re.compile(r"age1[a-z0-9]{58}\Z")
# The one setting that each rule cannot do without, and what it means.
_NEEDS = {
    "at_least": ("limit", "the floor, e.g. `limit: 0.9`"),
    "at_most": ("limit", "the ceiling, e.g. `limit: 0.1`"),
    "better_than_baselines": ("min_gain", "the smallest gain worth shipping, e.g. `min_gain: 0.02`"),
    "not_worse_than_baseline": ("margin", "the largest drop allowed, above 0, e.g. `margin: 0.02`"),
}


def check_suite(document: Document, spec: SuiteSpec, folder: Path, metrics: set[str], written: list[set[str]]) -> None:
    """Note every problem of meaning; `written` are the keys that stand in each gate."""
    for task in spec.tasks:
        _check_task(document, task, folder, metrics)
    for key in ("include_path", "mirror", "drift"):
        if spec.capability and (path := getattr(spec.capability, key)):
            _check_there(document, ("capability", key), folder / path)
    if spec.baselines:
        _check_there(document, ("baselines",), folder / spec.baselines)
    _check_disclosure(document, spec)
    check_judges(document, spec, folder)
    for name, n in Counter(gate.name for gate in spec.gates).items():
        if n > 1:
            index = [gate.name for gate in spec.gates].index(name)
            document.problem(("gates", index, "name"), f"{n} gates are called '{name}'")
    _check_both_sides(document, spec)
    for index, gate in enumerate(spec.gates):
        _check_metric(document, ("gates", index, "metric"), gate, spec)
        _check_rule(document, ("gates", index), gate, written[index])


def _check_task(document: Document, task: TaskSpec, folder: Path, metrics: set[str]) -> None:
    place: Place = ("tasks", task.name)
    if task.name in MEASURED:
        document.problem(place, f"'{task.name}' is a measurement of its own; give the task another name")
    if task.kind == "extraction" and not task.output_schema:
        document.problem(place, "an extraction task needs `schema`, the JSON schema of its answers")
    if "heldout" not in task.splits:
        document.problem((*place, "splits"), "a task needs a heldout split to be judged on")
    if len(set(task.splits)) < len(task.splits):
        document.problem((*place, "splits"), "a split stands twice")
    if task.constraint and (why := unfit_constraint(task.constraint, task)):
        document.problem((*place, "constraint"), why)
    if task.answer_by and (why := unfit_likelihood(task, task.constraint)):
        document.problem((*place, "answer_by"), why)
    for key, name in (("schema", task.output_schema), ("corpus", task.corpus)):
        if name:
            _check_there(document, (*place, key), folder / name)
    _check_metrics(document, place, task, metrics)


def _check_metrics(document: Document, place: Place, task: TaskSpec, metrics: set[str]) -> None:
    known = [use.name for use in task.metrics]
    for index, shown in enumerate(task.slices.metrics if task.slices else ()):
        if shown not in known:
            text = f"'{task.name}' has no metric '{shown}'{did_you_mean(shown, known)}"
            document.problem((*place, "slices", "metrics", index), text)
    if task.label and not set(known) & LABEL_METRICS:
        document.problem((*place, "label"), "no metric of this task reads a label")
    for index, use in enumerate(task.metrics):
        where = (*place, "metrics", index)
        if metrics and use.name not in metrics:
            document.problem(where, f"there is no metric '{use.name}'{did_you_mean(use.name, metrics)}")
        if use.name in known[:index]:
            document.problem(where, f"the metric '{use.name}' stands twice")


def _check_disclosure(document: Document, spec: SuiteSpec) -> None:
    if spec.disclosure == "verdict" and not spec.sealed_for:
        text = (
            "`disclosure: verdict` needs `sealed_for`, the release owner's public key; `evalgate keygen FILE` makes one"
        )
        document.problem(("disclosure",), text)
    if spec.disclosure == "full" and spec.sealed_for:
        document.problem(("sealed_for",), "nothing is sealed without `disclosure: verdict`")
    for index, key in enumerate(spec.sealed_for):
        if not RECIPIENT.match(key):
            text = f"'{key[:80]}' is no public key of age: those are 'age1' and 58 characters"
            document.problem(("sealed_for", index), text)


def _check_both_sides(document: Document, spec: SuiteSpec) -> None:
    """A system that refuses everything keeps every promise not to help: some other gate must ask for an answer."""
    judged = [gate for gate in spec.gates if gate.required and gate.task not in MEASURED]
    if judged and all(gate.metric_name == "refusal_rate" for gate in judged):
        index = spec.gates.index(judged[0])
        text = "a system that refuses everything would pass: gate on `over_refusal_rate` of safe prompts as well"
        document.problem(("gates", index, "metric"), text)


def _check_there(document: Document, place: Place, path: Path) -> None:
    if not path.exists():
        document.problem(place, f"there is no '{path}'")


def _check_metric(document: Document, place: Place, gate: GateSpec, spec: SuiteSpec) -> None:
    known = {task.name: [use.name for use in task.metrics] for task in spec.tasks}
    known.update({name: list(names) for name, names in MEASURED.items()})
    if not gate.metric_name:
        every = [f"{task}.{name}" for task, names in known.items() for name in names]
        document.problem(place, f"'{gate.metric}' is not of the form task.metric{did_you_mean(gate.metric, every)}")
    elif gate.task not in known:
        document.problem(place, f"there is no task '{gate.task}'{did_you_mean(gate.task, known)}")
    elif gate.metric_name not in known[gate.task]:
        hint = did_you_mean(gate.metric_name, known[gate.task])
        document.problem(place, f"'{gate.task}' has no metric '{gate.metric_name}'{hint}")
    section = _SECTION.get(gate.task, gate.task)
    if gate.task in MEASURED and getattr(spec, section) is None:
        document.problem(place, f"the suite has no `{section}:` section that says how it is measured")


def _check_rule(document: Document, place: Place, gate: GateSpec, written: set[str]) -> None:
    need, meaning = _NEEDS[gate.rule]
    if gate.is_timed and gate.rule == "not_worse_than_baseline":
        need, meaning = "limit", "the largest ratio to the baseline allowed, e.g. `limit: 1.1`"
    value = getattr(gate, need)
    if value is None or (need == "margin" and value <= 0):
        document.problem((*place, need), f"gate '{gate.name}' needs `{need}`: {meaning}")
    elif need == "limit" and gate.is_timed and value <= 0:
        document.problem((*place, need), f"gate '{gate.name}': a limit of {value:g} can never be met")
    for key in sorted(written & {"limit", "margin", "min_gain"} - {need}):
        document.problem((*place, key), f"rule {gate.rule} does not use `{key}`: delete it")
    if gate.subjects and (gate.task != "capability" or gate.rule != "not_worse_than_baseline"):
        text = "only a gate that compares capability with the base has `subjects`: delete it"
        document.problem((*place, "subjects"), text)
    quality = not gate.is_timed
    for key in ("margin", "min_gain", *(["limit"] if gate.rule == "at_least" else [])):
        if quality and (getattr(gate, key) or 0) > 1:
            text = f"{getattr(gate, key):g} is not a fraction; write 0.9 for 90 %"
            document.problem((*place, key), text)
