"""Names to objects, loaded when they are asked for. Third parties add theirs through entry points."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from evalgate.core.data import MetricUse, SuiteSpec, TaskSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.protocols import Metric

_METRICS = {
    "rouge_1": "evalgate.metrics.rouge:Rouge",
    "rouge_2": "evalgate.metrics.rouge:Rouge",
    "rouge_l": "evalgate.metrics.rouge:Rouge",
    "rouge_lsum": "evalgate.metrics.rouge:Rouge",
    "bleu": "evalgate.metrics.bleu:Bleu",
    "chrf": "evalgate.metrics.chrf:Chrf",
    "bert_score": "evalgate.metrics.bert_score:BertScore",
    "numeric_match": "evalgate.metrics.numeric:NumericMatch",
    "length_ratio": "evalgate.metrics.diagnostics:LengthRatio",
    "novel_ngrams": "evalgate.metrics.diagnostics:NovelNgrams",
    "copied_span": "evalgate.metrics.diagnostics:CopiedSpan",
    "exact_match": "evalgate.metrics.text:ExactMatch",
    "token_f1": "evalgate.metrics.text:TokenF1",
    "accuracy": "evalgate.metrics.classification:Accuracy",
    "macro_f1": "evalgate.metrics.classification:Overall",
    "micro_f1": "evalgate.metrics.classification:Overall",
    "weighted_f1": "evalgate.metrics.classification:Overall",
    "balanced_accuracy": "evalgate.metrics.classification:Overall",
    "mcc": "evalgate.metrics.classification:Overall",
    "class_precision": "evalgate.metrics.classification:OfClass",
    "class_recall": "evalgate.metrics.classification:OfClass",
    "class_f1": "evalgate.metrics.classification:OfClass",
    "ece": "evalgate.metrics.classification:CalibrationError",
    "json_valid": "evalgate.metrics.json_schema:JsonValid",
    "json_valid_unfenced": "evalgate.metrics.json_schema:JsonValid",
    "field_precision": "evalgate.metrics.json_fields:Fields",
    "field_recall": "evalgate.metrics.json_fields:Fields",
    "field_f1": "evalgate.metrics.json_fields:Fields",
    "exact_object": "evalgate.metrics.json_fields:ExactObject",
    "yaml_valid": "evalgate.metrics.documents:YamlValid",
    "xml_valid": "evalgate.metrics.documents:XmlValid",
    "regex_match": "evalgate.metrics.structure:RegexMatch",
    "markdown_structure": "evalgate.metrics.structure:MarkdownStructure",
    "judge_score": "evalgate.metrics.judged:JudgeScore",
    "judge_win": "evalgate.metrics.judged:JudgeWin",
    "refusal_rate": "evalgate.metrics.safety:Refusals",
    "over_refusal_rate": "evalgate.metrics.safety:Refusals",
}
# One class serves several names: it is told which.
_NAMED = {
    "evalgate.metrics.rouge:Rouge",
    "evalgate.metrics.classification:Overall",
    "evalgate.metrics.classification:OfClass",
    "evalgate.metrics.json_schema:JsonValid",
    "evalgate.metrics.json_fields:Fields",
    "evalgate.metrics.safety:Refusals",
}
_OF_LABELS = "evalgate.metrics.classification:"  # told where the task's answers have their label
_OF_JUDGE = {"judge_score", "judge_win", "refusal_rate", "over_refusal_rate"}  # told who the task's judge is
# A metric that needs a model is given what opens it: metrics do not know backends.
_OPENS = {"evalgate.metrics.bert_score:BertScore": "evalgate.backends.token_vectors:open_token_vectors"}


def metric_names() -> list[str]:
    """Every metric that a suite may name, built in or from a plugin."""
    return sorted({*_METRICS, *(e.name for e in _entries("evalgate.metrics", *sys.path))})


def metric(use: MetricUse, task: TaskSpec | None = None) -> Metric:
    """The metric that a task asks for; raises `unknown-metric`, `bad-metric-option` or `plugin-failed`."""
    target = _METRICS.get(use.name)
    if target is None:
        return _from_plugin("evalgate.metrics", use)
    make: Callable[..., Any] = _load(target)
    if target in _NAMED:
        make = partial(make, use.name)
    if target.startswith(_OF_LABELS) and task is not None:
        make = partial(make, rule=task.label_rule)
    if use.name in _OF_JUDGE and task is not None and task.judge:
        make = partial(make, judge=task.judge)
    if target in _OPENS:
        make = partial(make, _load(_OPENS[target]))
    made: Metric = make(use.options)
    return made


def metrics(task: TaskSpec) -> list[Metric]:
    """The metric objects of a task, the primary one first."""
    return [metric(use, task) for use in task.metrics]


def signatures(spec: SuiteSpec) -> dict[str, str]:
    """`task.metric` -> the metric's signature with its options: what a frozen suite holds its metrics to."""
    return {f"{task.name}.{use.name}": metric(use, task).spec.signature for task in spec.tasks for use in task.metrics}


@cache
def _entries(group: str, *_path: str) -> tuple[EntryPoint, ...]:
    """A group's entry points, read once for the places that Python looks in: each reading opens a file a package."""
    return tuple(entry_points(group=group))


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def _from_plugin(group: str, use: MetricUse) -> Metric:
    found = [e for e in _entries(group, *sys.path) if e.name == use.name]
    if not found:
        raise UsageError(
            f"there is no metric '{use.name}'", code="unknown-metric", fix=f"use one of: {', '.join(metric_names())}"
        )
    try:
        made: Metric = found[0].load()(use.options)
    except Exception as error:
        raise EvalgateError(
            f"the plugin '{found[0].value}' failed to load: {error}",
            code="plugin-failed",
            fix=f"mend or uninstall the package {found[0].dist.name if found[0].dist else '?'}",
        ) from error
    return made
