"""Validity checks of a run: a dozen dev items, asked of the base and of every adapter before held-out answers are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from evalgate.core.artefacts import stored_dtype
from evalgate.core.content import text_of
from evalgate.core.data import Example, SystemSpec
from evalgate.core.probes import Measured, Probed
from evalgate.core.protocols import LocalBackend, Progress, Request
from evalgate.core.record import digest_of
from evalgate.core.results import AdapterCard
from evalgate.core.seeds import clock
from evalgate.core.showing import stage
from evalgate.files import read_record, write_record
from evalgate.planning import Plan
from evalgate.probes.outcome import checks_of, failures
from evalgate.store import RunFolder
from evalgate.suite.order import frozen_order
from evalgate.systems.prompt import answer_of, prepare
from evalgate.systems.retrieval import index_name, shots_name
from evalgate.validity import doubtful, trained_systems

N_ITEMS = 12
# Raised when probes measure otherwise: what was recorded before is measured again.
VERSION = 1
AGAIN = "delete it and run again: the validity checks take seconds"


def sound(
    plan: Plan, folder: RunFolder, backend: LocalBackend, candidates: Sequence[SystemSpec], progress: Progress
) -> list[SystemSpec]:
    """Measure the probes unless it was done, record them, and give the candidates that no check has failed.

    A candidate of several seeds is asked no further if one of its systems fails.
    """
    if not candidates:
        return []
    findings = failures(checks_of(_probed(plan, folder, backend, candidates, progress)))
    for finding in findings:
        progress.note(finding.what)
    blocked = doubtful(findings, plan.run)
    owners = trained_systems(plan.run)
    return [system for system in candidates if owners[system.name] not in blocked]


def _probed(
    plan: Plan, folder: RunFolder, backend: LocalBackend, candidates: Sequence[SystemSpec], progress: Progress
) -> Probed:
    items = choose(plan, candidates)
    digest = digest_of([VERSION, [*items], [*candidates], [*plan.baselines], backend.identity])
    if folder.probed.exists():
        known = read_record(folder.probed, Probed, fix=AGAIN)
        if known.digest == digest:
            return known
    started = clock()
    with stage(progress, "validity checks", 1 + len(candidates), unit="systems") as tick:
        measured: list[Measured] = []
        for found in _measure(plan, folder, backend, candidates, items):
            measured += found
            tick()
    probed = Probed(
        digest=digest,
        items=tuple(items),
        precision=backend.identity.get("dtype", ""),
        seconds=round(clock() - started, 2),
        measured=tuple(measured),
    )
    write_record(folder.probed, probed)
    return probed


def choose(plan: Plan, candidates: Sequence[SystemSpec]) -> dict[str, tuple[str, Example]]:
    """A dozen dev examples by name, in turn from every task of the candidates; never a held-out one.

    Of each task the shorter half, in the frozen order: long prompts cost time and show no more.
    """
    tasks = list(dict.fromkeys(name for system in candidates for name in system.prompts))
    queues = {}
    for name in tasks:
        rows = sorted(plan.suite.tasks[name].splits.get("dev", ()), key=lambda e: (len(text_of(e)), e.id))
        short = {e.id: e for e in rows[: max(N_ITEMS, len(rows) // 2)]}
        order = frozen_order(short, task=name, data_digest=plan.suite.data_digest)
        queues[name] = [short[i] for i in order]
    turns = [(name, rows[k]) for k in range(N_ITEMS) for name, rows in queues.items() if k < len(rows)]
    return {f"{name}/{example.id}": (name, example) for name, example in turns[:N_ITEMS]}


def _measure(
    plan: Plan,
    folder: RunFolder,
    backend: LocalBackend,
    candidates: Sequence[SystemSpec],
    items: Mapping[str, tuple[str, Example]],
) -> Iterator[list[Measured]]:
    from evalgate.probes.measure import Bench, Candidate, measure

    bench = Bench(backend, {k: answer_of(e) for k, (_, e) in items.items()}, plan.files.path, plan.files.digest)
    whole = {recipe.name: stored_dtype(folder.artefact(recipe.name, whole=True))
             for recipe in plan.recipes if recipe.whole}  # fmt: skip
    given = [
        Candidate(
            name=system.name,
            requests=_requests(plan, system, items),
            folder=str(folder.artefact(system.name, whole=system.name in whole)),
            base_digest=_card_base(folder.adapter(system.name)),
            precision=whole.get(system.name, ""),
        )
        for system in candidates
    ]
    return measure(bench, given, {system.name: _requests(plan, system, items) for system in plan.baselines})


def _requests(plan: Plan, system: SystemSpec, items: Mapping[str, tuple[str, Example]]) -> dict[str, Request]:
    """The items as a system would be asked them, in their order; without those of tasks that it does not serve."""
    found: dict[str, Request] = {}
    for task in system.prompts:
        examples = [example for name, example in items.values() if name == task]
        retriever = plan.retrievers.get(index_name(task, system.prompts[task]))
        finder = plan.retrievers.get(shots_name(task, system.prompts[task]))
        for ask in prepare(system, plan.suite.tasks[task], examples, retriever, finder):
            found[f"{task}/{ask.example_id}"] = ask.request
    return {name: found[name] for name in items if name in found}


def _card_base(folder: Path) -> str | None:
    path = folder / "card.json"
    return read_record(path, AdapterCard, fix=f"delete {folder} and train again").base_digest if path.exists() else None
