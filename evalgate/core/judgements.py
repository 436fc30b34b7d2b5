"""What a judge said of an answer, as a run records it: metrics and agreement are pure functions of these."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from evalgate.core.record import Record
from evalgate.core.results import Failure


class Judgement(Record, frozen=True, kw_only=True):
    """One judgement of one answer for one metric; `request_digest` is of all that was asked, and of whom.

    `replies` are the judge's own words: two for a preference, the first with the judged answer first. `verdict` is what
    they come to, seen from the judged answer; None with a failure where they cannot be read. `against` names the system
    compared with; `swapped` says that the verdict depended on the order. `logprobs` are those of a likelihood judge.
    """

    example_id: str
    metric: str
    request_digest: str
    verdict: str | None = None
    replies: tuple[str | None, ...] = ()
    failure: Failure | None = None
    against: str = ""
    swapped: bool = False
    logprobs: dict[str, float] | UnsetType = UNSET
