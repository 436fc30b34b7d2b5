"""A small template language: `{pool}` draws, `{pool1}` draws once, `{^x}` capitalises, `{a:x}` adds a or an.

`[p|q]` picks one of its parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any

from models.pretrain.words import CODA, LETTERS, NUCLEUS, NUMBER_WORDS, ONSET, POOLS, SURNAME_END, TOWN_END

Context = dict[str, str]


def syllable(rng: Random) -> str:
    """One invented syllable."""
    return rng.choice(ONSET) + rng.choice(NUCLEUS) + rng.choice(CODA)


def coined(rng: Random) -> str:
    """An invented lower-case word of one to three syllables."""
    return "".join(syllable(rng) for _ in range(rng.choice((1, 2, 2, 3))))


def town(rng: Random) -> str:
    """An invented place name."""
    return syllable(rng).capitalize() + rng.choice(TOWN_END)


def surname(rng: Random) -> str:
    """An invented family name."""
    return syllable(rng).capitalize() + rng.choice(SURNAME_END)


def person(rng: Random) -> str:
    """A first name with an invented family name."""
    return f"{rng.choice(POOLS['first'])} {surname(rng)}"


def brand(rng: Random) -> str:
    """An invented proper name."""
    return coined(rng).capitalize()


def code(rng: Random) -> str:
    """A reference such as KR-48213, in several shapes."""
    letters = "".join(rng.choices(LETTERS, k=rng.choice((1, 2, 2, 3))))
    digits = "".join(rng.choices("0123456789", k=rng.choice((3, 4, 5, 5, 6))))
    shape = rng.random()
    if shape < 0.55:
        return f"{letters}-{digits}"
    if shape < 0.75:
        return letters + digits
    if shape < 0.9:
        return f"{letters}-{digits[:2]}-{digits[2:]}"
    return f"{digits}-{letters}"


def price(rng: Random) -> str:
    """An amount of money with its currency."""
    whole = rng.choice((rng.randint(1, 30), rng.randint(1, 99), rng.randint(100, 990)))
    cents = rng.choice(("", "", f".{rng.randint(0, 9)}0", ".50", f".{rng.randint(10, 99)}"))
    shape = rng.random()
    if shape < 0.5:
        return f"{whole}{cents} euros"
    if shape < 0.7:
        return f"${whole}{cents}"
    if shape < 0.8:
        return f"€{whole}{cents}"
    return f"{whole}{cents} {rng.choice(('dollars', 'pounds', 'crowns', 'francs', 'EUR'))}"


def clock(rng: Random) -> str:
    """A time of day."""
    hour, minute = rng.randint(6, 21), rng.choice(("00", "15", "30", "45", "10", "20", "05", "50"))
    half = "am" if hour < 12 else "pm"
    if rng.random() < 0.4:
        return f"{(hour - 1) % 12 + 1} {half}"
    if rng.random() < 0.5:
        return f"{(hour - 1) % 12 + 1}:{minute} {half}"
    return f"{rng.randint(6, 23)}:{minute}"


def hours(rng: Random) -> str:
    """An opening span such as 9 am to 6 pm."""
    start, end = rng.randint(6, 11), rng.randint(1, 11)
    half, other = rng.choice(("", "", ":30")), rng.choice(("", "", ":30", ":15"))
    if rng.random() < 0.75:
        return f"{start}{half} am to {end}{other} pm"
    return f"{start}:{rng.choice(('00', '30'))} to {end + 12}:{rng.choice(('00', '30', '45'))}"


def date(rng: Random) -> str:
    """A day of the year, sometimes with the year."""
    day, month = rng.randint(1, 28), rng.choice(POOLS["month"])
    shape = rng.random()
    if shape < 0.5:
        return f"{day} {month}"
    if shape < 0.8:
        return f"{month} {day}"
    return f"{day} {month} {rng.randint(2015, 2031)}"


def duration(rng: Random) -> str:
    """A span of time."""
    amount = rng.choice(
        (
            str(rng.randint(2, 60)),
            str(rng.choice((5, 10, 14, 15, 20, 30, 45, 60, 90))),
            rng.choice(NUMBER_WORDS),
        )
    )
    return f"{amount} {rng.choice(('minutes', 'hours', 'days', 'weeks', 'months', 'days', 'years'))}"


def phone(rng: Random) -> str:
    """A phone number, or a short extension."""
    if rng.random() < 0.3:
        return f"extension {rng.randint(100, 999)}"
    return f"{rng.randint(200, 999)}-{rng.randint(100, 999)}{rng.choice(('', rng.randint(1000, 9999)))}"


def count(rng: Random) -> str:
    """A count, mostly in digits."""
    if rng.random() < 0.15:
        return rng.choice(NUMBER_WORDS)
    return str(rng.choice((rng.randint(2, 20), rng.randint(2, 99), rng.randint(100, 999), rng.randint(1000, 9999))))


def _title(rng: Random) -> str:
    adj, noun, other = (rng.choice(POOLS[key]).capitalize() for key in ("adj", "noun", "noun"))
    return rng.choice(
        (
            f"The {adj} {noun}",
            f"{noun} and {other}",
            f"A {adj} {noun}".replace("A O", "An O"),
            f"{adj} {noun}s",
            f"The {noun} of {brand(rng)}",
            f"The Last {noun}",
        )
    )


MAKERS: dict[str, Callable[[Random], str]] = {
    "town": town,
    "surname": surname,
    "person": person,
    "brand": brand,
    "coined": coined,
    "code": code,
    "price": price,
    "clock": clock,
    "hours": hours,
    "date": date,
    "duration": duration,
    "phone": phone,
    "count": count,
    "title": _title,
    "span": lambda rng: rng.choice(
        (
            f"{rng.choice((10, 15, 20, 25, 30, 40, 45, 50, 60, 75, 90))} minutes",
            f"{rng.choice(NUMBER_WORDS)} hours",
            f"{rng.randint(2, 12)} hours",
            f"{rng.randint(5, 99)} minutes",
        )
    ),
    "term": lambda rng: (
        f"{rng.choice((*NUMBER_WORDS, *map(str, range(2, 31))))} {rng.choice(('days', 'weeks', 'months', 'years'))}"
    ),
    "year": lambda rng: str(rng.randint(1780, 2024)),
    "small": lambda rng: str(rng.randint(2, 12)),
    "num": lambda rng: str(rng.randint(2, 99)),
    "big": lambda rng: str(rng.randint(100, 9999)),
    "age": lambda rng: str(rng.randint(4, 90)),
    "percent": lambda rng: f"{rng.randint(1, 99)} percent",
    "degrees": lambda rng: f"{rng.randint(-15, 38)} degrees",
    "measure": lambda rng: f"{rng.choice((rng.randint(2, 40), rng.randint(10, 900)))} {rng.choice(POOLS['unit'])}",
    "address": lambda rng: (
        f"{rng.randint(1, 99)} {rng.choice(POOLS['street'])} {rng.choice(('Street', 'Road', 'Lane', 'Square'))}"
    ),
    "email": lambda rng: (
        f"{rng.choice(POOLS['first']).lower()}@{coined(rng)}.{rng.choice(('org', 'com', 'net', 'edu'))}"
    ),
    "floor": lambda rng: rng.choice(
        ("the ground floor", "the first floor", "the second floor", "the third floor", "the basement")
    ),
    "score": lambda rng: f"{rng.randint(0, 9)}-{rng.randint(0, 9)}",
    "roomno": lambda rng: (
        f"{rng.choice(('room', 'Room', 'hall', 'desk', 'gate', 'platform', 'counter'))} {rng.randint(1, 40)}"
    ),
}

_TOKEN = re.compile(r"\{(\^?)(a:)?([A-Za-z_]+)(\d?)\}|([\[|\]])")


def draw(rng: Random, pool: str) -> str:
    """One value from a named pool or maker."""
    words = POOLS.get(pool)
    return words[int(rng.random() * len(words))] if words is not None else MAKERS[pool](rng)


def article(word: str) -> str:
    """The word with a or an before it."""
    return f"{'an' if word[:1].lower() in 'aeiou' else 'a'} {word}"


def capital(text: str) -> str:
    """The text with an upper-case first letter."""
    return text[:1].upper() + text[1:]


@lru_cache(maxsize=4096)
def _parse(template: str) -> list[Any]:
    stack: list[list[Any]] = [[]]
    at = 0
    for match in _TOKEN.finditer(template):
        if match.start() > at:
            stack[-1].append(template[at : match.start()])
        at = match.end()
        mark = match[5]
        if mark is None:
            stack[-1].append((match[3], match[3] + match[4], bool(match[4]), bool(match[1]), bool(match[2])))
        elif mark == "[":
            alternatives: list[Any] = [[]]
            stack[-1].append(alternatives)
            stack.extend((alternatives, alternatives[0]))
        elif len(stack) == 1:
            stack[-1].append(mark)
        elif mark == "|":
            stack.pop()
            stack[-1].append([])
            stack.append(stack[-1][-1])
        else:
            del stack[-2:]
    stack[-1].append(template[at:])
    return stack[0]


def _write(rng: Random, nodes: list[Any], bound: Context, out: list[str]) -> None:
    for node in nodes:
        if type(node) is str:
            out.append(node)
        elif type(node) is list:
            _write(rng, node[int(rng.random() * len(node))], bound, out)
        else:
            pool, key, keep, upper, with_article = node
            value = bound.get(key)
            if value is None:
                value = draw(rng, pool)
                if keep:
                    bound[key] = value
            if with_article:
                value = article(value)
            out.append(capital(value) if upper else value)


def expand(rng: Random, template: str, bound: Context | None = None) -> str:
    """Write out a template; numbered slots are remembered in `bound`."""
    out: list[str] = []
    _write(rng, _parse(template), {} if bound is None else bound, out)
    return "".join(out)


def pick(rng: Random, templates: list[str] | tuple[str, ...], bound: Context | None = None) -> str:
    """Choose one template and write it out."""
    return expand(rng, templates[int(rng.random() * len(templates))], bound)
