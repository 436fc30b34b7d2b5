"""What is compared: two sides of items with scores, and what was asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from evalgate.core.errors import UsageError

# `--id hash` pairs items by what they ask.
HASH = "hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The two recordings, A in use today and B that wants to take its place, and the settings. Fractions.

    `scale` are the worst and the best value of the score where these are not 0 and 1; the margins are fractions of
    that range. `system_a` and `system_b` choose one of several systems that a recording holds.
    """

    a: Path
    b: Path
    metric: str | None = None
    rule: Literal["better", "not_worse"] = "better"
    margin: float = 0.0
    min_gain: float | None = None
    alpha: float = 0.05
    lower_is_better: bool = False
    scale: tuple[float, float] | None = None
    id: str | None = None
    cluster: str | None = None
    filter: str | None = None
    task: str | None = None
    system_a: str | None = None
    system_b: str | None = None
    max_missing: float = 0.05
    collapse_guard: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item's scores by name; None is a score that could not be measured. Items with one id are repeats.

    `content` identifies what was asked, where the file tells; `text` shows it to people.
    """

    id: str
    values: Mapping[str, float | None]
    where: str
    content: str = ""
    text: str = ""
    reference: str = ""
    output: str | None = None
    cluster: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One system's items out of a recording. `lower` are scores of which less is better, `signatures` what they count.

    `note` is what must be said of the recording.
    """

    name: str
    path: Path
    digest: str
    items: tuple[Item, ...]
    task: str = "items"
    lower: frozenset[str] = frozenset()
    signatures: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def names(self) -> list[str]:
        """The scores that every item has which was scored at all, and that some item has a number of."""
        scored = [item.values for item in self.items if item.values]
        known = dict.fromkeys(name for values in scored for name in values)
        return [n for n in known if all(n in v for v in scored) and any(v[n] is not None for v in scored)]


def choose_system(known: list[str], wanted: str | None, path: Path, side: str) -> str:
    """The one system of a recording that is compared. Raises `choose-system`."""
    if wanted is None and len(known) == 1:
        return known[0]
    if wanted in known:
        return str(wanted)
    what = f"holds no system '{wanted}'" if wanted else f"holds {len(known)} systems"
    raise UsageError(
        f"{path} {what}: {', '.join(known) or '(none)'}",
        code="choose-system",
        fix=f"name one of them with `--system-{side} NAME`",
        where=str(path),
    )
