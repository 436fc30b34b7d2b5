"""Gates that could never pass, and metrics that no gate can judge: refused before anything runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from evalgate import plugins
from evalgate.core.data import GateSpec, Suite
from evalgate.core.errors import UsageError
from evalgate.gates.columns import refuse_unfit
from evalgate.gates.impossible import impossible
from evalgate.store import CAPABILITY

# Metrics whose scores are 0 or 1: for these the smallest possible n is known before anything is measured.
ZERO_OR_ONE = {
    "accuracy", "exact_match", "numeric_match", "json_valid", "json_valid_unfenced", "exact_object", "yaml_valid",
    "xml_valid", "regex_match", "markdown_structure", "refusal_rate", "over_refusal_rate",
}  # fmt: skip


def refuse_unfit_metrics(suite: Suite) -> None:
    """Raise `cannot-gate` for a gate on a metric that no gate can judge, `cannot-rank` for a diagnostic that ranks."""
    metrics = {
        f"{task.name}.{use.name}": plugins.metric(use, task) for task in suite.spec.tasks for use in task.metrics
    }
    for gate in suite.spec.gates:
        refuse_unfit(gate, metrics, where=yaml_of(suite))
    for task in suite.spec.tasks:
        if metrics[f"{task.name}.{task.primary}"].spec.better == "neither":
            raise UsageError(
                f"task '{task.name}' ranks systems by its first metric, {task.primary}, which is a diagnostic",
                code="cannot-rank",
                fix="put a metric first of which more or less is better, such as rouge_l",
                where=yaml_of(suite),
            )


def refuse_impossible(suite: Suite, n_candidates: int, *, capability: Sequence[int] | None = None) -> None:
    """Raise `impossible-gate` with every gate that could not pass at this suite's sizes, and the n that would do.

    Of several candidates the first to pass must do so at its share of alpha (Holm). How many items each subject of
    capability has is known only once lm-eval has loaded its tasks; without `capability` its gates are left out.
    """
    problems: list[str] = []
    falling = {
        f"{task.name}.{use.name}"
        for task in suite.spec.tasks
        for use in task.metrics
        if plugins.metric(use, task).spec.better == "lower"
    }
    for gate in suite.spec.gates:
        n, sizes = _of_subjects(gate, capability) if gate.task == CAPABILITY else size_of(gate, suite)
        if n is not None:
            alpha, binary = gate.alpha / (suite.spec.looks or 1), gate.metric_name in ZERO_OR_ONE
            share, lower = alpha / max(1, n_candidates), gate.metric in falling
            problems += impossible(gate, n, alpha=share, cluster_sizes=sizes, binary=binary, lower_is_better=lower)
    if problems:
        raise UsageError(
            f"{len(problems)} gate{'s' * (len(problems) > 1)} cannot pass, whatever is measured:\n  "
            + "\n  ".join(problems),
            code="impossible-gate",
            fix="change the gate, or freeze more held-out examples; nothing was run",
            where=yaml_of(suite),
        )


def yaml_of(suite: Suite) -> str:
    """The file that a refusal of a suite's gates points to."""
    return str(Path(suite.folder) / "suite.yaml")


def _of_subjects(gate: GateSpec, sizes: Sequence[int] | None) -> tuple[int | None, list[int] | None]:
    if sizes is None:
        return None, None
    return sum(sizes), list(sizes) if gate.subjects == "clusters" else None


def size_of(gate: GateSpec, suite: Suite) -> tuple[int | None, list[int] | None]:
    """How many examples (or pairs) a gate has, and the sizes of their clusters where any has more than one."""
    if gate.is_timed:
        return (suite.spec.latency.n_timed if suite.spec.latency else 0), None
    if gate.task not in suite.tasks:
        return None, None
    examples = suite.tasks[gate.task].splits["heldout"]
    sizes = list(Counter(("", e.id) if e.cluster is None else ("c", e.cluster) for e in examples).values())
    return len(examples), sizes if len(sizes) < len(examples) else None
