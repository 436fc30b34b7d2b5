"""`digests.json` in a run's folder: the SHA-256 of every recorded file as it was when the decision was made."""

from __future__ import annotations

import hashlib
from pathlib import Path

from evalgate.core.record import Record
from evalgate.files import read_record, write_record

DIGESTS = "digests.json"
# What a decision is made from, and the decision. Reports are made from these; weights have digests of their own.
PATTERNS = (
    "run.json", "decision.json", "decision.json.age", "probes.json", "*.jsonl",
    "examples/*.jsonl", "predictions/*/*.jsonl", "scores/*/*.jsonl", "judgements/*.jsonl", "judgements/*/*.jsonl",
    "drift/*.jsonl", "latency/*.jsonl", "latency_merged/*.jsonl", "adapters/*/*.json", "adapters/*/trained.jsonl",
)  # fmt: skip
# An adapter's own configuration names a folder of the machine it was made on; it counts in the adapter's digest.
APART = ("adapter_config.json",)


class Digests(Record, frozen=True, kw_only=True):
    """The recorded files of a run by their path in its folder."""

    run: str
    files: dict[str, str]


def file_digest(path: Path) -> str:
    """The plain SHA-256 of a file, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recorded_files(folder: Path) -> dict[str, str]:
    """The present digests of a run's recorded files."""
    found = {path for pattern in PATTERNS for path in folder.glob(pattern) if path.is_file() and path.name not in APART}
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in sorted(found)}


def write_digests(folder: Path, run: str) -> None:
    """Note what a folder holds, the decision included."""
    write_record(folder / DIGESTS, Digests(run=run, files=recorded_files(folder)))


def read_digests(path: Path) -> Digests:
    """Read what was noted. Raises `not-a-run`, `broken-record`."""
    return read_record(path, Digests, fix=f"judge it again, which notes them: `evalgate gate {path.parent}`")


def changes(folder: Path, noted: Digests) -> dict[str, tuple[str, str]]:
    """File -> the digest that was noted and the one that is found, for those that differ; empty where there is none."""
    found = recorded_files(folder)
    names = sorted(found.keys() | noted.files.keys())
    pairs = {name: (noted.files.get(name, ""), found.get(name, "")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
