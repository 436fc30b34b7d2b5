"""How large the held-out set should be: enough to show the gain worth shipping, but no more than the data can spare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from evalgate.bring.items import Item
from evalgate.core.data import TaskKind
from evalgate.stats.plan import detectable_effect, paired_n

ALPHA, POWER = 0.05, 0.8
MOST = 0.3
# Spread of one paired difference where nothing was measured yet, on the safe side: for 0/1 scores the root of the share
# of answers on which two systems differ (30 %), for graded ones what text and JSON metrics seldom exceed.
SPREADS: dict[TaskKind, tuple[float, str]] = {
    "classification": (0.30**0.5, "two systems differ on up to 30% of the answers"),
    "extraction": (0.35, "the differences of one object's F1 spread by up to 0.35"),
    "summarization": (0.25, "the differences of one summary's ROUGE spread by up to 0.25"),
    "qa": (0.50, "the differences of one answer's F1 spread by up to 0.50"),
    "generation": (0.30, "the differences of one answer's score spread by up to 0.30"),
}
# How alike the differences within a cluster are taken to be.
LIKENESS = 0.1


@dataclass(frozen=True, slots=True)
class Advice:
    """A held-out size, and the reasoning in one sentence."""

    n: int
    reason: str


def advise(items: Sequence[Item], kind: TaskKind, *, min_gain: float, least: int) -> Advice:
    """Rows for a paired test at alpha 0.05 with 80 % power for `min_gain`, at most 30 % of the rows.

    Rows that share clusters are worth less: the n is raised by `1 + (m - 1) * 0.1` for clusters of m rows, as a row
    meets them (Kish's design effect).
    """
    sd, assumed = SPREADS[kind]
    effect = _design_effect(items)
    alone = paired_n(sd, min_gain, alpha=ALPHA, power=POWER, collapse=0.0 if kind == "classification" else 1.0)
    wanted = round((alone or 0) * effect)
    most = max(least, int(MOST * len(items)))
    sharing = "" if effect == 1 else f" and clusters make a row worth {1 / effect:.2f} of one"
    target = f"a gain of {100 * min_gain:g} points with 80% power at alpha {ALPHA:g}, if {assumed}{sharing}"
    if wanted <= most:
        return Advice(max(wanted, least), f"{max(wanted, least):,} held-out rows: enough to show {target}")
    seen = detectable_effect(sd, most, alpha=ALPHA, power=POWER) * effect**0.5
    reason = f"{most:,} held-out rows ({most / len(items):.0%} of all, no more is taken): they show gains from "
    return Advice(most, reason + f"{100 * seen:.1f} points on; {wanted:,} would show {target}")


def told(n: int, items: Sequence[Item], kind: TaskKind) -> str:
    """What a held-out set of a given size can show, in one sentence."""
    sd, assumed = SPREADS[kind]
    seen = detectable_effect(sd, n, alpha=ALPHA, power=POWER) * _design_effect(items) ** 0.5
    return (
        f"{n:,} held-out rows show gains from {100 * seen:.1f} points on (80% power at alpha {ALPHA:g}), if {assumed}"
    )


def _design_effect(items: Sequence[Item]) -> float:
    sizes = list(Counter(item.cluster for item in items if item.cluster is not None).values())
    if not sizes:
        return 1.0
    met = sum(size * size for size in sizes) / sum(sizes)
    return 1 + (met - 1) * LIKENESS
