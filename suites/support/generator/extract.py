"""Messages to the desk and the ticket to fill in from them, a JSON object under `extract/schema.json`."""

import json
import random
from dataclasses import dataclass
from typing import Any

from generator import orders, talk, world

Lines = list[tuple[str, str]]  # who speaks, as a prefix of the line, and the words
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Ticket",
    "description": "What one message to the support desk of Brindlemoor asks for.",
    "type": "object",
    "properties": {
        "order_id": {
            "description": "The order that is meant, written BM-123456.", "type": "string",
            "pattern": "^BM-[0-9]{6}$",
        },
        "product": {
            "description": "The product's name in the singular, without its colour.", "type": "string",
            "minLength": 1,
        },
        "quantity": {
            "description": "How many pieces the trouble is about.", "type": "integer",
            "minimum": 1, "maximum": 99,
        },
        "issue": {"description": "The kind of trouble.", "enum": list(world.ISSUES)},
        "wanted": {"description": "What the customer asks for.", "enum": list(orders.WANTED)},
        "urgent": {"description": "True only if the customer says that it is.", "type": "boolean"},
        "city": {"description": "Where the customer lives now; null if not said.", "type": ["string",
        "null"]},
    },
    "required": ["order_id", "product", "quantity", "issue", "wanted", "urgent", "city"],
    "additionalProperties": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ticket:
    """The values to extract, in the order of the schema."""

    order_id: str
    product: str
    quantity: int
    issue: str
    wanted: str
    urgent: bool
    city: str | None

    def to_json(self) -> str:
        """One line, keys in the order of the schema."""
        fields = {name: getattr(self, name) for name in SCHEMA["required"]}
        return json.dumps(fields, separators=(", ", ": "), ensure_ascii=False)


def _written_id(order_id: str, rng: random.Random) -> str:
    """An order number as people type it."""
    digits = order_id.removeprefix("BM-")
    forms = ("BM-{a}{b}", "bm-{a}{b}", "BM {a}{b}", "BM{a}{b}", "bm {a}{b}", "BM-{a} {b}")
    form = rng.choices(forms, weights=(8, 2, 2, 2, 1, 1))[0]
    return form.format(a=digits[:3], b=digits[3:])


def _number(n: int, rng: random.Random) -> str:
    """A figure or a number word."""
    return str(n) if rng.random() < 0.4 else orders.NUMBER_WORDS[n]


def _capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[0].upper() + text[1:]


def _trouble(rng: random.Random, split: str) -> tuple[world.Product, str, int, str]:
    """A product, the issue, how many pieces, and a sentence that says so."""
    product = world.draw_product(rng, split)
    if rng.random() < 0.55:
        problem = world.draw_problem(rng, product, split)
        colour = rng.choice(world.COLOURS) + " " if rng.random() < 0.2 else ""
        return product, problem.issue, 1, world.tilt(problem.said, split, rng).format(p=colour + product.name)
    issue = rng.choice(world.ISSUES)
    quantity = rng.choices(range(2, 10), weights=(8, 6, 5, 3, 2, 1, 1, 1))[0]
    said = world.tilt(orders.SEVERAL[issue], split, rng).format(n=_number(quantity, rng), ps=product.plural)
    if issue in ("damaged", "faulty", "incomplete", "wrong_item") and "of the" in said:
        total = orders.TOTALS[rng.randrange(3)].format(n=_number(rng.randint(quantity + 1, 10), rng))
        said = f"{said} {total}" if rng.random() < 0.6 else f"{total} {_capital(said)}"
    return product, issue, quantity, _capital(said)


def _distractor(rng: random.Random, product: world.Product) -> str:
    """A sentence about another order or another product."""
    other = rng.choice([p for p in world.PRODUCTS if p != product])
    words = rng.choice(orders.DISTRACTORS).replace("a {other}", other.article + " {other}")
    return words.format(other=other.name, others=other.plural, id2=world.draw_order_id(rng))


def _id_sentence(rng: random.Random, order_id: str, corrected: bool) -> str:
    """The sentence with the order number, perhaps after a wrong one."""
    forms = orders.CORRECT_ID if corrected else orders.GIVE_ID
    return rng.choice(forms).format(id=_written_id(order_id, rng), id2=world.draw_order_id(rng))


def _city_sentence(rng: random.Random, city: str) -> str:
    """Where the customer lives, sometimes with the former city."""
    forms = orders.MOVED_CITY if rng.random() < 0.2 else orders.HOME_CITY
    return rng.choice(forms).format(city=city, city2=rng.choice([c for c in world.CITIES if c != city]))


def _wish(rng: random.Random, wanted: str, several: bool) -> str:
    """What the customer asks for, in the right number."""
    text = rng.choice(orders.WISHES[wanted])
    if several:
        for one, many in orders.PLURALS:
            text = text.replace(one, many)
    return text


def _draw(rng: random.Random, split: str) -> tuple[Ticket, dict[str, str], list[str]]:
    """The ticket, the sentences that state it by field, and tags."""
    product, issue, quantity, said = _trouble(rng, split)
    wanted = rng.choice(orders.POSSIBLE[issue])
    urgent = rng.random() < 0.4
    city = world.tilt(world.CITIES, split, rng) if rng.random() < 0.6 else None
    ticket = Ticket(world.draw_order_id(rng), product.name, quantity, issue, wanted, urgent, city)
    corrected = rng.random() < 0.12
    parts = {
        "said": said, "id": _id_sentence(rng, ticket.order_id, corrected),
        "wish": _wish(rng, wanted, quantity > 1),
        "urgent": rng.choice(orders.URGENT) if urgent else "",
        "city": _city_sentence(rng, city) if city else "",
    }  # fmt: skip
    if not urgent and rng.random() < 0.45:
        parts["urgent"] = rng.choice(orders.NOT_URGENT)
    mood, phrase = world.draw_mood(rng)
    if mood not in ("hurried", "calm") and rng.random() < 0.35:
        parts["mood"] = phrase
    if quantity == 1 and rng.random() < 0.4:
        parts["detail"] = rng.choice(talk.DETAILS[issue])
    distracted = rng.random() < 0.45
    if distracted:
        parts["distractor"] = _distractor(rng, product)
    tags = [product.category, issue, f"wanted-{wanted}"] + ["urgent"] * urgent + ["several"] * (quantity > 1)
    tags += ["distractor"] * (distracted or corrected)
    return ticket, {name: text for name, text in parts.items() if text}, tags


def _introduction(rng: random.Random, split: str) -> list[str]:
    """A greeting and a name, or one of them, or neither."""
    first, last = world.draw_name(rng, split)
    parts = [rng.choice(talk.GREETINGS)] if rng.random() < 0.6 else []
    return parts + [rng.choice(talk.INTRODUCTIONS).format(first=first, last=last)] * (rng.random() < 0.4)


def _message(rng: random.Random, split: str, parts: dict[str, str]) -> Lines:
    """All sentences in one message, the trouble and its details in order, the rest in any order."""
    first = [parts["said"]] + [parts[name] for name in ("detail",) if name in parts]
    rest = [text for name, text in parts.items() if name not in ("said", "detail", "wish")]
    rng.shuffle(rest)
    at = rng.choice((0, 0, 0, 1))
    body = rest[:at] + first + rest[at:]
    body.insert(rng.randint(at + len(first), len(body)), parts["wish"])
    return [("", " ".join(_introduction(rng, split) + body))]


def _chat(rng: random.Random, split: str, parts: dict[str, str]) -> Lines:
    """The same as a short chat in which the agent asks for one field after the other."""
    asked = [("id", orders.ASK_ID), ("wish", orders.ASK_WISH), ("city", orders.ASK_CITY)]
    asked = [a for a in asked if a[0] in parts]
    rng.shuffle(asked)
    asked = asked[: rng.randint(1, 2)]
    later = {name for name, _ in asked}
    extra = [text for name, text in parts.items() if name not in later | {"said", "detail"}]
    rng.shuffle(extra)
    cut = rng.randint(0, len(extra))
    opening = [parts["said"]] + [parts[n] for n in ("detail",) if n in parts] + extra[:cut]
    turns = [" ".join(_introduction(rng, split) + opening)]
    agent_lines = [rng.choice(questions) for _, questions in asked]
    turns += [parts[name] for name, _ in asked]
    turns[-1] = " ".join([turns[-1], *extra[cut:]])
    lines = [("Customer: ", turns[0])]
    for question, answer in zip(agent_lines, turns[1:], strict=True):
        sorry = rng.choice(talk.SYMPATHY) + " " if rng.random() < 0.4 else ""
        lines += [("Agent: ", sorry + question), ("Customer: ", answer)]
    return lines


def rows(split: str, rng: random.Random, n: int) -> list[dict[str, Any]]:
    """Draw `n` rows of one split, 25 to 95 words each; ids are given when the split is written."""
    found: list[dict[str, Any]] = []
    while len(found) < n:
        ticket, parts, tags = _draw(rng, split)
        noises = world.draw_noises(rng)
        chat = rng.random() < 0.35
        clean = (_chat if chat else _message)(rng, split, parts)
        typed = [(who, t if who == "Agent: " else world.add_noise(t, rng, noises)) for who, t in clean]
        text = "\n".join(who + t for who, t in typed)
        if not 25 <= len(text.split()) <= 95:
            continue
        tags += ["chat"] * chat + ["noisy"] * (typed != clean)
        found.append({"inputs": {"message": text}, "references": [ticket.to_json()], "tags": tags})
    return found


def files() -> dict[str, str]:
    """Other files of the task: path below the suite -> text."""
    return {"extract/schema.json": json.dumps(SCHEMA, indent=2) + "\n"}
