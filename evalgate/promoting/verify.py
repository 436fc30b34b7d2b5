"""`evalgate verify`: is a promoted folder what was promoted, and does what it carries give what it says? Offline.

First bytes: the statement and the digests of all files. Only where these are sound what the files mean is looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalgate.core.artefacts import PROVENANCE
from evalgate.core.record import short
from evalgate.manifest import file_digest
from evalgate.promoting.checks import FolderCheck, Verified, ok, tampered, unknown
from evalgate.promoting.elsewhere import check_run, check_suite
from evalgate.promoting.meaning import check_meaning
from evalgate.promoting.names import SIGNATURE, Promoted
from evalgate.promoting.signing import key_id, read_public, trouble_with
from evalgate.promoting.statement import PREDICATE_TYPE, TYPE, Statement, to_bytes, with_checksum

MEANING = "what the files say"
KEYS = ["_type", "subject", "predicateType", "predicate"]


def verify(
    folder: Path,
    *,
    run: Path | None = None,
    suite: Path | None = None,
    public_key: Path | None = None,
    look_around: bool = True,
) -> Verified:
    """Check a promoted folder; with a run or a suite also that those are what it was promoted from.

    Without them those that the recording names are looked at, if they are there and `look_around` is set. Raises
    `bad-key`, `no-cryptography`.
    """
    place = Promoted(folder)
    public = read_public(public_key) if public_key else None
    statement, checks = _statement(place)
    names, files = _files(place, statement, sound=all(c.outcome == "ok" for c in checks))
    checks += files
    sealed_by_owner = False
    if statement is not None:
        signed = list(_signature(place, statement, public))
        sealed_by_owner = public is not None and all(c.outcome == "ok" for c in signed)
        checks += signed
    if statement is None or any(c.outcome == "tampered" for c in checks):
        checks.append(unknown(MEANING, "not checked: the files above are not those that were promoted"))
        return Verified(folder=str(folder), checks=tuple(checks))
    checks.append(ok("files", f"{len(names)} of {len(names)} have the digest that {PROVENANCE} names"))
    checks += check_meaning(place, statement, vouched=sealed_by_owner)
    checks += check_suite(place, suite, look_around=look_around)
    checks += check_run(place, run)
    return Verified(folder=str(folder), checks=tuple(checks))


def _statement(place: Promoted) -> tuple[Statement | None, list[FolderCheck]]:
    """The statement as far as it can be read, and whether it is whole."""
    name = "statement"
    if not place.provenance.is_file():
        return None, [tampered(name, "it is not there", PROVENANCE)]
    data = place.provenance.read_bytes()
    try:
        found = json.loads(data)
        sound = to_bytes(found) == data
    except ValueError:
        return None, [tampered(name, "it is no JSON", PROVENANCE)]
    if not sound:
        return _readable(found), [tampered(name, "it is not in the form in which it was written", PROVENANCE)]
    if wrong := _shape(found):
        return _readable(found), [tampered(name, wrong, PROVENANCE)]
    if with_checksum(found) != found:
        return found, [tampered(name, "its checksum does not fit: it was edited", PROVENANCE)]
    return found, [ok(name, "an in-toto statement, and its checksum fits")]


def _readable(found: object) -> Statement | None:
    """A statement whose files can be looked at all the same."""
    return found if isinstance(found, dict) and not _shape(found) else None


def _shape(found: Any) -> str:
    """What is wrong with a statement's form; empty if nothing is."""
    if not isinstance(found, dict) or list(found) != KEYS or found["_type"] != TYPE:
        return f"it is no statement of {TYPE}"
    if found["predicateType"] != PREDICATE_TYPE or not isinstance(found["predicate"], dict):
        return f"its predicate is not of the type {PREDICATE_TYPE}"
    subjects = found["subject"]
    if not isinstance(subjects, list) or not all(map(_is_subject, subjects)):
        return "its subjects are not files with a SHA-256 digest"
    signer = found["predicate"].get("signer")
    return "" if signer is None or isinstance(signer, str) else "its signer is no key"


def _is_subject(one: object) -> bool:
    if not isinstance(one, dict) or set(one) != {"name", "digest"} or not isinstance(one["name"], str):
        return False
    digest = one["digest"]
    return isinstance(digest, dict) and set(digest) == {"sha256"} and isinstance(digest["sha256"], str)


def _files(place: Promoted, statement: Statement | None, *, sound: bool) -> tuple[list[str], list[FolderCheck]]:
    """Every file that is gone, new, or has another digest."""
    if statement is None:
        return [], [unknown("files", f"not checked: {PROVENANCE} names no digests", PROVENANCE)]
    told = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
    doubt = "" if sound else f" (or its entry: {PROVENANCE} itself was tampered with)"
    names, wrong = place.subjects(), []
    for name in sorted({*names, *told}):
        if name not in told:
            wrong.append(tampered("files", f"it was added: {PROVENANCE} does not name it{doubt}", name))
        elif name not in names:
            wrong.append(tampered("files", f"it is gone{doubt}", name))
        elif (found := _digest(place.folder / name)) != told[name]:
            what = f"expected {short(told[name])}, found {short(found)}{doubt}"
            wrong.append(tampered("files", what, name))
    return names, wrong


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError:
        return "nothing"


def _signature(place: Promoted, statement: Statement, public: Any | None) -> Iterator[FolderCheck]:
    """Whether the statement is its owner's: signed where it says so, and where a key was given to check it with."""
    name, signer = "signature", statement["predicate"].get("signer")
    if not place.signature.is_file():
        if signer is not None or public is not None:
            said = "the statement says that it is signed" if signer else "a key was given, and nothing is signed"
            yield tampered(name, f"it is not there: {said}", SIGNATURE)
        else:
            yield unknown(name, "the provenance is not signed: nobody vouches for where it comes from", required=False)
        return
    if public is not None and key_id(public) != signer:
        yield tampered(name, f"it is of another key: {short(str(signer))}, given {short(key_id(public))}", SIGNATURE)
        return
    data = place.signature.read_bytes()
    if wrong := trouble_with(data, place.provenance.read_bytes(), str(signer), public):
        yield tampered(name, wrong, SIGNATURE)
    elif public is None:
        yield unknown(name, f"give the owner's key (`--public-key FILE`): {short(str(signer))}", SIGNATURE)
    else:
        yield ok(name, f"by the given key, {short(str(signer))}")
