"""Which words and phrases of the references a candidate has that the best baseline lacks, and the other way round."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from evalgate.core.data import TaskSpec
from evalgate.report.index import Index
from evalgate.report.words import UNSPACED, clean, joined, show

View = dict[str, Any]
Grams = dict[tuple[str, ...], int]
ORDERS = (1, 2, 3)
# Two words are the shortest phrase; longer ones are put together from them.
PHRASE = 2
# Reading more examples than these would cost more than their order tells.
MAX_EXAMPLES = 500
MAX_WORDS = 400
LISTED = 8
_LETTER = rf"[^\W{UNSPACED}]"
_WORD = re.compile(rf"[{UNSPACED}]|{_LETTER}+(?:['’.\-]{_LETTER}+)*")


def words_of(text: str) -> list[str]:
    """A text's words without case and punctuation, the first few hundred."""
    # A text without spaces could make the search look at all of it.
    return _WORD.findall(text[: MAX_WORDS * 12].casefold())[:MAX_WORDS]


def grams(words: list[str], order: int) -> Grams:
    """Each n-gram with the place of its first word's first occurrence."""
    found: Grams = {}
    for at in range(len(words) - order + 1):
        found.setdefault(tuple(words[at : at + order]), at)
    return found


def phrase_changes(reference: str, before: str, after: str) -> tuple[list[str], list[str]]:
    """The phrases of the reference that `after` has and `before` has not, and the other way round."""
    wanted = words_of(reference)
    old, new = (grams(words_of(text), PHRASE).keys() for text in (before, after))
    return _phrases(wanted, lambda g: g in new and g not in old), _phrases(wanted, lambda g: g in old and g not in new)


def _phrases(words: list[str], has: Callable[[tuple[str, ...]], bool]) -> list[str]:
    """Runs of words of which each two neighbours fulfil `has`, each phrase once."""
    runs: list[list[str]] = []
    last = -2
    for at in range(len(words) - 1):
        pair = (words[at], words[at + 1])
        if has(pair):
            if last == at - 1:
                runs[-1].append(pair[1])
            else:
                runs.append([*pair])
            last = at
    return [*dict.fromkeys(clean(joined(run)) for run in runs)]


def phrases_view(index: Index, task: TaskSpec, candidate: str) -> View | None:
    """Over a task's examples: how many n-grams of the references each side has, and the most frequent changes."""
    best = index.best[task.name]
    if task.kind != "summarization" or best in (None, candidate):
        return None
    counts = {order: Counter[str]() for order in ORDERS}
    gained, lost = Counter[str](), Counter[str]()
    n = 0
    for example in index.examples(task.name)[:MAX_EXAMPLES]:
        pair = [index.prediction(system or "", task.name, example.id) for system in (best, candidate)]
        if not example.references or any(p is None or p.output is None for p in pair):
            continue
        n += 1
        before, after = (p.output for p in pair if p and p.output is not None)
        sets = _kept_sets(example.references[0]), _kept_sets(before), _gram_sets(after)
        for order, wanted, old, new in zip(ORDERS, *sets, strict=True):
            more, fewer = (wanted & new) - old, (wanted & old) - new
            counts[order].update(wanted=len(wanted), old=len(wanted & old), new=len(wanted & new))
            counts[order].update(gained=len(more), lost=len(fewer))
            if order == ORDERS[-1]:
                gained.update(joined(g) for g in more)
                lost.update(joined(g) for g in fewer)
    if not n:
        return None
    rows = [{"order": order, **_row(counts[order])} for order in ORDERS]
    return {"best": best, "n": n, "rows": rows, "gained": _top(gained), "lost": _top(lost)}


def _gram_sets(text: str) -> tuple[frozenset[tuple[str, ...]], ...]:
    """A text's n-grams, by order."""
    words = words_of(text)
    return tuple(frozenset(zip(*(words[at:] for at in range(order)), strict=False)) for order in ORDERS)


# For references and the best baseline's answers, with which every candidate is compared.
_kept_sets = lru_cache(maxsize=2 * MAX_EXAMPLES)(_gram_sets)


def _row(count: Counter[str]) -> View:
    shares = {
        side: show(count[side] / count["wanted"] if count["wanted"] else None, "fraction") for side in ("old", "new")
    }
    return {"wanted": f"{count['wanted']:,}", **shares, **{k: f"{count[k]:,}" for k in ("gained", "lost")}}


def _top(counts: Counter[str]) -> list[View]:
    """The most frequent ones that more than one example has; ties in the order of the alphabet."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"text": clean(text), "n": n} for text, n in ordered[:LISTED] if n > 1]
