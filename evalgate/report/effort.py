"""Prompt searches as the report shows them: how many prompts were tried on dev, how each did, which was chosen."""

from __future__ import annotations

from typing import Any

from evalgate.core.search import Searched, Try
from evalgate.report import words
from evalgate.store import RunData

View = dict[str, Any]


def effort_view(data: RunData) -> View:
    """All searches with their tries in order; `n` is the number of tries of the whole run."""
    return {"n": sum(len(made.tries) for made in data.searches), "searches": [_search(made) for made in data.searches]}


def _search(made: Searched) -> View:
    n_tries = len(made.tries)
    grid = "all" if n_tries == made.n_grid else f"{n_tries} of {made.n_grid:,}"
    return {
        "name": f"{made.system} · {made.task}",
        "metric": made.metric,
        "settings": [*made.tries[0].settings],
        "text": f"{grid} prompts of the grid tried on {made.n_dev:,} dev examples, budget {made.budget:,}",
        "chosen": f"chosen: try {made.chosen + 1}, {_words(made.tries[made.chosen])}",
        "rows": [_row(number, made, tried) for number, tried in enumerate(made.tries)],
    }


def _row(number: int, made: Searched, tried: Try) -> View:
    estimate = tried.estimate
    return {
        "number": number + 1,
        "settings": [*tried.settings.values()],
        "worth": words.show(tried.worth, "fraction"),
        "interval": words.interval(estimate, "fraction") if estimate else "",
        "unscored": tried.n_unscored,
        "seconds": words.show(tried.seconds, "seconds"),
        "chosen": number == made.chosen,
    }


def _words(tried: Try) -> str:
    return ", ".join(f"{key} {value}" for key, value in tried.settings.items())
