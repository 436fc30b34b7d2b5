"""Faults of the rows as a whole: nothing asked or answered, labels that are none, ids that stand twice."""

from __future__ import annotations

from collections.abc import Sequence

from evalgate.bring.cleaning import refuse_two_spellings
from evalgate.bring.items import Item
from evalgate.bring.rows import fault, is_missing, text_at
from evalgate.bring.shapes import Reading, Wish
from evalgate.core.record import short

ID_CHARS = 200
# With more labels than this share of the rows, the column is no label.
MOST_LABELS = 0.5


def refuse_broken(items: Sequence[Item], reading: Reading, wish: Wish) -> None:
    """Raise for the first row that asks nothing (`empty-input`) or is answered by nothing (`missing-reference`).

    For classes: `missing-label`, `hidden-label`, `label-spellings`, and `not-labels` where nearly each row has its own.
    """
    if not items:
        fault(
            "no row is left", "", "leave out `empty` or `duplicates` from --clean, or bring more rows", code="no-rows"
        )
    classes, columns = reading.kind == "classification", reading.answers or reading.texts
    for item in items:
        if not any(text.strip() for text in item.texts()):
            text = f"the input is empty (column{'s' * (len(reading.texts) > 1)} {', '.join(reading.texts)})"
            fault(text, item.place, "fill it in or delete the row, or add `empty` to --clean", code="empty-input")
        if classes:
            _refuse_bad_label(item, columns)
        elif not any(item.references):
            text = f"the reference is empty (column {', '.join(columns)})"
            fault(text, item.place, "fill it in or delete the row, or add `empty` to --clean", code="missing-reference")
        if wish.cluster and item.cluster is None:
            text = f"the cluster column '{wish.cluster}' is empty"
            fault(text, item.place, "give the row its cluster, or leave out --cluster-column", code="missing-cluster")
    if classes:
        refuse_two_spellings(items)
        labels = {item.label for item in items}
        if len(labels) > MOST_LABELS * len(items):
            text = f"the {len(items):,} rows have {len(labels):,} different labels, so '{columns[0]}' is none"
            fix = "name the right column: `--label-column C`, or `--answer-column C` for free text"
            fault(text, items[0].place, fix, code="not-labels")


def _refuse_bad_label(item: Item, columns: Sequence[str]) -> None:
    label = item.label
    if not label or label.casefold() == "nan":
        found = f"'{label}', which is pandas' mark for nothing" if label else "empty"
        text = f"the label is {found} (column {columns[0]})"
        fault(text, item.place, "fill it in or delete the row, or add `empty` to --clean", code="missing-label")
    if label == "-1":
        text = "the label is -1, by which datasets mark labels that they keep to themselves"
        fault(text, item.place, "leave out this split, and let the held-out set be made", code="hidden-label")


class Identities:
    """Ids from a column, or made of the contents, so that they do not depend on the order of the rows."""

    def __init__(self, wish: Wish, columns: Sequence[str]) -> None:
        self.column = None if wish.id == "none" else wish.id
        if wish.id is None:
            self.column = next((c for c in columns if c.lower() == "id"), None)
        self.notes: list[str] = []

    def give(self, items: Sequence[Item]) -> None:
        """Set every item's id; raises `duplicate-id`, `missing-field` or `bad-id`."""
        if self.column is None:
            self._make(items)
            self.notes.append("ids: made of each row's contents")
            return
        first: dict[tuple[str, str], Item] = {}
        for item in items:
            item.id = self._read(item, self.column)
            before = first.setdefault((item.row.path, item.id), item)
            if before is not item:
                text = f"the id '{item.id}' stands twice, first at {before.place}"
                fix = "give each row an id of its own, delete the copy, or say `--id-column none` to have ids made"
                fault(text, item.place, fix, code="duplicate-id")
        if len({item.id for item in items}) < len(items):
            paths = list(dict.fromkeys(item.row.path for item in items))
            for item in items:
                item.id = f"{item.split or paths.index(item.row.path) + 1}-{item.id}"
            if len({item.id for item in items}) < len(items):
                for item in items:
                    item.id = f"{paths.index(item.row.path) + 1}-{item.id}"
            self.notes.append(f"ids: column {self.column}, with the split before it, for files share ids")
        else:
            self.notes.append(f"ids: column {self.column}")

    def _read(self, item: Item, column: str) -> str:
        if is_missing(item.row.values.get(column)):
            text = f"the id is empty (column {column})"
            fault(text, item.place, "fill it in, or say `--id-column none` to have ids made", code="missing-field")
        identity = text_at(item.row, column).strip()
        if len(identity) > ID_CHARS or not identity.isprintable():
            text = f"{identity[:40]!r} is no id: it is longer than {ID_CHARS} characters or holds line ends"
            fault(text, item.place, "name another column, or say `--id-column none` to have ids made", code="bad-id")
        return identity

    def _make(self, items: Sequence[Item]) -> None:
        seen: dict[str, int] = {}
        for item in items:
            made = short(item.digest())
            seen[made] = seen.get(made, 0) + 1
            item.id = made if seen[made] == 1 else f"{made}-{seen[made]}"
