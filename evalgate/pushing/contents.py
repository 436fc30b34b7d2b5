"""A folder that is to be pushed: its files by their digests, and what its papers say of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.record import Record, digest_of, short
from evalgate.core.results import Decision
from evalgate.files import read_record
from evalgate.training.outcome import figures_of, texts_of

CHUNK_BYTES = 1 << 20
CARD, ADAPTER_CARD, PROVENANCE, SIGNATURE = "README.md", "adapter_card.json", "provenance.json", "provenance.sig"
EVIDENCE = "evidence/"
DECISIONS, RUNS = ("decision.json", f"{EVIDENCE}decision.json"), ("run.json", f"{EVIDENCE}run.json")
PAPERS = {CARD, ADAPTER_CARD, PROVENANCE, SIGNATURE, *DECISIONS, *RUNS}
AGAIN = "promote the run again into a new folder"
# The YAML at the head of a model card.
HEAD = re.compile(r"\A---\n.*?\n---\n+", re.DOTALL)


class FileDigest(Record, frozen=True, kw_only=True):
    """What a file holds, as `sha256sum` and as git would name it."""

    sha256: str
    blob: str
    n_bytes: int


class Papers(Record, frozen=True, kw_only=True):
    """What a folder says of itself; empty where it says nothing. `figures` and `texts` are those of the decision."""

    run: str = ""
    candidate: str = ""
    outcome: str = ""
    decision_digest: str = ""
    artefact_digest: str = ""
    base_model: str = ""
    base_revision: str = ""
    card: str = ""
    figures: dict[str, float] = {}
    texts: dict[str, str] = {}

    @property
    def title(self) -> str:
        """One line for a list of commits."""
        known = [f"run {self.run}"] if self.run else []
        known += [f"decision {short(self.decision_digest)}"] if self.decision_digest else []
        what = f"Promote {self.candidate or 'a model'}" + (f": {self.outcome}" if self.outcome else "")
        return what + (f" ({', '.join(known)})" if known else "")

    @property
    def tags(self) -> dict[str, str]:
        """What is known, by name."""
        names = ("run", "candidate", "outcome", "decision_digest", "artefact_digest", "base_model", "base_revision")
        return {name: value for name in names if (value := getattr(self, name))}


class Contents(Record, frozen=True, kw_only=True):
    """A folder's files by their path in it, `/` between its parts, and its papers."""

    folder: str
    files: dict[str, FileDigest]
    papers: Papers

    @property
    def model(self) -> list[str]:
        """The files that answers depend on: all but the papers."""
        return [name for name in self.files if name not in PAPERS and not name.startswith(EVIDENCE)]

    def path(self, name: str) -> Path:
        """Where a file lies."""
        return Path(self.folder) / name


def read_contents(folder: Path) -> Contents:
    """Digest a folder's files, but for hidden ones, and read its papers.

    Raises: `push-empty`; `push-changed` where a subject of its provenance.json is not what it says; `broken-record`.
    """
    files = {name: digest_file(path) for name, path in sorted(_files(folder).items())}
    if not files:
        raise UsageError(
            "there is nothing to push in this folder",
            code="push-empty",
            fix="give the folder that `evalgate promote` has written",
            where=str(folder),
        )
    _refuse_changed(folder, files)
    return Contents(folder=str(folder), files=files, papers=_papers(folder, files))


def digest_file(path: Path) -> FileDigest:
    """A file's SHA-256, and the SHA-1 that git has for its blob, read once."""
    n_bytes = path.stat().st_size
    whole, blob = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % n_bytes, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            whole.update(chunk)
            blob.update(chunk)
    return FileDigest(sha256=whole.hexdigest(), blob=blob.hexdigest(), n_bytes=n_bytes)


def subjects_of(statement: object) -> dict[str, str]:
    """File -> SHA-256 of an in-toto Statement v1's subjects; those without such a digest are left out."""
    found = statement.get("subject") if isinstance(statement, dict) else None
    digests = {}
    for subject in found if isinstance(found, list) else []:
        digest = subject.get("digest") if isinstance(subject, dict) else None
        if isinstance(digest, dict) and isinstance(subject.get("name"), str) and isinstance(digest.get("sha256"), str):
            digests[subject["name"]] = digest["sha256"]
    return digests


def _files(folder: Path) -> dict[str, Path]:
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {rel.as_posix(): path for rel, path in found.items() if not any(p.startswith(".") for p in rel.parts)}


def _refuse_changed(folder: Path, files: Mapping[str, FileDigest]) -> None:
    for name, expected in subjects_of(read_object(folder / PROVENANCE)).items():
        found = files[name].sha256 if name in files else ""
        if found != expected:
            raise EvalgateError(
                f"{name} is not what was promoted: {PROVENANCE} says {short(expected)}, found "
                f"{short(found) or 'no such file'}; nothing was pushed",
                code="push-changed",
                fix=AGAIN,
                where=str(folder / name),
            )


def _papers(folder: Path, files: Mapping[str, FileDigest]) -> Papers:
    card, named = read_object(folder / ADAPTER_CARD), next((name for name in DECISIONS if name in files), None)
    decision = read_record(folder / named, Decision, fix=AGAIN) if named else None
    candidate = _text(card, "name") or (decision.ship if decision and decision.ship else "")
    gated = {a.candidate: a.digest for a in decision.artefacts} if decision else {}
    everything = digest_of({name: digest.sha256 for name, digest in files.items()})
    runs = [_text(read_object(folder / name), "id") for name in RUNS]
    readme = (folder / CARD).read_text(encoding="utf-8", errors="replace") if CARD in files else ""
    return Papers(
        run=next(filter(None, runs), ""),
        candidate=candidate,
        outcome=decision.outcome if decision else "",
        decision_digest=files[named].sha256 if named else "",
        artefact_digest=_text(card, "adapter_digest") or gated.get(candidate) or everything,
        base_model=_text(card, "base_model"),
        base_revision=_text(card, "base_revision"),
        card=HEAD.sub("", readme),
        figures=figures_of(candidate, decision) if decision else {},
        texts=texts_of(candidate, decision) if decision else {},
    )


def _text(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object in a file; empty where there is none. Raises `broken-record`."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise EvalgateError(
            f"{path.name} cannot be read: {error}", code="broken-record", fix=AGAIN, where=str(path)
        ) from None
    return found if isinstance(found, dict) else {}
