"""A look at the held-out set: which candidates, known before they are trained, on which rows, at which level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from evalgate.core.data import Example, GateSpec, ModelSpec, Project, Recipe, Split, Suite, SystemSpec
from evalgate.core.protocols import Retriever
from evalgate.core.record import digest_of
from evalgate.core.results import Decision, Run, Verdict
from evalgate.gates.words import percent
from evalgate.suite.chain import Claim, Decided
from evalgate.suite.ledger import note_decision, read_ledger
from evalgate.suite.lock import read_lock
from evalgate.systems.prompt import answer_of, prepare
from evalgate.systems.retrieval import index_name, shots_name
from evalgate.training.data import TrainRow, rows_digest
from evalgate.training.recipe import recipe_digest
from evalgate.validity import doubtful

# The one line of a sealed run's table.
ALL_GATES = "all required gates"
SEALED = "Scores and answers are sealed for the release owner."


def training_rows(
    system: SystemSpec, suite: Suite, split: Split, retrievers: Mapping[str, Retriever]
) -> list[TrainRow]:
    """A split as the system would be asked it, with the answers to learn; tasks without references give none."""
    rows = []
    for name in system.prompts:
        task = suite.tasks[name]
        examples = {e.id: e for e in task.splits.get(split, ())}
        prompt = system.prompts[name]
        found, finder = retrievers.get(index_name(name, prompt)), retrievers.get(shots_name(name, prompt))
        for ask in prepare(system, task, [*examples.values()], found, finder):
            if completion := answer_of(examples[ask.example_id]):
                messages = ask.request.messages
                rows.append(TrainRow(id=ask.example_id, task=name, messages=messages, completion=completion))
    return rows


def candidate_digest(recipe: Recipe, system: SystemSpec, rows: Sequence[TrainRow], model: ModelSpec) -> str:
    """The identity of a candidate before it is trained; the same in every folder and on every machine."""
    ordered = sorted(rows, key=lambda row: (row.task, row.id))
    served = [system.prompts, system.retriever_digest, system.model_digest, model.dtype, model.quantization]
    return digest_of([recipe_digest(recipe), rows_digest(ordered), served])


def claim_of(
    project: Project,
    run: Run,
    model: ModelSpec,
    retrievers: Mapping[str, Retriever],
    heldout: Mapping[str, Sequence[Example]],
) -> Claim | None:
    """What this run wants to look at; None for a suite without ledger, or a run without candidates."""
    suite, lock = project.suite, read_lock(Path(project.suite.folder))
    if suite.spec.looks is None or lock is None or not run.candidates:
        return None
    digests = []
    for recipe in project.recipes:
        system = run.systems[recipe.name]
        digests.append(candidate_digest(recipe, system, training_rows(system, suite, "train", retrievers), model))
    for draft in project.entrants:
        system = run.systems[draft.name]
        digests.append(digest_of([system.prompts, system.retriever_digest, system.model_digest, system.predictions]))
    return Claim(
        candidates_digest=digest_of(sorted(set(digests))),
        heldout_digest=digest_of([heldout, lock.documents]),
        # Gates on a metric that counts otherwise are other gates; a lock may know no metrics.
        policy_digest=digest_of([lock.policy_digest, lock.signatures]) if lock.signatures else lock.policy_digest,
        suite_digest=suite.digest,
        candidates=run.candidates,
        n_heldout=sum(map(len, heldout.values())),
        alpha=look_alpha(suite.spec.gates, suite.spec.looks),
        run=run.id,
    )


def look_alpha(gates: Sequence[GateSpec], looks: int) -> float:
    """The error rate of one look: a look that ships wrongly lets a required gate pass wrongly, at most the laxest one.

    Where gates ask for a gain over the baselines, a candidate that is no better must pass one of them wrongly.
    """
    required = [gate for gate in gates if gate.required] or list(gates)
    better = [gate for gate in required if gate.rule == "better_than_baselines"]
    return max(gate.alpha for gate in better or required) / looks


def at_look(gate: GateSpec, looks: int | None) -> GateSpec:
    """A gate at the level of one look; unchanged where no ledger is kept."""
    return gate if looks is None else replace(gate, alpha=gate.alpha / looks)


def said_of(run: Run, decision: Decision) -> tuple[str, dict[str, str]]:
    """The outcome, and that of each candidate over its required gates, as far as the suite's disclosure lets it out."""
    full = run.suite.disclosure == "full"
    found, doubted = {}, doubtful(decision.findings, run)
    for name in run.candidates:
        said = {v.outcome for v in decision.verdicts if v.candidate == name and v.required}
        whole = "pass" if said == {"pass"} else "fail" if "fail" in said else "inconclusive"
        whole = "inconclusive" if name in doubted else whole
        found[name] = whole if full or whole == "pass" else "not_pass"
    return (decision.outcome if full or decision.outcome == "ship" else "not_ship"), found


def note_look(run: Run, decision: Decision) -> Decided | None:
    """Write the decision of a run's look to the ledger, if that is there; returns what the look said first."""
    if run.look is None:
        return None
    return note_decision(Path(run.suite_folder), run.look, run.id, *said_of(run, decision))


def overspent(run: Run) -> str:
    """That this run's ledger holds more looks than were declared, as a merge of branches can leave it; else empty."""
    ledger = read_ledger(Path(run.suite_folder)) if run.look else None
    return ledger.overspent() if run.look and ledger and ledger.counted(run.look.entry) else ""


def disclosed(run: Run, decision: Decision) -> Decision:
    """What developers learn of a sealed run: for each candidate whether it passed everything, and the bound.

    Not which gate it missed, nor by how much: only then is the order of tries fixed before the first one that passes.
    """
    _, said = said_of(run, decision)
    alpha = run.look.alpha if run.look else look_alpha(run.gates, 1)
    verdicts = tuple(
        Verdict(
            gate=ALL_GATES, outcome="pass" if word == "pass" else "not_pass", reason="", candidate=name, alpha=alpha
        )
        for name, word in said.items()
    )
    failed = tuple(finding for finding in decision.findings if finding.code == "probe-failed")
    if decision.outcome == "ship":
        reason = f"{decision.ship} passes all required gates."
    else:
        reason = "No candidate passes all required gates." if said else decision.reason
    return Decision(
        outcome="ship" if decision.outcome == "ship" else "keep_baseline",
        ship=decision.ship,
        reason=" ".join([reason, *doubtful(failed, run).values(), SEALED]),
        verdicts=verdicts,
        findings=failed,
        checks=decision.checks,  # dev examples show nothing of the held-out ones
        bound=decision.bound,
    )


def bound_in_words(run: Run) -> str:
    """Which error bound holds over all decisions on this held-out set, and what it rests on."""
    if not run.candidates:
        return ""
    if run.suite.looks is not None and run.look is None:
        return "No look at the held-out set was taken: no candidate was asked."
    if run.look is None:
        return (
            "No ledger is kept (`looks` in suite.yaml): each gate has its own error rate, and nothing bounds the error "
            "of repeated decisions on this held-out set."
        )
    look = run.look
    better = any(gate.required and gate.rule == "better_than_baselines" for gate in run.gates)
    wrong = "that is no better than the baselines" if better else "that breaks a gate"
    text = (
        f"Look {look.number} of {look.looks}, alpha {look.alpha:.3g} per look: the chance that any of the {look.looks} "
        f"decisions ships a candidate {wrong} is at most {percent(look.bound)}"
    )
    if run.suite.disclosure == "verdict":
        return f"{text}. Only pass or not-pass is disclosed, so this holds however earlier verdicts guide the next try."
    return (
        f"{text}, if no candidate was chosen by the scores of earlier looks. The scores are disclosed here, and the "
        "bound does not hold against tuning on them: simulated, such a team shipped wrongly in up to 14% of 10-look "
        "ledgers."
    )


def with_looks_left(verdict: Verdict, run: Run) -> Verdict:
    """An inconclusive verdict that asks for more examples says what they cost."""
    look = run.look
    if look is None or verdict.outcome != "inconclusive" or not verdict.needed_n or verdict.needed_n <= verdict.n:
        return verdict
    cost = f"Adding them uses one more look: {look.left} of {look.looks} left." if look.left else (
        f"No look is left to add them with: all {look.looks} are used."
    )  # fmt: skip
    return replace(verdict, reason=f"{verdict.reason} {cost}")
