"""`evalgate promote`: a decision that ships becomes a folder with the gated bytes and the proof, or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evalgate import __version__
from evalgate.core.adapter_files import CONFIG
from evalgate.core.artefacts import CARD as EXPORTED_CARD
from evalgate.core.artefacts import artefact_digest
from evalgate.core.errors import EvalgateError
from evalgate.core.protocols import Progress
from evalgate.core.record import Record
from evalgate.exporting import copied
from evalgate.files import disk_errors, write_atomic
from evalgate.manifest import file_digest
from evalgate.promoting.card import Carried, card_text
from evalgate.promoting.evidence import copy_suite_files, write_evidence
from evalgate.promoting.names import Promoted
from evalgate.promoting.prompts import copy_tokenizer, write_prompts
from evalgate.promoting.ready import Ready, ready, refuse_taken
from evalgate.promoting.signing import envelope, key_id, read_private
from evalgate.promoting.statement import make_statement, to_bytes
from evalgate.promoting.targets import Target, parse_target, push
from evalgate.promoting.verify import verify
from evalgate.store import RunFolder


class Promotion(Record, frozen=True, kw_only=True):
    """What was promoted: `address` is the folder, or what the hub or the registry calls it.

    `already` if the very same promotion lay there before.
    """

    candidate: str
    kind: str
    address: str
    digest: str
    n_files: int
    n_bytes: int
    signed: bool
    tokenizer: tuple[str, ...]
    already: bool = False


def promote(
    run: Path,
    to: str,
    progress: Progress,
    *,
    against: Path | None = None,
    key: Path | None = None,
    licence: str | None = None,
) -> Promotion:
    """Check a run's decision again and put what it ships, with its proof, where it is to go.

    `key` signs the provenance; `licence` is what the card names. Raises what `ready` raises, `bad-target`, `bad-key`,
    `no-cryptography`, `promotion-exists`, `artefact-changed`, `base-changed`, and what a push raises.
    """
    target = parse_target(to)
    private = read_private(key) if key else None
    if target.kind == "folder" and not Promoted(target.folder).provenance.is_file():
        refuse_taken(target.folder)
    found = ready(run, against, progress)
    with _workshop(target, found.ship) as folder:
        made = _make(found, folder, private, licence)
        if target.kind != "folder":
            return _told(found, made, push(folder, target), signed=private is not None)
        already = _put(folder, target.folder)
        place = Promoted(target.folder)
        return _told(found, place, str(target.folder), signed=private is not None, already=already)


@contextmanager
def _workshop(target: Target, name: str) -> Iterator[Path]:
    """An empty folder to work in: beside a target folder, so that a rename is all that is left to do."""
    if target.kind != "folder":
        with tempfile.TemporaryDirectory(prefix="evalgate-") as root:
            folder = Path(root) / name
            folder.mkdir()
            yield folder
        return
    final = target.folder.absolute()
    folder = final.with_name(f".{final.name}.promoting{os.getpid()}")
    with disk_errors(final):
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _make(found: Ready, folder: Path, private: Any | None, licence: str | None) -> Promoted:
    """Fill a folder and hold it to its own verification."""
    place, run, name = Promoted(folder), found.run, found.ship
    paths, whole = RunFolder(Path(found.data.folder)), found.card.kind == "model"
    card = copied(run, paths, name, found.card, folder, whole=whole)
    (folder / EXPORTED_CARD).rename(place.adapter_card)
    if artefact_digest(folder) != run.systems[name].adapter_digest:
        raise _unsound(folder, [f"the copy of '{name}' is not what was read"])
    tokenizer = () if whole else copy_tokenizer(found.card, folder)
    write_prompts(run.systems[name], found.suite, place.prompts)
    write_evidence(found.data, place.evidence)
    copy_suite_files(Path(run.suite_folder), place.evidence.folder)
    shutil.copyfile(paths.decision_file, place.evidence.decision_file)
    shutil.copyfile(paths.folder / place.digests.name, place.digests)
    overlaps = None if found.data.overlaps is None else tuple(found.data.overlaps)
    carried = Carried(
        run=found.data.run, decision=found.decision, card=card, overlaps=overlaps, tokenizer=tokenizer,
        signed=private is not None, licence=licence,
    )  # fmt: skip
    write_atomic(place.card, card_text(carried).encode())
    signer = key_id(private.public_key()) if private else None
    statement = to_bytes(make_statement(place, signer=signer, version=__version__))
    write_atomic(place.provenance, statement)
    if private:
        write_atomic(place.signature, envelope(statement, private))
    wrong = [f"{c.file}: {c.what}" for c in verify(folder, look_around=False).checks if c.outcome == "tampered"]
    if wrong:
        raise _unsound(folder, wrong)
    return place


def _unsound(folder: Path, wrong: list[str]) -> EvalgateError:
    return EvalgateError(
        f"the promoted folder does not pass its own verification, so it was not kept: {'; '.join(wrong)}",
        code="promotion-unsound",
        fix="let nothing write to the run or the suite meanwhile, and repeat the command; if it stays, report it",
        where=str(folder),
    )


def _put(folder: Path, final: Path) -> bool:
    """Rename a finished folder to its place; True if the very same promotion lies there already."""
    if final.is_dir() and any(final.iterdir()):
        if _contents(folder) == _contents(final):
            return True
        refuse_taken(final)
    folder.rename(final)
    return False


def _contents(folder: Path) -> dict[str, str]:
    place = Promoted(folder)
    own = [p.name for p in (place.provenance, place.signature) if p.is_file()]
    return {name: file_digest(folder / name) for name in [*place.subjects(), *own]}


def _told(found: Ready, place: Promoted, address: str, *, signed: bool, already: bool = False) -> Promotion:
    files = [path for path in place.folder.rglob("*") if path.is_file()]
    return Promotion(
        candidate=found.ship,
        kind="adapter" if (place.folder / CONFIG).is_file() else "model",
        address=address,
        digest=str(found.run.systems[found.ship].adapter_digest),
        n_files=len(files),
        n_bytes=sum(path.stat().st_size for path in files),
        signed=signed,
        tokenizer=tuple(n for n in place.subjects() if n.startswith(("tokenizer", "chat_template"))),
        already=already,
    )
