"""Numbers and foreign text as people read them. The only place where a fraction becomes percent."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from evalgate.core.data import GateSpec
from evalgate.core.results import Estimate

Scale = Literal["fraction", "points", "ratio", "seconds", "tokens_per_second", "usd", "bytes", "plain"]

# Bidirectional controls can reorder the page around them, so they are shown by name instead of being obeyed.
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
# The line of a forest plot whose number says nothing more.
NOTHING = "no difference"
# Han and kana are written without spaces between words: each character counts as a word.
UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# With their own punctuation.
CLOSE = UNSPACED + "\u3001-\u303f\uff01-\uff65"
_CLOSE = re.compile(f"[{CLOSE}]")
RULE_WORDS = {
    "at_least": "at least",
    "at_most": "at most",
    "better_than_baselines": "better than every baseline",
    "not_worse_than_baseline": "not worse than the baseline",
}


def clean(text: str) -> str:
    """Text that is valid in HTML, XML and UTF-8: controls become visible signs, lone surrogates U+FFFD."""
    line = text.replace("\n", "")
    if line.isascii() and (line.isprintable() or not line):
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _BIDI.sub(lambda m: f"‹U+{ord(m[0]):04X}›", _UNSAFE.sub(_visible, text))


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


def cut(text: str, limit: int) -> str:
    """Clean text of at most `limit` characters, with a mark that says how much was left out."""
    if len(text) <= limit:
        return clean(text)
    return f"{clean(text[:limit])} […cut: {len(text) - limit:,} of {len(text):,} characters not shown]"


def joined(words: Sequence[str]) -> str:
    """Words with spaces between them, but not between two characters of a text that is written without."""
    text = ""
    for word in words:
        close = not text or (_CLOSE.match(text[-1]) and _CLOSE.match(word))
        text += word if close else f" {word}"
    return text


def middle(name: str, limit: int = 30) -> str:
    """A long name without its middle: what tells many labels apart often stands at their ends."""
    return name if len(name) <= limit else f"{name[: limit - 13]}…{name[-12:]}"


def one_line(text: str, limit: int = 110) -> str:
    """The start of a text on one line, for lists."""
    flat = " ".join(clean(text[: limit * 4]).split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def moment(stamp: str) -> str:
    """A time of ISO 8601 to the minute, in UTC; anything else as it is."""
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at.tzinfo else stamp


def show(value: float | None, scale: Scale) -> str:
    """One number with its unit; `n/a` where it is missing or not finite."""
    if value is None or not math.isfinite(value):
        return "n/a"
    match scale:
        case "fraction":
            return f"{value * 100:.1f}%"
        case "points":
            # A minus sign, not a hyphen, and no sign on what rounds to nothing.
            text = f"{abs(value) * 100:.1f}"
            sign = "" if float(text) == 0 else "+" if value > 0 else "−"
            return f"{sign}{text} points"
        case "ratio":
            return f"× {value:.2f}"
        case "seconds":
            return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.2f} s"
        case "tokens_per_second":
            return f"{value:,.0f} tok/s"
        case "usd":
            return f"{'−' if value < 0 else ''}${abs(value):,.4g}"
        case "bytes":
            return f"{value / 2**30:.2f} GiB"
        case _:
            return f"{value:,.3g}"


def amount(value: float | None, scale: Scale) -> str:
    """A setting that a person wrote, without needless decimals: `97%`, `2.5 points`."""
    if value is None:
        return "n/a"
    return f"{100 * value:.4g}{'%' if scale == 'fraction' else ' points'}"


def bare(value: float, scale: Scale) -> str:
    """A number without its unit, where the unit stands beside it."""
    text = show(value, scale)
    for unit in ("%", " points", " ms", " s", " tok/s"):
        text = text.removesuffix(unit)
    return text.removeprefix("× ")


def tick(value: float, scale: Scale) -> str:
    """A round number for an axis, as short as it can be."""
    if scale in ("fraction", "points"):
        sign = "−" if value < -1e-12 else "+" if value > 1e-12 and scale == "points" else ""
        return f"{sign}{abs(value) * 100:.3g}" + ("%" if scale == "fraction" else "")
    return f"×{value:.3g}" if scale == "ratio" else show(value, scale)


def interval(estimate: Estimate, scale: Scale) -> str:
    """`low to high`, with a unit where it is not plain from the value beside it."""
    low, high = estimate.low, estimate.high
    if scale in ("points", "ratio"):
        return f"{bare(low, scale)} to {bare(high, scale)}"
    # 900 ms and 1.10 s do not share their unit.
    shared = scale != "seconds" or (abs(low) < 1) == (abs(high) < 1)
    return f"{bare(low, scale) if shared else show(low, scale)} to {show(high, scale)}"


def counted(estimate: Estimate) -> str:
    """Sample size, level, method and what was not scored, in words."""
    clusters = f" in {estimate.n_clusters:,} clusters" if estimate.n_clusters else ""
    unscored = f", {estimate.n_unscored:,} unscored" if estimate.n_unscored else ""
    return f"n = {estimate.n:,}{clusters}{unscored}; {100 * estimate.level:.4g}% interval, {estimate.method}"


def metric_scale(task: str, metric: str) -> Scale:
    """The unit of a metric's own value, told by its name (units stand in names)."""
    if "tokens_per_second" in metric:
        return "tokens_per_second"
    if task == "latency" or metric.startswith("latency") or metric.endswith("_s"):
        return "seconds"
    if metric.endswith("_ratio"):
        return "ratio"
    if metric.endswith("_usd") or metric.startswith("cost"):
        return "usd"
    return "plain" if metric.endswith("_tokens") else "fraction"


def gate_scale(gate: GateSpec) -> Scale:
    """The unit of what a gate judges: a rate, a difference in points, or a ratio of times."""
    if gate.is_timed or gate.metric_name.startswith("cost"):
        return "ratio"
    return "fraction" if gate.rule in ("at_least", "at_most") else "points"


def gate_lines(gate: GateSpec) -> list[tuple[float, str]]:
    """The values that an interval is held against: (value, what it is), the deciding one first."""
    scale = gate_scale(gate)
    if scale == "ratio":
        return [(gate.limit if gate.limit is not None else 1 + gate.margin, "limit")]
    if scale == "fraction":
        return [(gate.limit, "limit")] if gate.limit is not None else []
    if gate.rule == "not_worse_than_baseline":
        return [(-gate.margin, "margin"), (0.0, NOTHING)] if gate.margin else [(0.0, NOTHING)]
    return [(gate.min_gain, "smallest gain"), (0.0, NOTHING)] if gate.min_gain else [(0.0, NOTHING)]


def gate_rule(gate: GateSpec) -> str:
    """What a gate asks for, in words."""
    words, scale = RULE_WORDS[gate.rule], gate_scale(gate)
    if scale == "ratio":
        return f"at most {show(gate_lines(gate)[0][0], scale)} the baseline's"
    if gate.rule in ("at_least", "at_most"):
        return f"{words} {amount(gate.limit, scale)}"
    if gate.rule == "better_than_baselines":
        return f"{words}; {amount(gate.min_gain, 'points')} are worth shipping" if gate.min_gain else words
    return f"{words}, drop of at most {amount(gate.margin, 'points')}" if gate.margin else words
