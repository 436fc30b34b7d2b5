"""What is kept of an accepted baseline, and where: `NAME.accepted.json` beside `NAME.scores.jsonl`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.prompts import Sampling
from evalgate.core.record import Record, digest_bytes
from evalgate.core.results import Estimate, Score
from evalgate.files import read_lines, read_record

SUFFIX, SCORES = ".accepted.json", ".scores.jsonl"
AGAIN = "accept it again: `evalgate baseline accept RUN`"


class Accepted(Record, frozen=True, kw_only=True):
    """One accepted system: what its scores are of, how they were counted, how its answers were decoded.

    `examples` are digests by task over the ids and contents that were asked, `signatures` go by `task.metric`;
    `decoding` is empty for what answered elsewhere. `serving` is precision and quantisation. `values` are for people.
    """

    schema_version: int = 1
    system: str
    suite: str
    suite_version: int
    suite_digest: str
    data_digest: str
    system_digest: str
    model_digest: str
    adapter_digest: str | None
    scores_digest: str
    examples: dict[str, str]
    signatures: dict[str, str]
    decoding: dict[str, Sampling]
    serving: dict[str, str]
    values: dict[str, Estimate]
    description: str
    run: str
    started: str
    accepted: str
    code_commit: str | None
    versions: dict[str, str]

    @property
    def day(self) -> str:
        """The date on which it was accepted."""
        return self.accepted[:10]


class Kept(Record, frozen=True, kw_only=True):
    """An accepted baseline as read: its record and its scores."""

    record: Accepted
    scores: list[Score]
    path: str


def read_accepted(place: Path) -> list[Kept]:
    """Every accepted baseline of a folder, or the one of a file, by name.

    Raises `no-accepted`, `accepted-changed` where scores are no longer those that were accepted, `broken-record`.
    """
    files = [place] if place.is_file() else sorted(place.glob(f"*{SUFFIX}"))
    if not files or not all(file.name.endswith(SUFFIX) for file in files):
        raise UsageError(
            f"there is no accepted baseline at {place}",
            code="no-accepted",
            fix="accept the baselines of a recorded run: `evalgate baseline accept RUN`",
            where=str(place),
        )
    return [_read(file) for file in files]


def _read(file: Path) -> Kept:
    record = read_record(file, Accepted, fix=AGAIN)
    scores = file.with_name(file.name.removesuffix(SUFFIX) + SCORES)
    data = scores.read_bytes() if scores.exists() else b""
    if digest_bytes(data) != record.scores_digest:
        raise EvalgateError(
            f"the scores of the accepted baseline '{record.system}' are not those that were accepted",
            code="accepted-changed",
            fix=f"restore both files from version control, or {AGAIN}",
            where=str(scores),
        )
    return Kept(record=record, scores=read_lines(scores, Score), path=str(file))


def decoding_text(sampling: Sampling) -> str:
    """Decoding settings in words, without those that have their usual value."""
    usual, found = msgspec.to_builtins(Sampling()), msgspec.to_builtins(sampling)
    return ", ".join(f"{k} {v}" for k, v in found.items() if k == "max_tokens" or usual.get(k) != v)
