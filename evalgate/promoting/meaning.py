"""Whether what a promoted folder says follows from what it carries: artefact, data, decision, card."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
from msgspec.structs import replace

from evalgate import __version__
from evalgate.core.artefacts import ADAPTER_CARD, PROVENANCE, artefact_digest
from evalgate.core.data import SystemSpec
from evalgate.core.errors import EvalgateError
from evalgate.core.record import digest_of, plain, short
from evalgate.core.results import AdapterCard, Decision, Overlap, Run
from evalgate.files import read_lines, read_record
from evalgate.promoting.card import Carried, card_text
from evalgate.promoting.checks import FolderCheck, ok, tampered, unknown
from evalgate.promoting.judged import differences, judged, paths_of
from evalgate.promoting.model_index import front_matter, read_front_matter
from evalgate.promoting.names import CARD, EVIDENCE, Promoted
from evalgate.promoting.prompts import SYSTEM, tokenizer_beside
from evalgate.promoting.statement import GONE, Statement, artefact_files, make_statement
from evalgate.store import CAPABILITY, load_run
from evalgate.suite.ledger import read_ledger
from evalgate.suite.lock import LOCK_FILE, Lock, lock_policy

DECISION = f"{EVIDENCE}/decision.json"
# Errors of files that are there and wrong; all others say that something is missing here.
WRONG = ("broken-record", "not-a-run", "not-measured", "ledger-broken")
Read = Callable[[], Iterator[FolderCheck]]


def check_meaning(place: Promoted, statement: Statement, *, vouched: bool) -> Iterator[FolderCheck]:
    """Every check on what the files say; `vouched` if the release owner's signature is on the statement."""
    written_by = str(statement["predicate"].get("evalgate"))
    yield from _tried("provenance", PROVENANCE, lambda: _statement_again(place, statement))
    yield from _tried("artefact", ADAPTER_CARD, lambda: _artefact(place))
    yield from _tried("prompts", f"prompts/{SYSTEM}", lambda: _prompts(place))
    yield from _tried("suite lock", f"{EVIDENCE}/{LOCK_FILE}", lambda: _lock(place))
    yield from _tried("ledger", f"{EVIDENCE}/ledger.jsonl", lambda: _ledger(place))
    yield from _tried("model card", CARD, lambda: _card(place, statement, written_by))
    yield from _tried("decision", DECISION, lambda: _decision(place, written_by), vouched=vouched)


def _tried(name: str, file: str, check: Read, *, vouched: bool = False) -> Iterator[FolderCheck]:
    """A check's findings; what cannot be read was tampered with, what needs something that is not here is unknown."""
    try:
        yield from check()
    except EvalgateError as error:
        if error.code in WRONG:
            yield tampered(name, error.what, _file_of(error.where, file))
        else:
            vouches = "; the owner's signature stands for it" if vouched else ""
            yield unknown(name, f"{error.what} ({error.code}){vouches}", required=not vouched)
    except (KeyError, TypeError, ValueError, AttributeError, OSError, msgspec.MsgspecError) as error:
        yield tampered(name, f"it cannot be read: {type(error).__name__}: {error}", file)


def _file_of(where: str, otherwise: str) -> str:
    """The file that an error names, as seen from the promoted folder."""
    return f"{EVIDENCE}{where.rpartition(EVIDENCE)[2]}" if EVIDENCE in where else otherwise


def _statement_again(place: Promoted, statement: Statement) -> Iterator[FolderCheck]:
    predicate = statement["predicate"]
    signer, version = predicate.get("signer"), str(predicate.get("evalgate"))
    again = make_statement(place, signer=signer, version=version, subjects=statement["subject"])  # just read
    found = [path for path in paths_of(statement, again) if not path.startswith("predicate.checksum")]
    if found:
        yield tampered("provenance", f"the files say otherwise: {'; '.join(found[:3])}", PROVENANCE)
    else:
        yield ok("provenance", "it says what the files say")


def _run(place: Promoted) -> Run:
    return read_record(place.evidence.run_file, Run, fix=GONE)


def _decided(place: Promoted) -> Decision:
    return read_record(place.evidence.decision_file, Decision, fix=GONE)


def _adapter_card(place: Promoted) -> AdapterCard:
    return read_record(place.adapter_card, AdapterCard, fix=GONE)


def _artefact(place: Promoted) -> Iterator[FolderCheck]:
    """The weights are those that the recording was made with, and the card is theirs."""
    run, ship = _run(place), _decided(place).ship or ""
    found, gated = artefact_digest(place.folder), run.systems[ship].adapter_digest
    if found != gated:
        for name in artefact_files(place.folder):
            yield tampered("artefact", f"not what was gated: expected {short(str(gated))}, found {short(found)}", name)
        return
    kept = read_record(place.evidence.card(ship), AdapterCard, fix=GONE)
    mine = _adapter_card(place)
    if mine.adapter_digest != found or replace(mine, base_model=kept.base_model) != kept:
        yield tampered("artefact", "it is not the card of what was gated", ADAPTER_CARD)
        return
    yield ok("artefact", f"{mine.kind} {short(found)}, the bytes that were gated")


def _prompts(place: Promoted) -> Iterator[FolderCheck]:
    """The prompts are those of the system that was gated."""
    run, ship = _run(place), _decided(place).ship or ""
    system = read_record(place.prompts / SYSTEM, SystemSpec, fix=GONE)
    if system != run.systems[ship]:
        yield tampered("prompts", "it is not the system that was gated", f"prompts/{SYSTEM}")
        return
    wrong = [
        f"prompts/{task}.j2"
        for task, prompt in system.prompts.items()
        if (place.prompts / f"{task}.j2").read_bytes() != prompt.template.encode()
    ]
    for file in wrong:
        yield tampered("prompts", "it is not the template that was gated", file)
    if not wrong:
        yield ok("prompts", f"{len(system.prompts)} templates of the gated system {short(digest_of(system))}")


def _lock(place: Promoted) -> Iterator[FolderCheck]:
    """The lock has the digests of the run, and they follow from what it lists; what was asked stands in it."""
    name, file = "suite lock", f"{EVIDENCE}/{LOCK_FILE}"
    run, lock = _run(place), read_record(place.lock, Lock, fix=GONE)
    data = digest_of({"files": {n: f.digest for n, f in lock.files.items()}, "documents": lock.documents})
    identity = {"name": lock.name, "version": lock.version, "data": data, "policy": digest_of(lock.policy)}
    if lock.source is not None:
        identity["source"] = digest_of(lock.source)
    if (digest_of(identity), data) != (run.suite_digest, run.data_digest) or lock.digest != run.suite_digest:
        yield tampered(name, f"its digest is not the one that the run names, {short(run.suite_digest)}", file)
        return
    if lock_policy(run.suite) != lock.policy or run.gates != run.suite.gates:
        yield tampered(name, "the gates of the run are not those that were frozen", f"{EVIDENCE}/run.json")
        return
    known = {i for n, f in lock.files.items() if n.endswith("/heldout.jsonl") for i in f.rows}
    for path in sorted((place.evidence.folder / "examples").glob("*.jsonl")):
        asked = [line["id"] for line in map(msgspec.json.decode, path.read_bytes().splitlines())]
        if path.stem != CAPABILITY and (new := [i for i in asked if i not in known]):
            yield tampered(name, f"{new[0]} is no held-out example of it", f"{EVIDENCE}/examples/{path.name}")
            return
    yield ok(name, f"'{lock.name}' version {lock.version}, {short(lock.digest)}, with the gates and ids of the run")


def _ledger(place: Promoted) -> Iterator[FolderCheck]:
    run, lock = _run(place), read_record(place.lock, Lock, fix=GONE)
    if run.look is None:
        return
    ledger = read_ledger(place.evidence.folder)
    taken = ledger.counted(run.look.entry) if ledger and lock.ledger in ledger.present.opened else None
    if ledger is None or taken is None:
        yield tampered("ledger", f"it lacks look {run.look.number}, with which this was decided",
                       f"{EVIDENCE}/ledger.jsonl")  # fmt: skip
        return
    yield ok("ledger", f"look {run.look.number} of {run.look.looks} stands in it, and its chain holds")


def _card(place: Promoted, statement: Statement, written_by: str) -> Iterator[FolderCheck]:
    """The card's numbers are those of the decision; by the version that wrote it, all of its words."""
    run, decision, text = _run(place), _decided(place), place.card.read_text("utf-8")
    found = read_front_matter(text)
    if found is None:
        yield tampered("model card", "it has no front matter", CARD)
        return
    licence = found.get("license")
    expected = front_matter(run, decision, _adapter_card(place), licence)
    if wrong := paths_of(found, plain(expected)):
        yield tampered("model card", f"its numbers are not those of the decision: {'; '.join(wrong[:3])}", CARD)
        return
    overlaps = place.evidence.contamination
    again = Carried(
        run=run, decision=decision, card=_adapter_card(place), licence=licence,
        overlaps=tuple(read_lines(overlaps, Overlap)) if overlaps.exists() else None,
        tokenizer=() if _adapter_card(place).kind == "model" else tokenizer_beside(place.folder),
        signed=statement["predicate"].get("signer") is not None,
    )  # fmt: skip
    if text == card_text(again):
        yield ok("model card", "its numbers and words are those of the decision")
    elif written_by == __version__:
        yield tampered("model card", "its words are not those that follow from the decision", CARD)
    else:
        yield ok("model card", f"its model-index is the decision's; its words are evalgate {written_by}'s")


def _decision(place: Promoted, written_by: str) -> Iterator[FolderCheck]:
    """The recorded scores, judged again, give the decision, and that ships what lies here."""
    decision = _decided(place)
    if decision.outcome != "ship" or not decision.ship:
        yield tampered("decision", f"it ships nothing: {decision.outcome}", DECISION)
        return
    found = differences(decision, judged(load_run(place.evidence.folder)))
    told = "; ".join(found[:3])
    if found and written_by != __version__:
        yield unknown("decision", f"this is evalgate {__version__}, and {written_by} judged it otherwise: {told}")
    elif found:
        yield tampered("decision", f"judged again, the carried scores give another: {told}", DECISION)
    else:
        yield ok("decision", f"the carried scores, judged again, ship {decision.ship} with the same numbers")
