"""What a run says of itself while it works: how much will be asked, and with `-v` exactly what and how."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from evalgate.core.data import PromptSpec, SystemSpec
from evalgate.core.prompts import Sampling
from evalgate.core.record import digest_of, short
from evalgate.core.results import Decision, Run
from evalgate.store import BASE, CAPABILITY

if TYPE_CHECKING:
    from evalgate.planning import Plan


def planned_answers(plan: Plan, n_questions: int, left_out: Collection[str] = ()) -> dict[str, dict[str, int]]:
    """How many held-out examples each system is asked for each task, and `n_questions` on capability, in order.

    Candidates in `left_out` are asked nothing more.
    """
    asked = {CAPABILITY: n_questions} if n_questions else {}
    found = {system.name: _sizes(plan, system) for system in plan.baselines}
    if asked:
        found[BASE] = dict(asked)
    candidates = [plan.run.systems[recipe.name] for recipe in plan.recipes] + [*plan.entrants]
    return found | {s.name: {} if s.name in left_out else _sizes(plan, s) | asked for s in candidates}


def _sizes(plan: Plan, system: SystemSpec) -> dict[str, int]:
    return {task: len(plan.heldout(task)) for task in system.tasks}


def run_details(run: Run, folder: str) -> Iterator[str]:
    """What a run's numbers depend on, a line each: suite, model, serving, versions, systems."""
    yield f"run {run.id} in {folder}, started {run.started}, seed {run.seed}, limit {run.limit or 'none'}"
    digests = f"digest {short(run.suite_digest)}, data {short(run.data_digest)}"
    yield f"suite '{run.suite.name}' version {run.suite.version} in {run.suite_folder}, {digests}"
    model = run.suite.model.id or "none"
    yield f"model {model}, digest {short(run.model_digest)}; {_pairs(run.serving) or 'not served yet'}"
    yield f"versions: {_pairs(run.versions)}"
    yield from system_details(run)


def system_details(run: Run) -> Iterator[str]:
    """Every system's digest, and how it asks."""
    for system in run.systems.values():
        of = f", adapter {short(system.adapter_digest)}" if system.adapter_digest else ""
        yield f"system {system.name} ({system.kind}), digest {short(digest_of(system))}{of}"
        yield from (f"  {task}: {_asks(prompt)}" for task, prompt in system.prompts.items())
        for task, recording in (system.predictions or {}).items():
            yield f"  {task}: recorded answers, digest {short(recording.file_digest)}"


def decision_details(decision: Decision) -> Iterator[str]:
    """What each score rests on; a sealed decision has none that may be told."""
    for score in decision.scores:
        e = score.estimate
        rests = f"n {e.n}, unscored {e.n_unscored}, {e.method}" if e else "no estimate"
        yield f"{score.system} · {score.task}.{score.metric}: {rests}"


def _asks(prompt: PromptSpec) -> str:
    parts = [f"template {short(digest_of(prompt.template))}", *_settings(prompt.sampling)]
    shots = len(prompt.shots) or (prompt.choice.n if prompt.choice else 0)
    for n, what in ((shots, "shot"), (prompt.retrieve, "passage")):
        parts += [f"{n} {what}{'s' * (n != 1)}"] if n else []
    return ", ".join(parts)


def _settings(sampling: Sampling) -> Iterator[str]:
    if sampling.answer_by:
        yield f"answer by {sampling.answer_by}"
        return
    yield "greedy" if not sampling.temperature else f"temperature {sampling.temperature:g}, top_p {sampling.top_p:g}"
    yield f"up to {sampling.max_tokens} tokens"
    if sampling.stop:
        yield f"stop at {', '.join(map(repr, sampling.stop))}"
    if sampling.constraint != "none":
        yield f"held to {sampling.constraint}"


def _pairs(found: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in found.items())
