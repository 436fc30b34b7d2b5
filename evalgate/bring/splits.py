"""Splits as given, as a column says, or made: deterministic, stratified by label, related rows on one side."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from evalgate.bring.items import Item
from evalgate.bring.rows import fault, text_at
from evalgate.bring.sources import SPLIT_NAMES
from evalgate.core.data import Split
from evalgate.core.errors import EvalgateError, UsageError

ORDER: tuple[Split, ...] = ("train", "dev", "heldout")


@dataclass(slots=True)
class Parts:
    """The items of each split, and what was done."""

    items: dict[Split, list[Item]]
    notes: list[str] = field(default_factory=list)


def size_of(said: str, total: int, flag: str) -> int:
    """`400` rows, `0.2` or `20%` of all; raises `bad-size`."""
    try:
        number = float(said.removesuffix("%")) / (100 if said.endswith("%") else 1)
        share = said.endswith("%") or "." in said
        n = round(number * total) if share else int(said)
        if number <= 0 or (share and number >= 1) or n < 1 or n >= total:
            raise ValueError
    except (ValueError, OverflowError):
        raise UsageError(
            f"'{said}' is no size of a part of {total:,} rows",
            code="bad-size",
            fix=f"give rows ({flag} 400), or a share ({flag} 0.2 or {flag} 20%), below the whole",
        ) from None
    return n


def by_column(items: Sequence[Item], column: str) -> None:
    """Set each item's split from a column; raises `bad-split-value` for a value that is no split's name."""
    for item in items:
        value = text_at(item.row, column).strip().lower()
        split = SPLIT_NAMES.get(value)
        if split is None:
            text = f"'{value}' in column '{column}' is no split"
            fix = f"write one of: {', '.join(SPLIT_NAMES)}"
            fault(text, item.place, fix, code="bad-split-value")
        item.split = split


def make(items: Sequence[Item], sizes: dict[Split, int], seed: int) -> Parts:
    """Take the held-out part, then dev, from what has no split yet; the rest is train.

    Rows that ask the same or share a cluster are one unit and stay together; units are drawn within the strata of their
    labels in the order of a hash of the seed and their contents, whatever their order in the file.
    """
    parts = given(items)
    for split in ("heldout", "dev"):
        if split in sizes:
            chosen = {id(item) for item in draw(parts.items["train"], sizes[split], seed, split)}
            pool = parts.items["train"]
            parts.items[split] += [item for item in pool if id(item) in chosen]
            parts.items["train"] = [item for item in pool if id(item) not in chosen]
            key = {id(item): _hash(seed, split, item.digest()) for item in parts.items[split]}
            parts.items[split].sort(key=lambda item: key[id(item)])
    if sizes:
        key = {id(item): _hash(seed, "train", item.digest()) for item in parts.items["train"]}
        parts.items["train"].sort(key=lambda item: key[id(item)])
    return parts


def given(items: Sequence[Item]) -> Parts:
    """The items by their split; those without one are for training, until more is taken from them."""
    parts: dict[Split, list[Item]] = {split: [] for split in ORDER}
    for item in items:
        parts[next((s for s in ORDER if s == item.split), "train")].append(item)
    return Parts(parts)


def part_related(parts: Parts) -> None:
    """Leave out of train what is related to dev or held-out, and out of dev what is related to held-out; counted."""
    taken: set[str] = set()
    for split in ("heldout", "dev", "train"):
        rows = parts.items[split]
        keep = [item for item in rows if not taken.intersection(_keys(item))]
        if len(keep) < len(rows):
            text = (
                f"{len(rows) - len(keep):,} rows of {split} left out: they ask the same as, or share a cluster with, "
            )
            parts.notes.append(text + ("held-out rows" if split == "dev" else "rows of dev or held-out"))
        parts.items[split] = keep
        taken.update(key for item in keep for key in _keys(item))


def draw(items: Sequence[Item], n: int, seed: int, purpose: str) -> list[Item]:
    """About n items in whole units, each stratum in proportion; exactly n where every unit is one row."""
    strata: dict[str, list[list[Item]]] = defaultdict(list)
    for unit in units(items):
        strata[_label_of(unit)].append(unit)
    n_items = {label: sum(map(len, group)) for label, group in strata.items()}
    quota = _largest_remainder(n_items, n)
    drawn: list[Item] = []
    owed = 0.0  # what big units took too much or too little is made up for in the strata after
    for label in sorted(strata):
        order = sorted(strata[label], key=lambda unit: _hash(seed, purpose, *sorted(i.digest() for i in unit)))
        want, got = quota[label] + owed, 0
        for unit in order:
            if got + len(unit) / 2 <= want and got < n_items[label]:
                drawn += unit
                got += len(unit)
        owed = want - got
    return drawn


def units(items: Sequence[Item]) -> list[list[Item]]:
    """Items that ask the same or share a cluster, directly or through others, as one list each."""
    parent = list(range(len(items)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[str, int] = {}
    for i, item in enumerate(items):
        for key in _keys(item):
            parent[root(i)] = root(first.setdefault(key, i))
    groups: dict[int, list[Item]] = defaultdict(list)
    for i, item in enumerate(items):
        groups[root(i)].append(item)
    return list(groups.values())


def refuse_bad_splits(parts: Parts, least: int) -> None:
    """Raise `one-class` for a split with one label, `too-few-rows` for a held-out set that decides nothing."""
    for split, items in parts.items.items():
        labels = {item.label for item in items if item.label}
        if len(labels) == 1 and len(items) > 1:
            raise EvalgateError(
                f"all {len(items)} rows of {split} have the label '{labels.pop()}'",
                code="one-class",
                fix="bring rows of every class for each split, or leave out the given splits and let them be made",
                where=items[0].place,
            )
    n_heldout = len(parts.items["heldout"])
    empty = [split for split in ORDER if not parts.items[split]]
    if n_heldout < least or empty:
        what = f"the {empty[0]} split has no rows" if empty else f"the held-out set has {n_heldout} rows"
        raise EvalgateError(
            f"{what}; {least} held-out rows are the least that can decide, and every split needs some",
            code="too-few-rows",
            fix="bring more rows (some hundred are better), or set --heldout and --dev",
        )


def _keys(item: Item) -> list[str]:
    """What relates an item to others: what it asks, and its cluster."""
    content = f"content/{item.content()}"
    return [content] if item.cluster is None else [content, f"cluster/{item.cluster}"]


def _label_of(unit: list[Item]) -> str:
    counts = Counter(item.label or "" for item in unit)
    return min(counts, key=lambda label: (-counts[label], label))


def _largest_remainder(sizes: dict[str, int], n: int) -> dict[str, int]:
    """n shared out in proportion to the sizes, in whole numbers (Hamilton's method); ties by name."""
    total = sum(sizes.values())
    exact = {label: n * size / total for label, size in sizes.items()}
    quota = {label: int(share) for label, share in exact.items()}
    order = sorted(sizes, key=lambda label: (quota[label] - exact[label], label))
    for label in order[: n - sum(quota.values())]:
        quota[label] += 1
    return quota


def _hash(seed: int, *parts: str) -> str:
    return hashlib.sha256("/".join([str(seed), *parts]).encode()).hexdigest()
