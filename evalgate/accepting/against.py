"""Accepted baselines in the place of a run's own: the same suite, the same metrics, the same decoding, or nothing."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from evalgate.accepting.accept import SERVING, examples_digest
from evalgate.accepting.records import Kept, decoding_text
from evalgate.core.data import SystemSpec
from evalgate.core.errors import UsageError
from evalgate.core.prompts import Sampling
from evalgate.core.record import short
from evalgate.core.results import Run, Score
from evalgate.judging import metrics_of
from evalgate.store import BASE, CAPABILITY, RunData
from evalgate.validity import trained_systems

FIX = "accept baselines that were measured so: `evalgate baseline accept RUN`, or gate a run that measures its own"


def refuse_other_suite(kept: Sequence[Kept], run: Run) -> None:
    """Raise `accepted-other-suite`, `accepted-other-decoding` or `needs-baseline`; known before anything is asked."""
    if run.suite.disclosure != "full":
        raise _refusal("a sealed suite has no accepted baselines", code="sealed-baseline", where=run.suite_folder)
    for one in kept:
        was, now = one.record.data_digest, run.data_digest
        if (one.record.suite, was) != (run.suite.name, now):
            what = (
                f"'{one.record.system}' was accepted on suite '{one.record.suite}' version {one.record.suite_version} "
                f"(data {short(was)}), this run is on '{run.suite.name}' version {run.suite.version} "
                f"(data {short(now)})"
            )
            raise _refusal(what, code="accepted-other-suite", where=one.path)
    _refuse_other_decoding(kept, run)


def refuse_unmeasured(run: Run) -> None:
    """Raise `needs-baseline` where a gate needs the baseline's answers or times in the same run."""
    names = [gate.name for gate in run.gates if gate.is_timed or gate.metric_name == "judge_win"]
    if names:
        raise UsageError(
            f"gate '{names[0]}' needs its baseline in the same run, and accepted baselines are not asked",
            code="needs-baseline",
            fix=f"run without `--against`, or take '{names[0]}' out of suite.yaml",
            where=run.suite_folder,
        )


def _refuse_other_decoding(kept: Sequence[Kept], run: Run) -> None:
    """Each candidate decodes each task as one of the accepted baselines did, on weights of the same precision.

    What answered elsewhere has no known decoding.
    """
    for name in trained_systems(run):
        for task, prompt in run.systems[name].prompts.items():
            known = [(one, _decoded(one.record.decoding[task])) for one in kept if task in one.record.decoding]
            mine = _decoded(prompt.sampling)
            if known and all(theirs != mine for _, theirs in known):
                one, theirs = known[0]
                what = (
                    f"'{name}' decodes {task} with {decoding_text(mine)}, and the accepted baseline "
                    f"'{one.record.system}' with {decoding_text(theirs)}"
                )
                raise _refusal(what, code="accepted-other-decoding", where=one.path)
    for one in kept:
        for key in SERVING:
            was, now = one.record.serving.get(key), run.serving.get(key)
            if was and now and was != now:
                what = f"'{one.record.system}' was accepted with {key} {was}, and this run has {now}"
                raise _refusal(what, code="accepted-other-decoding", where=one.path)


def _decoded(sampling: Sampling) -> Sampling:
    """Greedy text does not depend on a seed."""
    return sampling if sampling.temperature else replace(sampling, seed=0)


def _refusal(what: str, *, code: str, where: str) -> UsageError:
    return UsageError(what, code=code, fix=FIX, where=where)


def against(data: RunData, kept: Sequence[Kept]) -> RunData:
    """The run with the accepted baselines in place of its own; the untuned model's own scores stay, where it has any.

    Raises what `refuse_other_suite` raises, and `accepted-other-metric` for one that counts otherwise.
    """
    run = data.run
    refuse_other_suite(kept, run)
    _refuse_other_metrics(data, kept)
    ours = trained_systems(run)
    systems = {name: system for name, system in run.systems.items() if name in ours or name == BASE}
    scores = {name: data.scores[name] for name in systems}
    baselines = []
    for one in kept:
        name = one.record.system if one.record.system not in ours else f"accepted-{one.record.system}"
        if name == BASE and scores.get(BASE, {}).get(CAPABILITY):
            continue
        systems[name], scores[name] = _system(one, name), {**_scores(one, name, list(data.examples))}
        baselines += [name] if name != BASE else []
    run = replace(run, systems=systems, baselines=tuple(baselines))
    predictions = {name: data.predictions.get(name, {}) if name in ours else {} for name in systems}
    return replace(data, run=run, scores=scores, predictions=predictions)


def told(kept: Sequence[Kept]) -> str:
    """What a decision says of its baselines."""
    names = ", ".join(f"{one.record.system} ({one.record.day}, run {one.record.run})" for one in kept)
    return f"Baselines were not asked again; accepted scores stand for them: {names}."


def _refuse_other_metrics(data: RunData, kept: Sequence[Kept]) -> None:
    """Another signature counts otherwise; other examples of the same suite are not the same comparison."""
    signatures = {name: metric.spec.signature for name, metric in metrics_of(data).items()}
    asked = {task: examples_digest(rows) for task, rows in data.examples.items() if rows}
    for one in kept:
        for name, was in one.record.signatures.items():
            now = signatures.get(name)
            if now != was:
                what = f"'{one.record.system}' was accepted with {name} as '{was}', which now is '{now or 'gone'}'"
                raise _refusal(what, code="accepted-other-metric", where=one.path)
        for task, was in one.record.examples.items():
            if asked.get(task, was) != was:
                what = f"'{one.record.system}' was asked other examples of {task} than this run (`--limit`?)"
                raise _refusal(what, code="accepted-other-suite", where=one.path)


def _system(one: Kept, name: str) -> SystemSpec:
    """Without prompts: nothing was asked of it in this run, so no answers are expected."""
    text = f"accepted on {one.record.day} from run {one.record.run}: {one.record.description}".removesuffix(": ")
    return SystemSpec(
        name=name, kind="recorded", backend="accepted", model="", prompts={}, description=text,
        adapter_digest=one.record.adapter_digest,
    )  # fmt: skip


def _scores(one: Kept, name: str, tasks: list[str]) -> dict[str, list[Score]]:
    found: dict[str, list[Score]] = {task: [] for task in tasks}
    for row in one.scores:
        found.setdefault(row.task, []).append(row if row.system == name else replace(row, system=name))
    return found
