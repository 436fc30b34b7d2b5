"""The known faults: what is planted into a twin that ships, and which gate or check must see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from evalgate.core.content import content_digest, text_of
from evalgate.core.data import GateSpec, Rule
from evalgate.core.probes import Measured, Probed
from evalgate.core.results import AdapterProbe, Run, TrainedRow
from evalgate.core.seeds import rng
from evalgate.core.serving import LatencyPair
from evalgate.doctor.copies import Copy, capability_items
from evalgate.doctor.twin import broken, good_answers
from evalgate.files import read_lines, read_record, write_lines, write_record
from evalgate.store import BASE, CAPABILITY

N_ITEMS = 12
BROKEN, COLLAPSED, SLOWER, COPIED = 0.05, 0.01, 1.2, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. `plant` changes a copy and says what it did.

    Gates that `watches` names must stop passing, `all_of_them` or at least one; or the check `finding` must fire; or,
    where it is `harmless`, nothing may: a doctor that blocks everything has shown nothing.
    """

    name: str
    plant: Callable[[Copy], str]
    watches: Callable[[Run], list[str]] | None = None
    watcher: str = ""
    all_of_them: bool = False
    finding: str = ""
    harmless: bool = False

    def gates(self, run: Run) -> list[str]:
        """The required gates that should see it."""
        return self.watches(run) if self.watches else []


Match = Callable[[GateSpec], bool]


def _gates(match: Match) -> Callable[[Run], list[str]]:
    return lambda run: [gate.name for gate in run.gates if gate.required and match(gate)]


def _rule(rule: Rule) -> Match:
    return lambda gate: gate.rule == rule


def _on(task: str) -> Match:
    return lambda gate: gate.task == task


def _metric(name: str) -> Match:
    return lambda gate: gate.metric_name == name


def _some(copy: Copy, ids: Sequence[str], share: float, name: str) -> list[str]:
    """A share of the ids, at least one, chosen by the run's seed."""
    n = max(1, round(share * len(ids)))
    return [ids[int(i)] for i in rng(_run(copy).seed, "doctor", name).permutation(len(ids))[:n]]


def _run(copy: Copy) -> Run:
    return read_record(copy.paths.run_file, Run, fix="give the folder of a run")


def _tasks(copy: Copy) -> list[str]:
    return list(_run(copy).systems[copy.candidate].tasks)


def equal_baseline(copy: Copy) -> str:
    """A/A: answers, capability and times are those of the baselines."""
    for task in _tasks(copy):
        if task in copy.best:
            copy.answer(task, copy.answers(task, copy.best[task]))
    items = capability_items(copy.data, BASE)
    if items:
        copy.know({s.example_id: s.parts[0] for s in items})
    pairs = read_lines(copy.paths.latency(copy.candidate), LatencyPair)
    copy.take(
        [msgspec.structs.replace(p, candidate_s=p.baseline_s, candidate_first_s=p.baseline_first_s) for p in pairs]
    )
    return "the best baseline's answers and times, the base's capability items"


def break_answers(copy: Copy) -> str:
    """Some answers of every task end in garbage."""
    for task in _tasks(copy):
        answers = copy.answers(task)
        hit = set(_some(copy, list(answers), BROKEN, f"broken {task}"))
        copy.answer(task, {i: broken(text) if i in hit else text for i, text in answers.items()})
    return f"{BROKEN:.0%} of the answers to every task cut and ended with garbage"


def fence_json(copy: Copy) -> str:
    """Structured answers stand in a Markdown fence."""
    tasks = [t.name for t in _run(copy).suite.tasks if any(use.name == "json_valid" for use in t.metrics)]
    for task in tasks:
        copy.answer(task, {i: f"```json\n{text}\n```" for i, text in copy.answers(task).items()})
    return f"every answer to {', '.join(tasks) or 'no task'} wrapped in ```json"


def slow_down(copy: Copy) -> str:
    """Every call of the candidate takes longer."""
    pairs = read_lines(copy.paths.latency(copy.candidate), LatencyPair)
    copy.take([p.slowed(SLOWER) for p in pairs])
    return f"every call {SLOWER - 1:.0%} slower"


def leak_heldout(copy: Copy) -> str:
    """Held-out rows lie among the rows that were trained on, under other ids."""
    rows = []
    for task in _tasks(copy):
        examples = {e.id: e for e in copy.examples(task)}
        rows += [
            TrainedRow(id=f"copy-{n}", task=task, content_digest=content_digest(text_of(examples[i])))
            for n, i in enumerate(_some(copy, list(examples), COPIED, f"leak {task}"))
        ]
    write_lines(copy.paths.trained(copy.candidate), rows)
    return f"{COPIED:.0%} of every task's held-out rows copied into the rows that were trained on, with new ids"


def forget(copy: Copy) -> str:
    """Capability items that the base gets right are wrong, until the drop is twice what is allowed."""
    gates = [g for g in _run(copy).gates if g.task == CAPABILITY]
    base = capability_items(copy.data, BASE)
    known = {s.example_id: s.parts[0] for s in capability_items(copy.data, copy.candidate)}
    drop = 2 * max((g.margin for g in gates), default=0.0)
    goal = np.mean([s.parts[0] for s in base]) - drop if base else 0.0
    right = [i for i, value in known.items() if value == 1.0]
    n = max(0, round(sum(known.values()) - goal * len(known)))
    gone = set(_some(copy, right, n / len(right), "forget")) if right and n else set()
    copy.know({i: 0.0 if i in gone else value for i, value in known.items()})
    return f"{len(gone)} right capability items of {len(known)} made wrong: a drop of twice the margin ({drop:.0%})"


def unload(copy: Copy) -> str:
    """The base answered in the adapter's name."""
    equal_baseline(copy)
    probe = copy.data.probes[copy.candidate]
    write_record(copy.paths.probe(copy.candidate), AdapterProbe(
        adapter_digest=probe.adapter_digest, base=probe.base, tuned=probe.base))  # fmt: skip
    return "the untuned model's answers, capability items and likelihoods in the adapter's name"


def add_bos(copy: Copy) -> str:
    """Prompts begin with two BOS tokens; the answers stay."""
    for task in _tasks(copy):
        copy.answer(task, copy.answers(task), prompt_bos=2)
    return "two BOS tokens before every prompt of the candidate; the answers stay the same"


def pad_wrongly(copy: Copy) -> str:
    """Padding changes the candidate's logits by several standard deviations, as without a mask."""
    values = {"largest": 8.0, "relative": 2.5, "flips": 3.0}
    _probe(copy, Measured(probe="padding", system=copy.candidate, n=N_ITEMS, values=values))
    return "validity checks in which padding moves the candidate's logits by 2.5 standard deviations"


def swap_tokenizer(copy: Copy) -> str:
    """The prompts get other ids than in training."""
    _probe(copy, Measured(probe="tokenizer", system=copy.candidate, n=N_ITEMS, values={"as_base": 0.0}))
    return "validity checks in which no prompt has the ids that it had in training"


def _probe(copy: Copy, measured: Measured) -> None:
    """Record one probe in place of whatever was measured."""
    write_record(copy.paths.probed, Probed(
        digest="doctor", items=(), precision="float32", seconds=0.0, measured=(measured,)))  # fmt: skip


def collapse(copy: Copy) -> str:
    """As good as the baseline, but for a few answers that say nothing."""
    equal_baseline(copy)
    lost = []
    for task in copy.best:
        answers = copy.answers(task)
        hit = set(_some(copy, list(answers), COLLAPSED, f"collapse {task}"))
        copy.answer(task, {i: "" if i in hit else text for i, text in answers.items()})
        chance = (1 - COLLAPSED) ** len(answers)
        lost.append(f"{len(hit)} of {len(answers)}; {chance:.0%} of samples of this size hold none")
    return f"the best baseline's answers, {COLLAPSED:.0%} of them empty ({', or '.join(dict.fromkeys(lost))})"


def collapse_better(copy: Copy) -> str:
    """Right everywhere but for a few answers that say nothing: worth shipping all the same."""
    for task in _tasks(copy):
        examples = copy.examples(task)
        good = good_answers(copy, task, examples)
        hit = set(_some(copy, list(good), COLLAPSED, f"collapse {task}"))
        copy.answer(task, {i: "" if i in hit else text for i, text in good.items()})
    return f"every answer right, but {COLLAPSED:.0%} of them empty: much better than the baseline in spite of it"


State = Literal["OK", "MISSED", "NOT SHOWN", "NOT APPLICABLE"]
SUPERIORITY = _gates(_rule("better_than_baselines"))

FAULTS = (
    Fault(name="candidate-is-baseline", plant=equal_baseline, watches=SUPERIORITY, watcher="a gain", all_of_them=True),
    Fault(
        name="broken-answers",
        plant=break_answers,
        watches=_gates(lambda gate: not gate.is_timed and gate.task != CAPABILITY),
        watcher="answers",
    ),
    Fault(name="fenced-json", plant=fence_json, watches=_gates(_metric("json_valid")), watcher="json_valid"),
    Fault(name="slower", plant=slow_down, watches=_gates(lambda gate: gate.is_timed), watcher="latency"),
    Fault(name="heldout-in-train", plant=leak_heldout, finding="heldout-in-train"),
    Fault(name="capability-lost", plant=forget, watches=_gates(_on(CAPABILITY)), watcher="capability"),
    Fault(name="adapter-not-loaded", plant=unload, finding="adapter-not-active"),
    Fault(name="double-bos", plant=add_bos, finding="double-bos"),
    Fault(name="wrong-padding", plant=pad_wrongly, finding="probe-failed"),
    Fault(name="other-tokenizer", plant=swap_tokenizer, finding="probe-failed"),
    Fault(name="collapses", plant=collapse, watches=SUPERIORITY, watcher="a gain", all_of_them=True),
    Fault(name="collapses-if-better", plant=collapse_better, harmless=True),
)
