"""Whether a recording shows what it seems to show: all answered, adapters active, nothing leaked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import msgspec

from evalgate.core.artefacts import noun
from evalgate.core.content import content_digest, text_of
from evalgate.core.prompts import Sampling
from evalgate.core.record import digest_of
from evalgate.core.results import Finding, Run
from evalgate.core.score_rows import unscored_of
from evalgate.store import BASE, CAPABILITY, RunData, RunFolder

# Where a finding lies, seen from the run's folder.
PLACES = RunFolder(Path())
# Copies of fewer of a task's held-out examples than this move its score by less than a point: noted, not refused.
LEAK_SHARE = 0.01
# Fewer equal answers than this may be chance where a recording has no probe of the adapter.
MIN_EQUAL, MIN_EITHER = 100, 10


def examine(data: RunData, in_part: Collection[str] = ()) -> tuple[Finding, ...]:
    """Every finding, hard ones first. Of candidates stopped early, `in_part`, nobody expects all answers."""
    checks = (untrained, inactive, double_bos, leaked, unscored, twins, uneven, unheld, cached, overtrained)
    found = [*unanswered(data, in_part), *(finding for check in checks for finding in check(data))]
    return tuple(sorted(found, key=lambda finding: not finding.hard))


def doubtful(findings: Sequence[Finding], run: Run) -> dict[str, str]:
    """Candidate -> why it cannot be trusted; a hard finding on what all are compared with concerns them all."""
    owners = trained_systems(run)
    doubts: dict[str, list[str]] = {}
    for finding in findings:
        if finding.hard:
            for name in [owners[finding.system]] if finding.system in owners else run.candidates:
                doubts.setdefault(name, []).append(finding.what)
    return {name: f"{name} cannot be trusted: {'; '.join(texts)}." for name, texts in doubts.items()}


def trained_systems(run: Run) -> dict[str, str]:
    """Every trained system, one a seed, to its candidate."""
    return {name: candidate for candidate in run.candidates for name in run.seeds.get(candidate, (candidate,))}


def _with_adapter(run: Run) -> list[str]:
    """The systems that have an adapter of ours; what a server or a file answered with is theirs to know."""
    return [name for name in trained_systems(run) if run.systems[name].kind not in ("api", "recorded")]


def unanswered(data: RunData, in_part: Collection[str] = ()) -> Iterator[Finding]:
    """Held-out examples that a system was never asked: the run is not finished, or lines are lost."""
    partial = {name for name, candidate in trained_systems(data.run).items() if candidate in in_part}
    for name, system in data.run.systems.items():
        for task in system.tasks if name not in partial else ():
            answered = {p.example_id for p in data.predictions[name].get(task, ())}
            missing = [e.id for e in data.examples.get(task, ()) if e.id not in answered]
            if missing:
                yield Finding(
                    code="answers-missing",
                    system=name,
                    what=f"{name} has no answer to {_of(len(missing), data, task)} (first: {missing[0]})",
                    where=str(PLACES.predictions(name, task)),
                    fix="run the suite again with the same folder: only what is missing is asked",
                )


def unscored(data: RunData) -> Iterator[Finding]:
    """Items without a score. Gates count them worst-case, so this is for information."""
    for name, tasks in data.scores.items():
        for task, rows in tasks.items():
            lost = {s.example_id: s.failure.code if s.failure else "unknown" for s in unscored_of(rows)}
            if lost:
                code, n = Counter(lost.values()).most_common(1)[0]
                yield Finding(
                    code="answers-unscored",
                    system=name,
                    hard=False,
                    what=f"{_of(len(lost), data, task)} could not be scored for {name} ({n} {code})",
                    where=str(PLACES.scores(name, task)),
                    fix="mend what failed, delete these lines from predictions and scores, and run again",
                )


def untrained(data: RunData) -> Iterator[Finding]:
    """Candidates that answered without the adapter that their card describes."""
    for name in _with_adapter(data.run):
        asked, card = data.run.systems[name].adapter_digest, data.cards.get(name)
        if asked is not None and (card is None or card.adapter_digest == asked):
            continue
        yield Finding(
            code="adapter-unknown",
            system=name,
            what=f"{name} has not answered with the {_noun(data, name)} that its card describes",
            where=str(PLACES.adapter(name)),
            fix="run the suite again with the same folder: the training goes on, and the candidate is asked anew",
        )


def inactive(data: RunData) -> Iterator[Finding]:
    """Adapters and whole models that change nothing: loaded under another name, into other layers, or not at all."""
    for name in _with_adapter(data.run):
        probe = data.probes.get(name)
        if probe is not None:
            same, n = probe.base == probe.tuned, len(probe.base)
            why = f"{n} of {n} probed answers are exactly as likely without it"
        else:
            same, why = _equal_items(data, name)
        if same:
            yield Finding(
                code="adapter-not-active",
                system=name,
                what=f"the {(made := _noun(data, name))} of {name} changes nothing: {why}",
                where=str(PLACES.probe(name)),
                fix="check that the adapter's layer names fit the base and that the backend switches it on"
                if made == "adapter"
                else "check that training moved its weights and that the backend answers from its folder",
            )


def _noun(data: RunData, candidate: str) -> str:
    card = data.cards.get(candidate)
    return noun(card.kind if card else "adapter")


def _equal_items(data: RunData, candidate: str) -> tuple[bool, str]:
    """For recordings without a probe: capability items equal to the base's, some right and some wrong."""
    mine, base = (
        {s.example_id: s.parts for s in data.scores[name].get(CAPABILITY, ())} if name in data.scores else {}
        for name in (candidate, BASE)
    )
    counts = Counter(mine.values())
    mixed = len(counts) > 1 and min(counts.values()) >= MIN_EITHER
    return mine == base and mixed and len(mine) >= MIN_EQUAL, f"all {len(mine)} capability items are as the base's"


def overtrained(data: RunData) -> Iterator[Finding]:
    """Trainings that went on while dev became worse, and kept adapters that drifted too far. Gates judge both."""
    for name, card in data.cards.items():
        for choice in card.choices:
            if choice.overfitting:
                late = choice.step > choice.overfitting.since
                yield Finding(
                    code="overfitting",
                    system=name,
                    hard=False,
                    what=f"{name} overfits from step {choice.overfitting.since} of {choice.planned} on: "
                    f"{choice.overfitting.what}, while the training loss went on falling; "
                    f"{'a later' if late else 'that or an earlier'} checkpoint is kept",
                    where=str(PLACES.adapter(name) / "card.json"),
                    fix="train for fewer `epochs`, on more rows, or at a lower `learning_rate`",
                )
            for e in choice.evaluations:
                if e.step == choice.step and not e.within:
                    yield Finding(
                        code="drift-over-limit",
                        system=name,
                        hard=False,
                        what=f"{name} has lost {e.seen.drift or 0.0:.3f} nats a token on general text, more than its "
                        f"recipe's `max_drift` of {choice.max_drift:g}",
                        where=str(PLACES.adapter(name) / "card.json"),
                        fix="lower `learning_rate`, `replay` general rows, or raise `checkpoints: {max_drift: ...}`",
                    )


def double_bos(data: RunData) -> Iterator[Finding]:
    """Prompts that begin with two BOS tokens: no model was trained on such."""
    for name, tasks in data.predictions.items():
        for task, rows in tasks.items():
            n = sum((p.prompt_bos or 0) > 1 for p in rows)
            if n:
                yield Finding(
                    code="double-bos",
                    system=name,
                    what=f"{n} of {len(rows)} prompts of {name} begin with more than one BOS token ({task})",
                    where=str(PLACES.predictions(name, task)),
                    fix="let either the chat template or the tokenizer write the BOS, and run again",
                )


def leaked(data: RunData) -> Iterator[Finding]:
    """Held-out examples whose text was trained on, whatever its id."""
    if not any(data.trained.values()):
        return
    asked = {
        task: [(example.id, content_digest(text_of(example))) for example in examples]
        for task, examples in data.examples.items()
        if task != CAPABILITY
    }
    for name, rows in data.trained.items():
        trained = {row.content_digest: row.id for row in rows}
        for task, examples in asked.items():
            copies = [(example_id, trained[digest]) for example_id, digest in examples if digest in trained]
            if copies:
                first, row = copies[0]
                yield Finding(
                    code="heldout-in-train",
                    system=name,
                    hard=len(copies) >= LEAK_SHARE * len(examples),
                    what=f"{name} was trained on {_of(len(copies), data, task)} (first: {first}, trained as {row})",
                    where=str(PLACES.trained(name)),
                    fix="take the copies out of the train split or the replay file, freeze with `--bump`, train again",
                )


def twins(data: RunData) -> Iterator[Finding]:
    """Systems that are one system under two names."""
    first: dict[str, str] = {}
    for name, system in data.run.systems.items():
        if not system.tasks:
            continue
        digest = digest_of(msgspec.structs.replace(system, name="", description="", kind="prompt"))
        other = first.setdefault(digest, name)
        if other != name:
            yield Finding(
                code="same-system",
                system=name,
                hard=False,
                what=f"{name} is the same system as {other}",
                where=str(PLACES.run_file),
                fix="remove one of the two: it counts twice where candidates or baselines are counted",
            )


def uneven(data: RunData) -> Iterator[Finding]:
    """Candidates whose decoder keeps a form that no baseline's does: they may win by the form alone."""
    baselines = [data.run.systems[name].prompts for name in data.run.baselines]
    for name in trained_systems(data.run):
        for task, prompt in data.run.systems[name].prompts.items():
            kept = _held(prompt.sampling)
            others = [_held(prompts[task].sampling) for prompts in baselines if task in prompts]
            if kept and others and kept not in others:
                key = "answer_by" if prompt.sampling.answer_by else "constraint"
                yield Finding(
                    code="constraint-uneven",
                    system=name,
                    hard=False,
                    what=f"{name} answers {task} {kept}, and no baseline does",
                    where=str(PLACES.run_file),
                    fix=f"set `{key}` on the task in suite.yaml, which holds all systems to it, and run again",
                )


def unheld(data: RunData) -> Iterator[Finding]:
    """Systems that gave answers which their constraint does not allow: a server may pass over it, a file knows none."""
    for name, tasks in data.predictions.items():
        for task, rows in tasks.items():
            n = sum(bool(p.constraint_broken) for p in rows)
            if n:
                asked = "ask a server that keeps `response_format`"
                if data.run.systems[name].kind == "recorded":
                    asked = "record answers that keep it"
                yield Finding(
                    code="constraint-broken",
                    system=name,
                    hard=False,
                    what=f"{n} of {len(rows)} answers of {name} to {task} break its constraint",
                    where=str(PLACES.predictions(name, task)),
                    fix=f"{asked}, or take `constraint` out of the task and its prompts",
                )


def _held(sampling: Sampling) -> str:
    """What keeps an answer in form, for a sentence; empty if nothing does."""
    if sampling.answer_by:
        return f"by {sampling.answer_by}"
    return "" if sampling.constraint == "none" else f"under the constraint {sampling.constraint}"


def cached(data: RunData) -> Iterator[Finding]:
    """Times that were read from a cache. The latency gate refuses them, so this is for information."""
    for name, pairs in data.latency.items():
        n = sum(pair.cached for pair in pairs)
        if n:
            yield Finding(
                code="latency-cached",
                system=name,
                hard=False,
                what=f"{n} of {len(pairs)} times of {name} were read from a cache",
                where=str(PLACES.latency(name)),
                fix="delete the file and run again: only the times are measured anew",
            )


def _of(n: int, data: RunData, task: str) -> str:
    return f"{n} of {len(data.examples.get(task, ()))} examples of {task}"
