"""Two decisions on one recording, compared: what is said must be the same, numbers but for the last digits."""

from __future__ import annotations

import math
from collections.abc import Iterator

from evalgate.core.record import plain
from evalgate.core.results import Decision, Run
from evalgate.judging import judge_run
from evalgate.looks import disclosed, overspent
from evalgate.store import RunData
from evalgate.suite.chain import Decided

# Another version of numpy or another processor may add in another order.
RELATIVE, ABSOLUTE = 1e-9, 1e-12
# Where the HTML lies, and words that depend on the ledger of the day, which are compared apart.
APART = ("report", "bound")


def judged(data: RunData) -> Decision:
    """The decision on a recording as far as its suite discloses it."""
    decision = judge_run(data)
    return decision if data.run.suite.disclosure == "full" else disclosed(data.run, decision)


def differences(recorded: Decision, again: Decision) -> list[str]:
    """Where two decisions differ, as paths with both values; the bound must begin as it did."""
    a, b = ({k: v for k, v in plain(d).items() if k not in APART} for d in (recorded, again))
    found = list(_differing(a, b, ""))
    if not recorded.bound.startswith(again.bound):
        found.append(f"bound: recorded '{recorded.bound}', judged again '{again.bound}'")
    return found


def paths_of(a: object, b: object) -> list[str]:
    """Where two plain values differ."""
    return list(_differing(a, b, ""))


def _differing(a: object, b: object, at: str) -> Iterator[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted({*a, *b}, key=str):
            path = f"{at}.{key}" if at else str(key)
            if key not in a or key not in b:
                yield f"{path}: only on one side"
            else:
                yield from _differing(a[key], b[key], path)
    elif isinstance(a, list | tuple) and isinstance(b, list | tuple):
        if len(a) != len(b):
            yield f"{at}: recorded {len(a)}, now {len(b)}"
        for i, (x, y) in enumerate(zip(a, b, strict=False)):
            yield from _differing(x, y, f"{at}[{i}]")
    elif not _same(a, b):
        yield f"{at}: recorded {_shown(a)}, now {_shown(b)}"


def _same(a: object, b: object) -> bool:
    if isinstance(a, float | int) and isinstance(b, float | int) and not isinstance(a, bool) | isinstance(b, bool):
        return a == b or math.isclose(a, b, rel_tol=RELATIVE, abs_tol=ABSOLUTE) or (math.isnan(a) and math.isnan(b))
    return type(a) is type(b) and a == b


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def said_otherwise(run: Run, decision: Decision, first: Decided | None) -> str:
    """What the ledger holds against a decision; empty if nothing."""
    if run.look is not None and first is not None and first.outcome != "ship":
        return f"look {run.look.number} of the ledger said first: {first.outcome}"
    over = overspent(run)
    return over if over and over not in decision.bound else ""
