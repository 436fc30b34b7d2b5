"""The knowledge base of the shop: 150 passages of invented rules, prices and times, and their facts."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass

KB_SEED = "support/kb/1"
MIN_WORDS, MAX_WORDS = 30, 60


@dataclass(frozen=True, slots=True)
class Ask:
    """How customers ask for one attribute: the answer's slot and several wordings."""

    answer: str
    wordings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Passages that state the same attributes of different subjects (one row each, cells parted by bars)."""

    topic: str
    story: str
    titles: tuple[str, ...]
    columns: str
    rows: str
    sentences: tuple[tuple[str, ...], ...]
    asks: Mapping[str, Ask]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One attribute of one passage that a customer may ask for."""

    passage: str
    topic: str
    story: str
    attribute: str
    answers: tuple[str, ...]
    wordings: tuple[str, ...]
    slots: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One passage and its facts."""

    id: str
    title: str
    text: str
    facts: tuple[Fact, ...]


def with_article(noun: str) -> str:
    """`noun` behind its indefinite article."""
    return f"{'an' if noun[0].lower() in 'aeio' else 'a'} {noun}"


def upper_first(text: str) -> str:
    """`text` with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def _slots(family: Family, row: str) -> dict[str, str]:
    cells = dict(zip(family.columns.split(), row.split("|"), strict=True))
    if "one" in cells:
        cells["a"] = with_article(cells["one"])
    cells |= {f"a{name}": with_article(cells[name]) for name in ("part", "doc") if name in cells}
    return cells | {upper_first(name): upper_first(value) for name, value in cells.items()}


def _answers(value: str) -> tuple[str, ...]:
    """The value as the passage says it, and the shorter or plainer forms that mean the same."""
    words = value.split()
    if words[0] in ("the", "a", "an", "all") and words[1:] and words[-1] not in ("day", "days"):
        return (value, value.split(" ", 1)[1])
    if len(words) == 2 and words[0].replace(".", "").isdigit() and words[1] == "euros":
        return (value, words[0], f"€{words[0]}")
    return (value,)


def _text(family: Family, slots: Mapping[str, str], rng: random.Random) -> str:
    """One wording of the passage: the first sentence names the subject, the others may change places."""
    for _ in range(200):
        chosen = [upper_first(rng.choice(options).format_map(slots)) for options in family.sentences]
        tail = chosen[1:]
        rng.shuffle(tail)
        text = " ".join([chosen[0], *tail])
        if MIN_WORDS <= len(text.split()) <= MAX_WORDS:
            return text
    raise ValueError(f"no wording of {family.topic!r} has {MIN_WORDS} to {MAX_WORDS} words: {slots}")


def _passage(family: Family, row: str, number: int, rng: random.Random) -> Passage:
    slots, name = _slots(family, row), f"kb-{number:03d}"
    facts = tuple(
        Fact(
            passage=name,
            topic=family.topic,
            story=family.story,
            attribute=attribute,
            answers=_answers(ask.answer.format_map(slots)),
            wordings=ask.wordings,
            slots=slots,
        )
        for attribute, ask in family.asks.items()
    )
    title = upper_first(rng.choice(family.titles).format_map(slots))
    return Passage(id=name, title=title, text=_text(family, slots, rng), facts=facts)


def knowledge_base() -> tuple[Passage, ...]:
    """All passages; the same on every call and for every seed of the questions."""
    from generator import policy_care, policy_goods, policy_money, policy_shop

    families = [
        table
        for module in (policy_goods, policy_care, policy_shop, policy_money)
        for table in vars(module).values()
        if isinstance(table, Family)
    ]
    rng = random.Random(KB_SEED)
    pairs = [(family, row) for family in families for row in family.rows.strip().splitlines()]
    rng.shuffle(pairs)
    return tuple(_passage(family, row, number, rng) for number, (family, row) in enumerate(pairs, start=1))


def passages_jsonl() -> str:
    """The passages as JSON Lines."""
    rows = ({"id": p.id, "title": p.title, "text": p.text} for p in knowledge_base())
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
