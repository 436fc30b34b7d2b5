"""What a judge's reply means. The verdict stands on the last line, whole, or there is none: nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from evalgate.core.judges import FIRST, SECOND, TIE, JudgedBy, JudgeSpec
from evalgate.core.results import Failure, Generation
from evalgate.judges.prompts import MARK

# Marks of emphasis around a line or a verdict mean nothing.
_LINE = re.compile(rf"[*_`\s]*{MARK.removesuffix(':')}[*_`\s]*:[*_`\s]*([^\s*_`]+?)[*_`.\s]*", re.IGNORECASE)
SHOWN_CHARS = 60


class Reading(NamedTuple):
    """What replies come to: a verdict, or why there is none; whether it depended on the order."""

    verdict: str | None
    failure: Failure | None = None
    swapped: bool = False


def read(spec: JudgeSpec, by: JudgedBy, replies: Sequence[Generation]) -> Reading:
    """The verdict of a judge's replies to `requests_for`; of two that do not agree on one answer it is a tie."""
    found = [_verdict(spec, by, reply) for reply in replies]
    for verdict in found:
        if isinstance(verdict, Failure):
            return Reading(None, verdict)
    verdicts = [verdict for verdict in found if isinstance(verdict, str)]
    if by != "preference":
        return Reading(verdicts[0])
    turned = {FIRST: SECOND, SECOND: FIRST, TIE: TIE}[verdicts[1]]
    return Reading(verdicts[0]) if verdicts[0] == turned else Reading(TIE, swapped=True)


def _verdict(spec: JudgeSpec, by: JudgedBy, reply: Generation) -> str | Failure:
    allowed = spec.verdicts(by)
    if reply.output is None:
        why = reply.failure or Failure(code="no-output", message="the judge gave no reply")
        return Failure(code="judge-failed", message=f"{why.code}: {why.message}" if why.message else why.code)
    text = reply.output.strip()
    if spec.reply != "text":
        return text if text in allowed else _unreadable(f"the reply is '{text[:SHOWN_CHARS]}'")
    lines = text.splitlines()
    match = _LINE.fullmatch(lines[-1].strip()) if lines else None
    if match is None:
        cut = ", which was cut at `max_tokens`," if reply.status == "truncated" else ""
        return _unreadable(f"the reply{cut} does not end with a line `{MARK} ...`")
    said = match[1].upper()
    return said if said in allowed else _unreadable(f"the verdict is '{said[:SHOWN_CHARS]}'")


def _unreadable(message: str) -> Failure:
    return Failure(code="judge-unreadable", message=message)
