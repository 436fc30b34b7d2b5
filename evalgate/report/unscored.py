"""What could not be scored, as rows of the report."""

from __future__ import annotations

from collections import Counter
from typing import Any

from evalgate.core.score_rows import columns_of, unscored_of
from evalgate.report.index import Index

View = dict[str, Any]


def unscored_view(index: Index) -> list[View]:
    """Unscored items by system, task and metric, with the reasons; nothing where all were scored."""
    rows = []
    for system in index.systems:
        for task, scores in index.data.scores.get(system, {}).items():
            missing = Counter((s.metric, s.failure.code if s.failure else "unknown") for s in unscored_of(scores))
            total = {metric: len(column.ids) for metric, column in columns_of(scores).items()} if missing else {}
            rows += [
                {"system": system, "task": task, "metric": metric, "code": code, "n": n, "of": total[metric]}
                for (metric, code), n in sorted(missing.items())
            ]
    return rows
