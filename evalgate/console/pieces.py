"""The words of progress displays: durations, rates, what a stage has done; and text that cannot harm a terminal."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalgate.console.tally import Tally  # brings numpy, and errors are cleaned here as well

# Signs that turn the direction of what follows: a name could make a line read otherwise than it is.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# How signs of ours are written where the terminal's encoding lacks them.
_PLAIN = str.maketrans({"·": "-", "…": "~", "✓": "+", "✗": "x", "━": "#", "─": ".", "–": "-", "—": "-", "×": "x"})
# Below this rate the time for each item says more.
SLOW = 0.1
# What a line may have: how soon it may be left out (the largest number first), and the text.
Piece = tuple[int, str]


def clean(text: str) -> str:
    """The text with control characters and turns of direction written out (`\\x1b`); lines and tabs stay."""
    if text.isprintable():  # but for these signs, which only a few scripts write
        return text
    return "".join(sign if _harmless(sign) else sign.encode("unicode_escape").decode() for sign in text)


def _harmless(sign: str) -> bool:
    if sign in "\n\t":
        return True
    return sign not in _TURNING and unicodedata.category(sign) not in ("Cc", "Cs", "Zl", "Zp")


def writable(text: str, encoding: str) -> str:
    """The text with signs that the encoding has, as wide as before."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, errors="replace").decode(encoding)
    return text


def duration(seconds: float) -> str:
    """A length of time for people: `12 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def rate(per_s: float, unit: str = "") -> str:
    """How many a second: `1,240 tokens/s`, `6.3/s`; or how long for each: `12 s each`."""
    if per_s < SLOW:
        return f"{duration(1 / per_s)} each"
    number = f"{per_s:,.0f}" if per_s >= 10 else f"{per_s:.2g}"
    return f"{number} {unit}/s" if unit else f"{number}/s"


def counted(tally: Tally) -> str:
    """How much is done: `212/400 examples`."""
    return f"{tally.done:,}/{tally.total:,} {tally.unit}".rstrip()


def moving(tally: Tally) -> list[Piece]:
    """What a stage at work says, in order; each piece with how soon it may be left out."""
    found: list[Piece] = []
    if (per_s := tally.per_s) is not None:
        found.append((2, rate(per_s, tally.unit)))
    if (tokens := tally.tokens_per_s) is not None:
        found.append((5, rate(tokens, "tokens")))
    found.append((4, f"{duration(tally.seconds)} so far"))
    if (left := tally.left_s) is not None and tally.done < tally.total:
        found.append((1, f"{duration(left)} left"))
    return found + fates(tally)


def fates(tally: Tally) -> list[Piece]:
    """What became of a stage's items, where it is worth saying."""
    found: list[Piece] = []
    if tally.failed:
        found.append((3, f"{tally.failed:,} failed"))
    if tally.told:
        found.append((4, tally.told))
    if tally.known:
        found.append((6, f"{tally.known:,} known"))
    if tally.before:
        found.append((7, f"{tally.before:,} recorded before"))
    return found


def finished(tally: Tally) -> list[Piece]:
    """What a stage has done: `400 examples in 12 s`, `33 examples/s`, `2 failed`; or how far it has come."""
    if tally.total and tally.before >= tally.total:
        return [(1, f"{tally.total:,} {tally.unit}".rstrip() + ", all recorded before")]
    if tally.known and tally.known >= tally.total - tally.before:
        return [(1, f"{tally.total:,} {tally.unit}".rstrip() + ", all known")]
    if tally.done < tally.total:
        return [(1, f"stopped at {counted(tally)} after {duration(tally.seconds)}"), *fates(tally)]
    found: list[Piece] = [(1, f"{tally.total:,} {tally.unit}".rstrip() + f" in {duration(tally.seconds)}")]
    if tally.asked and tally.seconds >= 1:
        found.append((2, rate(tally.asked / tally.seconds, tally.unit)))
    if tally.tokens and tally.seconds >= 1:
        found.append((5, rate(tally.tokens / tally.seconds, "tokens")))
    return found + fates(tally)


def gpu_memory() -> str:
    """What all processes take of the GPU: `GPU 12.3 of 139.8 GB`; empty where torch, never loaded here, uses none."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    try:
        if cuda is None or not cuda.is_initialized():
            return ""
        free, total = cuda.mem_get_info()
    except (AttributeError, RuntimeError):  # torch may be half imported, a device lost
        return ""
    return f"GPU {(total - free) / 1e9:.1f} of {total / 1e9:.1f} GB"


def fitted(pieces: Sequence[Piece], width: int, measure: Callable[[str], int] = len, between: str = ", ") -> str:
    """The pieces in one line of at most `width` columns; the least important ones are left out first."""
    kept = [piece for piece in pieces if measure(piece[1]) <= width]
    while kept and measure(between.join(text for _, text in kept)) > width:
        kept.remove(max(kept, key=lambda piece: piece[0]))
    return between.join(text for _, text in kept)
