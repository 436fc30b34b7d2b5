"""Contamination as the report shows it: the findings with both places, and scores with and without what they touch."""

from __future__ import annotations

from typing import Any

from evalgate.core.artefacts import a, noun
from evalgate.core.training import made_as
from evalgate.report import words
from evalgate.store import RunData

View = dict[str, Any]
# Pairs that are laid out; contamination.jsonl in the run's folder has all.
SHOWN = 50


def contamination_view(data: RunData) -> View:
    """Findings, what was left out of training, and a row for each score of a task with contaminated examples."""
    left_out = [
        f"{len(ids)} contaminated row{'s' * (len(ids) > 1)} of {name} left out of training (--drop): "
        + ", ".join(ids[:SHOWN])
        + (", …" if len(ids) > SHOWN else "")
        for name, ids in data.run.dropped.items()
    ]
    overlaps = data.overlaps or []
    return {
        "checked": data.overlaps is not None,
        "compared": not data.run.suite_folder,
        "n": len(overlaps),
        "rows": [
            {
                "kind": o.kind,
                "source": o.source,
                "where": o.where,
                "heldout": o.heldout_where,
                "share": words.show(o.share, "fraction"),
            }
            for o in overlaps[:SHOWN]
        ],
        "more": max(0, len(overlaps) - SHOWN),
        "left_out": left_out,
        "scores": clean_rows(data),
        "unknown": unknown_training(data),
    }


def unknown_training(data: RunData) -> list[str]:
    """Candidates whose training data, or a part of them, nobody here could check."""
    return [
        f"Whether {name} was trained on held-out examples is unknown: it "
        f"{'continues' if card.elsewhere != (card.merged_from or card.adapter_digest) else 'is'} "
        f"{a(noun(made_as(card)))} from elsewhere."
        for name, card in data.cards.items()
        if card.elsewhere
    ]


def clean_rows(data: RunData) -> list[View]:
    """Each system's score on all held-out examples beside that on the clean ones, with intervals."""
    if data.decision is None:
        return []
    full = {(s.task, s.metric, s.system): s.estimate for s in data.decision.scores}
    rows = []
    for score in data.decision.clean_scores:
        scale = words.metric_scale(score.task, score.metric)
        cells = {}
        for name, e in (("full", full.get((score.task, score.metric, score.system))), ("clean", score.estimate)):
            cells[name] = f"{words.show(e.value, scale)} ({words.interval(e, scale)})" if e else "n/a"
            cells[f"{name}_n"] = f"{e.n:,}" if e else "0"
        rows.append({"metric": f"{score.task}.{score.metric}", "system": score.system, **cells})
    return rows
