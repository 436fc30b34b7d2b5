"""Task `route`: send a customer's message to one of eight desks."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from generator.noise import add_noise, draw_noises
from generator.policies import upper_first
from generator.route_mentions import IN_PASSING, MENTIONS, NEUTRAL
from generator.route_texts import REQUESTS, SITUATIONS
from generator.world import (
    CITIES,
    COLOURS,
    COURIERS,
    PROBLEMS,
    PRODUCTS,
    WEEKDAYS,
    draw_mood,
    draw_name,
    draw_order_id,
    draw_product,
    problems_for,
    tilt,
)

LABELS = tuple(SITUATIONS)
WEIGHTS = {"delivery": 1.25, "refund": 1.15, "product question": 1.1, "invoice": 0.85, "account": 0.9}
MIN_WORDS, MAX_WORDS = 8, 45
P_MENTION, P_ORDER, P_MOOD = 0.4, 0.25, 0.25
P_PROBLEM, P_NEUTRAL, P_ALONE, P_TURNED, P_KEPT = 0.3, 0.12, 0.4, 0.12, 0.08
OPENERS = (
    "", "", "", "", "", "", "Hello,", "Hi,", "Hi team,", "Good morning,", "Hey there,",
    "Dear Brindlemoor team,",
    "Hello, my name is {me}.", "{me} here.", "I wrote to you {ago} already.", "Me again.", "Second try.",
    "A quick one.", "I hope this lands with the right person.", "Greetings from {city}.", "Help!",
    "So here is the thing.",
)  # fmt: skip
CLOSERS = (
    "", "", "", "", "", "", "", "", "Thanks, {me}", "Thank you.", "Best, {me}", "Please write back.",
    "Regards, {me}", "You can call me after {hour}.", "Thanks a lot.", "I am counting on you.",
)  # fmt: skip
ORDERS = (
    "My order number is {oid}.", "Order {oid}.", "It is about {oid}.", "See order {oid}.",
    "The number is {oid}.",
    "On my screen it says {oid}.",
)  # fmt: skip
PROBLEM_ISSUES = {
    "refund": ("damaged", "faulty", "incomplete", "not_needed", "overcharged"),
    "delivery": ("late",),
    "exchange": ("damaged", "faulty", "wrong_item"),
    "warranty": ("faulty",),
}


def _slots(split: str, rng: random.Random) -> dict[str, str]:
    product, other = draw_product(rng, split), draw_product(rng, split)
    while other == product:
        other = draw_product(rng, split)
    kinds = {"e": "e", "b": "b", "l": "l", "f": "f", "h": "h", "m": "m", "asm": "a"}
    special = {slot: tilt([p for p in PRODUCTS if trait in p.traits], split, rng).name for slot, trait in kinds.items()}
    first, last = draw_name(rng, split)
    me = draw_name(rng, split)
    colours = rng.sample(COLOURS, 2)
    ago = ("last week", "two days ago", "on Monday", "ten days ago", "yesterday", "a month ago", "three weeks ago")
    return special | {
        "p": product.name, "p_s": product.plural, "p2": other.name,
        "name": rng.choice((first, f"{first} {last}")),
        "name2": " ".join(draw_name(rng, split)), "me": rng.choice((me[0], " ".join(me))),
        "city": rng.choice(CITIES), "colour": colours[0], "colour2": colours[1], "day": rng.choice(WEEKDAYS),
        "n": str(rng.choice((4, 5, 6, 7, 8, 9, 11, 12, 14))), "oid": draw_order_id(rng),
        "courier": rng.choice(COURIERS),
        "ago": rng.choice(ago), "hour": rng.choice(("noon", "five", "nine in the morning", "three")),
    }  # fmt: skip


def _owns(split: str, number: int) -> bool:
    """Texts are numbered and divided between the splits, so that no held-out message repeats a train one."""
    wanted = {"heldout": (0, 1), "dev": (2,)}.get(split, (3, 4, 5, 6, 7))
    return number % 8 in wanted


def _problem(label: str, split: str, rng: random.Random) -> tuple[int, str]:
    """A number and a sentence on what is wrong with some product; it does not say what the customer wants."""
    product = draw_product(rng, split)
    fitting = [p for p in problems_for(product) if p.issue in PROBLEM_ISSUES[label]]
    if not fitting:
        return _problem(label, split, rng)
    problem = rng.choice(fitting)
    said = rng.choice(problem.said)
    return PROBLEMS.index(problem) + problem.said.index(said), said.format(p=product.name)


def _situation(label: str, split: str, rng: random.Random) -> int:
    """The number of a situation; one in eight is for held-out messages only."""
    numbers = range(len(SITUATIONS[label]))
    kept = [i for i in numbers if i % 8 == 0]
    if split == "heldout":
        return rng.choice(kept if rng.random() < P_KEPT else numbers)
    return rng.choice([i for i in numbers if i not in kept])


def _core(label: str, split: str, slots: Mapping[str, str], rng: random.Random) -> list[str]:
    """The sentences that carry the intent: a situation, a request, or both."""
    requests = REQUESTS[label]
    while True:
        i, j = _situation(label, split, rng), rng.randrange(len(requests))
        situation, request = SITUATIONS[label][i], requests[j].format_map(slots)
        text = situation.removeprefix("*").format_map(slots)
        if label in PROBLEM_ISSUES and rng.random() < P_PROBLEM:
            i, text = _problem(label, split, rng)
        elif label not in ("account", "product question") and rng.random() < P_NEUTRAL:
            i = rng.randrange(len(NEUTRAL))
            text = NEUTRAL[i].format_map(slots)
        elif situation.startswith("*") and rng.random() < P_ALONE:
            if _owns(split, i * 3 + 1):
                return [text]
            continue
        if _owns(split, i * 3 + j):
            turned = label != "product question" and rng.random() < P_TURNED
            return [request, text] if turned else [text, request]


def _message(label: str, split: str, rng: random.Random) -> tuple[str, bool]:
    """One message, and whether it mentions an intent it does not mean."""
    slots = _slots(split, rng)
    parts = _core(label, split, slots, rng)
    mentions = rng.random() < P_MENTION
    if mentions:
        mention = rng.choice(MENTIONS[rng.choice(IN_PASSING[label])]).format_map(slots)
        parts.insert(rng.randint(0, len(parts)), mention)
    if label not in ("account", "product question") and rng.random() < P_ORDER:
        parts.insert(rng.randint(0, len(parts)), rng.choice(ORDERS).format_map(slots))
    if label != "product question" and rng.random() < P_MOOD:
        parts.append(draw_mood(rng)[1])
    ends = rng.choice(OPENERS).format_map(slots), rng.choice(CLOSERS).format_map(slots)
    text = " ".join(part for part in (ends[0], *map(upper_first, parts), ends[1]) if part)
    return add_noise(text, rng, draw_noises(rng, 0.35)), mentions


def _labels(rng: random.Random, n: int) -> list[str]:
    """`n` labels, roughly but not exactly balanced."""
    weights = [WEIGHTS.get(label, 1.0) for label in LABELS]
    return rng.choices(LABELS, weights=weights, k=n)


def rows(split: str, rng: random.Random, n: int) -> list[dict[str, Any]]:
    """`n` messages of one split."""
    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    for label in _labels(rng, n):
        message, mentions = _message(label, split, rng)
        while message.lower() in seen or not MIN_WORDS <= len(message.split()) <= MAX_WORDS:
            message, mentions = _message(label, split, rng)
        seen.add(message.lower())
        found.append(
            {
                "id": f"route-{split}-{len(found) + 1:04d}",
                "inputs": {"message": message},
                "references": [label],
                "label": label,
                "cluster": None,
                "tags": ["two topics"] if mentions else ["one topic"],
            }
        )
    return found
