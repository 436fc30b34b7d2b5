"""What the terminal shows of prompt searches: every try, and which was chosen."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from evalgate.core.search import Searched


def searches_text(found: Sequence[Searched], kind: str) -> str:
    """A table for each search, as `text` or `json`; the chosen try has a star."""
    if kind == "json":
        return msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n"
    return "\n".join(map(_table, found)) or "no prompt was searched\n"


def _table(made: Searched) -> str:
    from evalgate.console import aligned

    head = f"{made.system} · {made.task}: {len(made.tries)} of {made.n_grid} prompts on {made.n_dev} dev examples"
    rows = [["try", *made.tries[0].settings, made.metric, "interval", "unscored"]]
    for number, tried in enumerate(made.tries):
        e = tried.estimate
        interval = f"{100 * e.low:.1f} to {100 * e.high:.1f}" if e else "-"
        star = "*" if number == made.chosen else ""
        score = f"{100 * tried.worth:.1f} %"
        rows.append([f"{number + 1}{star}", *tried.settings.values(), score, interval, str(tried.n_unscored)])
    return f"{head}\n{aligned(rows)}"
