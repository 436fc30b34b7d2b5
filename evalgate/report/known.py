"""How many answers were not asked for in this run, because the same question had been answered before."""

from __future__ import annotations

from evalgate.store import RunData


def known_answers(data: RunData) -> list[str]:
    """One sentence; nothing where all answers are of this run."""
    answers = [p for tasks in data.predictions.values() for rows in tasks.values() for p in rows]
    n = sum(p.cached for p in answers)
    if not n:
        return []
    return [
        f"{n:,} of {len(answers):,} answers come from the cache: the same weights gave them before, to the same "
        "prompts and decoding. No time was taken from it"
    ]
