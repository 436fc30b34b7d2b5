# ruff: noqa: E501  (one template a line)
"""Text to JSON with open keys: nothing but the instruction and the examples says what to write."""

from __future__ import annotations

import json
from random import Random

from models.pretrain.extraction import dumps
from models.pretrain.grammar import capital, expand, pick
from models.pretrain.noise import messy
from models.pretrain.open_fields import OpenField, Value, key, make_field, say
from models.pretrain.sample import Sample, one
from models.pretrain.shots import few_shot
from models.pretrain.vocabulary import VOCABULARY

_KIND = "extraction_open"
_HELLO = [
    "", "", "Hi!", "Hello,", "Good morning.", "Dear team,", "Hi there,", "Hey {first},", "Good evening.", "Hello {first}!",
    "It is me again.", "I hope you are well.", "Sorry for the late message.", "Just a short note.", "Dear Ms {surname},",
    "Hello from {town}!", "I tried to call.", "As we said on {weekday}:", "Thanks for your time on {weekday}.",
]  # fmt: skip
_CHAT = [
    "It is {adj} and {adj} here today.", "My {pet} kept me awake.", "We had {food} at {clock}.", "{first} sends regards.",
    "I was at the {venue} before.", "The old {w} code was {code}, forget it.", "That took {duration}.", "What a {weekday}!",
    "Please do not mix it up with the {w}.", "I paid {price} for lunch.", "{first} did not know either.",
    "We live at {address}.", "Do not use {code}, that is another case.", "I am {a:job}, by the way.",
    "The bus was {num} minutes late.", "I have no idea about the {w}.", "There was {weather} in {town}.",
    "Last year we had {num} visitors.", "Maybe {first} knows more.", "I will be back at {clock}.",
]  # fmt: skip
_BYE = [
    "",
    "",
    "Thanks!",
    "Best, {first}",
    "See you soon.",
    "Please confirm.",
    "Kind regards",
    "Bye for now.",
    "Thank you.",
]
_PAIRS = (
    ("Guest", "Clerk"), ("Visitor", "Desk"), ("Caller", "Agent"), ("Parent", "Teacher"), ("Patient", "Nurse"),
    ("A", "B"), ("Anna", "Ben"), ("Player", "Coach"), ("Reader", "Librarian"), ("Member", "Helper"), ("User", "Bot"),
)  # fmt: skip
_REPLY = [
    "I see.", "And then?", "Okay, anything else?", "Let me write that down.", "Go on, please.", "Sure.", "Right.",
    "Understood, thank you.", "Can you say more?", "How is the weather in {town}?", "Good to know.", "Hm, {first} said so.",
]  # fmt: skip


def make_fields(rng: Random) -> dict[str, OpenField]:
    """One to six fields under distinct keys of one style."""
    style = rng.choices(("snake", "camel", "kebab", "Title", "space"), (55, 20, 8, 10, 7))[0]
    fields: dict[str, OpenField] = {}
    for _ in range(rng.choice((1, 2, 3, 3, 4, 4, 5, 6))):
        field = make_field(rng)
        fields[key(field.words, style)] = field
    return fields


def make_message(rng: Random, fields: dict[str, OpenField]) -> tuple[str, dict[str, Value]]:
    """A message in free prose or a small talk, and the values it holds."""
    values: dict[str, Value] = {}
    parts: list[str] = []
    kinds = [field.kind for field in fields.values()]
    for name, field in fields.items():
        if rng.random() < 0.12 and len(fields) > 1:
            values[name] = None
            continue
        values[name], sentence = say(rng, field, kinds.count(field.kind) == 1)
        parts.append(capital(sentence))
    rng.shuffle(parts)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
        chat = expand(rng, rng.choice(_CHAT), {"w": rng.choice(VOCABULARY)})
        parts.insert(rng.randint(0, len(parts)), chat)
    parts = [part for part in (pick(rng, _HELLO), *parts, pick(rng, _BYE)) if part]
    shape = rng.random()
    if shape < 0.22:
        one_side, other = rng.choice(_PAIRS)
        lines = []
        for at, part in enumerate(parts):
            lines.append(f"{one_side}: {part}")
            if at < len(parts) - 1 and rng.random() < 0.7:
                lines.append(f"{other}: {pick(rng, _REPLY)}")
        return rng.choice(("\n", "\n", " ")).join(lines), values
    text = " ".join(parts)
    if shape < 0.3 and not any(isinstance(value, str) and not value.islower() for value in values.values()):
        text = messy(rng, text, 1.0)
    elif shape < 0.4:
        text = text.replace(". ", ", ")
    return text, values


_TYPES = {"count": "integer", "truth": "boolean"}


def _schema(fields: dict[str, OpenField]) -> str:
    types: dict[str, object] = {}
    for name, field in fields.items():
        kind = _TYPES.get(field.kind, "string")
        types[name] = {"enum": list(field.options)} if field.options else {"type": [kind, "null"]}
    return json.dumps({"type": "object", "properties": types, "required": list(fields)})


def describe(rng: Random, fields: dict[str, OpenField], style: str) -> str:
    """The instruction with the keys in order and the options of each choice."""
    names = list(fields)
    listed = ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 and rng.random() < 0.3 else ", ".join(names)
    missing = rng.choice((
        " Use null if something is missing.", " Write null for missing values.", " Unknown values become null.",
        f" Use null if {rng.choice(names)} is missing.", " If the text does not say it, use null.", "",
    ))  # fmt: skip
    if style == "fenced":
        missing += " Use a json code block."
    elif style == "pretty":
        missing += " Indent by two spaces."
    if rng.random() < 0.15:
        return rng.choice(("JSON schema:", "Fill this schema:", "Schema:")) + f" {_schema(fields)}{missing}"
    word = rng.choice(("message", "text", "note", "conversation", "mail"))
    order = rng.choice((
        f"Make JSON with the keys {listed} from the {word}.", f"Extract {listed} as JSON.", f"Keys: {listed}. Only JSON.",
        f"Read the {word} and return a JSON object with {listed}.", f"Fields: {listed}\nOutput one JSON object.",
        f"Turn the {word} into a JSON object with these keys: {listed}.", f"Find {listed} in the {word}. Answer in JSON.",
        f"Give me JSON like {json.dumps(dict.fromkeys(names, '...'))}.", f"Get {listed} out of the {word} below, as JSON.",
        f"Write the data as JSON. The keys, in this order: {listed}.",
    ))  # fmt: skip
    notes = []
    for name, field in fields.items():
        if field.options:
            options = rng.sample(field.options, len(field.options))
            between = rng.choice((", ", ", ", " | ", " / "))
            notes.append(rng.choice(("{n} is one of: {o}.", "{n}: one of {o}", "{n} must be {o}.", "{n} ({o})")))
            notes[-1] = notes[-1].replace("{n}", name).replace("{o}", between.join(options))
        elif field.kind in _TYPES and rng.random() < 0.5:
            short = "a number" if field.kind == "count" else "true or false"
            notes.append(f"{name} is {rng.choice((short, _TYPES[field.kind]))}.")
        elif field.kind == "code" and rng.random() < 0.3:
            notes.append(f"{name} looks like {rng.choice(('QT-48213', 'AB-123', 'KRX-5501'))}.")
    gap = rng.choice(("\n", " "))
    return order + missing + "".join(f"{gap}{note}" for note in notes)


_LAYOUTS = (
    ("Text: {x}\nJSON:", "\n\n"), ("Input: {x}\nOutput:", "\n\n"), ("Message: {x}\nJSON:", "\n\n"), ("{x}\n=>", "\n\n"),
    ("Message:\n{x}\nFields:", "\n\n"), ("Note: {x}\nObject:", "\n\n"), ("Conversation:\n{x}\nJSON:", "\n\n"),
    ("Q: {x}\nA:", "\n\n"), ("Mail: {x}\nData:", "\n---\n"), ("Text:\n{x}\n\nAnswer:", "\n\n"), ("{x}\nResult:", "\n\n"),
)  # fmt: skip


def make(rng: Random) -> Sample:
    """One extraction sample with open keys."""
    fields = make_fields(rng)
    style = rng.choices(("plain", "tight", "pretty", "fenced"), (78, 8, 8, 6))[0]
    shots = 0 if rng.random() < 0.58 else rng.choice((1, 2, 3, 3, 4, 5, 5))
    notes = [make_message(rng, fields) for _ in range(shots + 1)]
    pairs = [(text, dumps(values, style)) for text, values in notes]
    bare = shots > 0 and rng.random() < 0.4
    order = rng.choice(("", "", "Follow the examples.", "Text to JSON.")) if bare else describe(rng, fields, style)
    if not shots and rng.random() < 0.5:
        text, answer = pairs[-1]
        head = rng.choice(("", "Message: ", "Text: ", "Message:\n"))
        return one(_KIND, f"{order}\n\n{head}{text}" if rng.random() < 0.8 else f"{text}\n\n{order}", answer)
    return few_shot(rng, _KIND, order, pairs[:-1], pairs[-1], _LAYOUTS)
