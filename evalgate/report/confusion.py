"""Which label was taken for which: matrices, their differences, precision, recall and F1 of every label."""

from __future__ import annotations

from collections import Counter
from typing import Any

from evalgate.core.data import TaskSpec
from evalgate.core.metric_kinds import LABEL_METRICS
from evalgate.report.index import Index
from evalgate.report.words import show
from evalgate.stats.reliability import Bins, bins_of

View = dict[str, Any]
Pairs = dict[str, tuple[str, str]]
Table = Counter[tuple[str, str]]
# More labels than these are one row and one column; a table beside the matrices has every label.
MAX_LABELS = 20
MAX_LISTED = 200
OTHERS = "(other labels)"
# The curve has fewer bins than the error is counted over: each should have some examples.
N_BINS = 10


def confusion_view(index: Index, task: TaskSpec) -> View | None:
    """A task's matrices, what each candidate changes of the best baseline's, and all labels; None without labels."""
    if not LABEL_METRICS & {use.name for use in task.metrics}:
        return None
    found = {system: pairs for system in index.systems if (pairs := _pairs(index, system, task.name))}
    if not found:
        return None
    tables = {system: Counter(pairs.values()) for system, pairs in found.items()}
    labels = sorted({true for table in tables.values() for true, _ in table})
    shown = _most_confused(tables, labels)
    best = index.best[task.name] or ""
    return {
        "matrices": [_matrix(s, _folded(table, labels, shown), shown, best) for s, table in tables.items()],
        "changes": [
            _change(c, best, found[c], found[best], labels, shown)
            for c in index.data.run.candidates
            if c in found and best in found and c != best
        ],
        "by_label": _by_label(tables, labels),
        "n_folded": len(labels) - len(shown) + 1 if OTHERS in shown else 0,
    }


def confusion(index: Index, task: TaskSpec) -> list[View]:
    """One confusion matrix per system: rows are true labels, columns predicted ones."""
    view = confusion_view(index, task)
    return view["matrices"] if view else []


def _pairs(index: Index, system: str, task: str) -> Pairs:
    """(true, predicted) by example id."""
    labels = index.labels(system, task)
    return {e.id: pair for e in index.examples(task) if (pair := labels.get(e.id))}


def _most_confused(tables: dict[str, Table], labels: list[str]) -> list[str]:
    """The labels that have a row: all, or those with the most wrong answers of all systems, and one for the rest."""
    if len(labels) <= MAX_LABELS:
        return labels
    wrong = Counter[str]()
    for table in tables.values():
        for (true, predicted), n in table.items():
            if true != predicted:
                wrong.update({true: n, predicted: n})
    kept = sorted(labels, key=lambda label: (-wrong[label], label))[: MAX_LABELS - 1]
    return [*sorted(kept), OTHERS]


def _folded(table: Table, labels: list[str], shown: list[str]) -> Table:
    """The same counts with every label that has no row of its own called `OTHERS`."""
    hidden = {*labels} - {*shown}
    if not hidden:
        return table
    folded: Table = Counter()
    for pair, n in table.items():
        true, predicted = (OTHERS if label in hidden else label for label in pair)
        folded[true, predicted] += n
    return folded


def _columns(table: Table, labels: list[str]) -> list[str]:
    return [*labels, *sorted({predicted for _, predicted in table} - {*labels})]


def _matrix(system: str, table: Table, labels: list[str], best: str) -> View:
    columns, shares = _columns(table, labels), Shares(table)
    rows = []
    for true in labels:
        support = shares.support[true]
        cells = [
            {
                "n": table[true, c],
                "predicted": c,
                "heat": round(9 * table[true, c] / max(support, 1)),
                "hit": c == true != OTHERS,
            }
            for c in columns
        ]
        rows.append({"true": true, "cells": cells, "support": support, **shares.words(true)})
    # An answer that is no label is no class, so its column has no precision.
    precision = [shares.words(c)["precision"] if c in labels else "" for c in columns]
    return {"system": system, "columns": columns, "rows": rows, "precision": precision, "is_best": system == best}


class Shares:
    """Precision, recall and F1 of any label of one table as (part, whole); sums are taken once."""

    def __init__(self, table: Table) -> None:
        self._table, self.support, self._called = table, Counter[str](), Counter[str]()
        for (true, predicted), n in table.items():
            self.support[true] += n
            self._called[predicted] += n

    def of(self, label: str) -> dict[str, tuple[int, int]]:
        """One label's shares."""
        hit, support, called = self._table[label, label], self.support[label], self._called[label]
        return {"precision": (hit, called), "recall": (hit, support), "f1": (2 * hit, support + called)}

    def words(self, label: str) -> dict[str, str]:
        """One label's shares in percent; empty for the pooled one, within which answers may be wrong, too."""
        return {k: "" if label == OTHERS else _share(*parts) for k, parts in self.of(label).items()}


def _change(candidate: str, best: str, after: Pairs, before: Pairs, labels: list[str], shown: list[str]) -> View:
    """How many more or fewer answers each cell has, on the examples that both answered."""
    both = after.keys() & before.keys()
    tables = [_folded(Counter(pairs[i] for i in both), labels, shown) for pairs in (after, before)]
    columns = _columns(tables[0] + tables[1], shown)
    shares = [Shares(table) for table in tables]
    rows = []
    for true in shown:
        moved = {c: tables[0][true, c] - tables[1][true, c] for c in columns}
        cells = [_moved(n, true, c, shares[0].support[true]) for c, n in moved.items()]
        rows.append({"true": true, "cells": cells, **_gains(shares, true)})
    return {"candidate": candidate, "best": best, "n": len(both), "columns": columns, "rows": rows}


def _moved(n: int, true: str, predicted: str, n_true: int) -> View:
    hit = true == predicted
    state = "" if n == 0 or (hit and true == OTHERS) else "good" if (n > 0) == hit else "bad"
    text = f"+{n}" if n > 0 else f"−{-n}" if n else ""
    return {
        "n": n,
        "text": text,
        "predicted": predicted,
        "state": state,
        "heat": min(9, round(9 * abs(n) / max(n_true, 1))),
    }


def _gains(shares: list[Shares], true: str) -> View:
    """Recall and F1 of one label, candidate minus baseline, in whole points."""
    found = {}
    for name in ("recall", "f1"):
        after, before = (part / whole if whole else None for part, whole in (s.of(true)[name] for s in shares))
        gain = None if after is None or before is None else round(100 * (after - before))
        found[name] = "n/a" if gain is None else f"+{gain}" if gain > 0 else f"−{-gain}" if gain else "0"
    return found if true != OTHERS else dict.fromkeys(found, "")


def _by_label(tables: dict[str, Table], labels: list[str]) -> View:
    """Support, and for each system F1 with precision and recall, of every label; the largest ones where many."""
    shares = {system: Shares(table) for system, table in tables.items()}
    support = {label: max(found.support[label] for found in shares.values()) for label in labels}
    listed = sorted(sorted(labels, key=lambda label: -support[label])[:MAX_LISTED])
    rows = [
        {"label": label, "support": support[label], "cells": [found.words(label) for found in shares.values()]}
        for label in listed
    ]
    return {"systems": [*tables], "rows": rows, "n_left_out": len(labels) - len(listed)}


def _share(part: int, whole: int) -> str:
    # Whole percent: a label seldom has a hundred examples.
    return f"{100 * part / whole:.0f}%" if whole else "n/a"


def sureness(index: Index, task: str) -> list[View]:
    """Each system's reliability curve in ten bins: how sure it was, how often it was right, of how many examples."""
    found = []
    for system in index.systems:
        rows = index.parts(system, task, "ece")
        if len(rows) and rows.shape[1] == 2:
            bins = bins_of(rows, N_BINS)
            found.append({"system": system, "bins": [_bin(i, bins) for i in range(N_BINS) if bins.n[i]]})
    return found


def _bin(i: int, bins: Bins) -> View:
    n = float(bins.n[i])
    sure, right = (show(float(column[i]) / n, "fraction") for column in (bins.confidence, bins.right))
    return {"span": f"{i / N_BINS:.1f} to {(i + 1) / N_BINS:.1f}", "n": int(n), "sure": sure, "right": right}
