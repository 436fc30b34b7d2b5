"""Where a promoted folder comes from, as an in-toto statement (v1) that can be made again from the folder itself.

Form: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec

from evalgate.core.adapter_files import CONFIG, WEIGHTS
from evalgate.core.artefacts import ADAPTER_CARD, Merge, artefact_digest, is_whole, model_files
from evalgate.core.record import digest_of, plain
from evalgate.core.results import AdapterCard, Decision, Run, Verdict
from evalgate.files import read_record
from evalgate.manifest import file_digest, read_digests
from evalgate.promoting.names import Promoted
from evalgate.suite.lock import Lock

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:evalgate:promotion:v1"
GONE = "promote the run again: `evalgate promote RUN --to FOLDER`"
Statement = dict[str, Any]


def make_statement(
    place: Promoted, *, signer: str | None, version: str, subjects: list[dict[str, Any]] | None = None
) -> Statement:
    """The statement on a folder: its files by digest, and what its records say of artefact, data and decision.

    `signer` is the id of the key that signs it, `version` that of the evalgate that wrote the folder; `subjects` are
    the files where they have just been read. Raises `not-a-run` and `broken-record` for records that are gone or cannot
    be read.
    """
    run = read_record(place.evidence.run_file, Run, fix=GONE)
    decision = read_record(place.evidence.decision_file, Decision, fix=GONE)
    lock = read_record(place.lock, Lock, fix=GONE)
    card = read_record(place.adapter_card, AdapterCard, fix=GONE)
    ship = decision.ship or ""
    predicate = {
        "candidate": ship,
        "artefact": _artefact(place.folder, card),
        "decision": _decision(place, decision),
        "suite": _suite(place, run, lock),
        "run": _run(place, run),
        "base_model": _base(run, card),
        "training": _training(card),
        "system_digest": digest_of(run.systems[ship]) if ship in run.systems else "",
        "signer": signer,
        "evalgate": version,
    }
    statement = {
        "_type": TYPE,
        "subject": subjects or [subject_of(place.folder, name) for name in place.subjects()],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    return with_checksum(msgspec.to_builtins(statement))


def subject_of(folder: Path, name: str) -> dict[str, Any]:
    """A file as a subject."""
    return {"name": name, "digest": {"sha256": file_digest(folder / name)}}


def artefact_files(folder: Path) -> list[str]:
    """The files that are the artefact: a whole model's, or an adapter's two."""
    return [path.name for path in model_files(folder)] if is_whole(folder) else [CONFIG, WEIGHTS]


def with_checksum(statement: Statement) -> Statement:
    """The statement with the digest of all the rest in its predicate: an edit that forgets it is seen."""
    predicate = {k: v for k, v in statement["predicate"].items() if k != "checksum"}
    bare = {**statement, "predicate": predicate}
    return {**bare, "predicate": {**predicate, "checksum": digest_of(bare)}}


def to_bytes(statement: Statement) -> bytes:
    """The one form in which a statement is written."""
    return json.dumps(statement, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _artefact(folder: Path, card: AdapterCard) -> dict[str, object]:
    merge: Merge = card.merge
    return {
        "kind": card.kind,
        "digest": artefact_digest(folder),
        "files": artefact_files(folder),
        "merge": merge,
        "dtype": card.dtype,
        "merged_from": card.merged_from,
        "card": ADAPTER_CARD,
    }


def _decision(place: Promoted, decision: Decision) -> dict[str, object]:
    return {
        "outcome": decision.outcome,
        "ship": decision.ship,
        "reason": decision.reason,
        "bound": decision.bound,
        "digest": digest_of(decision),
        "sha256": file_digest(place.evidence.decision_file),
        "gates": [gate_of(v) for v in decision.verdicts if v.candidate == decision.ship],
    }


def gate_of(verdict: Verdict) -> dict[str, object]:
    """One gate's verdict with its numbers; what is not finite is left out, JSON has no word for it."""
    estimate = verdict.estimate
    numbers = {k: getattr(estimate, k) for k in ("value", "low", "high", "level", "n")} if estimate else {}
    return {
        "gate": verdict.gate,
        "outcome": verdict.outcome,
        "required": verdict.required,
        "baseline": verdict.baseline,
        "alpha": verdict.alpha,
        **{k: v for k, v in numbers.items() if math.isfinite(v)},
        "method": estimate.method if estimate else verdict.method,
    }


def _suite(place: Promoted, run: Run, lock: Lock) -> dict[str, object]:
    return {
        "name": lock.name,
        "version": lock.version,
        "digest": run.suite_digest,
        "data_digest": run.data_digest,
        "policy_digest": lock.policy_digest,
        "lock_sha256": file_digest(place.lock),
        "files": {name: split.digest for name, split in sorted(lock.files.items())},
        "documents": dict(sorted(lock.documents.items())),
        "metric_signatures": dict(sorted(run.signatures.items())),
        "look": plain(run.look) if run.look else None,
    }


def _run(place: Promoted, run: Run) -> dict[str, object]:
    return {
        "id": run.id,
        "started": run.started,
        "seed": run.seed,
        "limit": run.limit,
        "code_commit": run.code_commit,
        "versions": dict(sorted(run.versions.items())),
        "hardware": run.hardware,
        "serving": dict(sorted(run.serving.items())),
        "files": dict(sorted(read_digests(place.digests).files.items())),
    }


def _base(run: Run, card: AdapterCard) -> dict[str, object]:
    return {
        "id": card.base_model,
        "revision": card.base_revision,
        "digest": card.base_digest,
        "asked_as": run.suite.model.id,
    }


def _training(card: AdapterCard) -> dict[str, object]:
    return {
        "train_digest": card.train_digest,
        "recipe_digest": card.recipe_digest,
        "seed": card.seed,
        "n_rows": card.n_rows,
        "n_pairs": card.n_pairs,
        "trained_tokens": card.trained_tokens,
        "n_steps": card.n_steps,
        "versions": dict(sorted(card.versions.items())),
        "started_from": card.started_from,
        "elsewhere": card.elsewhere,
    }
