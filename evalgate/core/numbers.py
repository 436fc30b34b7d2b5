"""Numbers as they stand in an answer, read exactly: thousands, decimals, percent. Words are not numbers."""

from __future__ import annotations

import re
from decimal import Context, Decimal
from functools import lru_cache
from typing import Literal

Extract = Literal["last", "first", "whole"]
# A run of digits and what may stand between them; nothing that is glued to a letter, such as 5kg, 10k or A4.
_RUN = re.compile(
    r"(?<![\w.,'’])(?P<sign>[-+\u2212](?<!\w.)[$€£¥]?)?(?P<run>\.?[0-9][0-9.,'’_\u00a0\u202f]*)"
    r"(?P<power>[eE][-+]?[0-9]{1,3})?(?P<glued>\w)?(?P<percent>[ \u00a0\u202f]?%)?"
)
_DIGIT = re.compile("[0-9]")
_PLAIN = re.compile(r"(?:[0-9]+|[0-9]{1,3}(?P<mark>[,'’_\u00a0\u202f])[0-9]{3}(?:(?P=mark)[0-9]{3})*)?(?:\.[0-9]+)?")
# Longer is no number that anybody means.
MAX_CHARS = 400
# Enough digits that a difference of two such numbers is exact.
EXACT = Context(prec=2 * MAX_CHARS + 2_000)
_BEFORE, _AFTER = " \t\r\n\"'([$€£¥*`=:", " \t\r\n.,;:!?\"')]$€£¥*`"


def numbers_in(text: str) -> list[Decimal]:
    """Every number of a text, in order; `12%` is 0.12, `1,234.5` is 1234.5, and `1.2.3` or `3,5` is none."""
    first = _DIGIT.search(text)
    if first is None:
        return []
    # Before a number's first digit stand a sign, a currency and a point at most.
    start = max(0, first.start() - 3)
    return [value for match in _RUN.finditer(text, start) if (value := _value(match)) is not None]


# A handful: a metric asks for the answer's number once for each reference.
@lru_cache(maxsize=16)
def number_of(text: str, extract: Extract = "last") -> Decimal | None:
    """The last or first number of a text, or the one that the whole text is but for a currency sign and punctuation."""
    if extract == "whole":
        match = _RUN.fullmatch(text.lstrip(_BEFORE).rstrip(_AFTER))
        return _value(match) if match else None
    found = numbers_in(text)
    return found[-1 if extract == "last" else 0] if found else None


def _value(match: re.Match[str]) -> Decimal | None:
    run = match["run"].rstrip(".,'’_\u00a0\u202f")
    cut = len(run) < len(match["run"])
    if match["glued"] or len(run) > MAX_CHARS or not _PLAIN.fullmatch(run) or (cut and match["power"]):
        return None
    value = Decimal(re.sub(r"[,'’_\u00a0\u202f]", "", run) + (match["power"] or ""))
    if match["sign"] and match["sign"][0] != "+":
        value = -value
    return value.scaleb(-2, EXACT) if match["percent"] and not cut else value
