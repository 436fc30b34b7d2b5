# ruff: noqa: E501  (one template a line)
"""Fields with open names for extraction: each draws its key, its value, and the clause that says it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from models.pretrain.grammar import capital, code, draw, expand, pick
from models.pretrain.vocabulary import HEADS, NOUNS, VOCABULARY
from models.pretrain.wordgroups import GROUPS
from models.pretrain.words import LETTERS

Value = str | int | bool | None
NUMBERS = (
    *(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
        ]
    ),
    *(["sixteen", "seventeen", "eighteen", "nineteen", "twenty"]),
)


@dataclass(frozen=True, slots=True)
class OpenField:
    """A field: its kind, the words of its key, its topic words, and its options when it is a choice."""

    kind: str
    words: tuple[str, ...]
    topic: str
    options: tuple[str, ...] = ()


_TAILS = {
    "code": [
        "code",
        "id",
        "number",
        "reference",
        "ref",
        "tag",
        "key",
        "serial",
        "ticket",
        "booking",
        "label",
        "token",
        "pass",
        "badge",
        "case",
        "file",
    ],
    "person": [
        "name",
        "owner",
        "contact",
        "guest",
        "teacher",
        "sender",
        "helper",
        "person",
        "caller",
        "member",
        "tenant",
        "driver",
        "author",
        "holder",
    ],
    "item": ["item", "object", "thing", "piece", "device", "tool", "product", "article", "kind", "type"],
    "count": ["count", "amount", "number", "total", "quantity", "size", "pieces", "units", "sum"],
    "place": ["place", "room", "town", "location", "spot", "area", "site", "where", "address"],
    "time": ["time", "date", "day", "when", "start", "end", "deadline", "slot"],
    "phrase": ["title", "note", "topic", "name", "phrase", "theme", "motto", "reason", "remark"],
    "truth": [
        "ok",
        "ready",
        "done",
        "included",
        "needed",
        "allowed",
        "paid",
        "open",
        "broken",
        "present",
        "urgent",
        "wanted",
        "confirmed",
    ],
    "choice": ["type", "kind", "category", "group", "topic", "area", "class", "level", "theme", "subject"],
}
_SAYS = {
    "code": [
        "the {k} is {v}.", "[my|our|the] {k}: {v}.", "you find it under {v}.", "{v} is [printed|written] on the {t}.",
        "it says {v} on the paper.", "I have the number {v} here.", "please look up {v}.", "({v})", "it is about {v}.",
        "the {t} has {v} on it.", "I wrote down {v} for the {k}.", "here is the {k}, {v}.", "[see|check] {v}, please.",
    ],
    "person": [
        "the {k} is {v}.", "{v} here.", "I am {v}.", "my name is {v}.", "please ask for {v}.", "{v} [told me|said] so.",
        "it belongs to {v}.", "{v} takes care of the {t}.", "I spoke to {v} about the {t}.", "{v} is the {k}.",
        "the {t} is for {v}.", "this is {v} [speaking|writing].", "for the {k} put {v}.",
    ],
    "item": [
        "it is about {a:v}.", "I am talking about the {v}.", "the {v} is what I mean.", "my {v} [is gone|does not work].",
        "we have {a:v} here.", "the {k} is {a:v}.", "there are {small} {v}s.", "both {v}s are [wet|old|here].",
        "I left {a:v} behind.", "can you look at the {v}?", "all our {v}s are [broken|new|too big].",
    ],
    "count": [
        "the {k} is {v}.", "there are {v} of [them|these].", "we need {v}.", "{v} {t}s, please.", "I counted {v}.",
        "make it {v}.", "it comes to {v}.", "we are {v} this time.", "{k}: {v}.", "I have {v} {t}s here.",
        "[only|exactly|at least] {v} {t}s are left.", "put me down for {v}.", "last time I saw {v} {t}s.",
    ],
    "place": [
        "it is in {v}.", "the {k} is {v}.", "you can find me in {v}.", "we meet in {v}.", "I [left|saw] it in {v}.",
        "come to {v}, please.", "the {t} stands in {v}.", "we are in {v} now.", "{k}: {v}.", "send someone to {v}.",
    ],
    "time": [
        "the {k} is {v}.", "it [happens|starts] {p} {v}.", "{P} {v}, if possible.", "I can come {p} {v}.", "{k}: {v}.",
        "it has been like this since {v}.", "we agreed on {v}.", "let us say {v}.", "the {t} is due {p} {v}.",
    ],
    "phrase": [
        'the {k} is "{v}".', 'it says "{v}".', "we call it {v}.", "the {k} reads {v}.", 'write "{v}" on the {t}.',
        "{k}: {v}.", "I would name it {v}.", "they gave it the {k} {v}.", "for the {k} take {v}.",
    ],
    "yes": [
        "the {t} is {d}.", "yes, {d}.", "the {t} is [really|already|now|surely] {d}.", "{k}: yes.", "{d} - that is true.",
        "of course the {t} is {d}.", "I can say that the {t} is {d}.", "it is true that the {t} is {d}.",
    ],
    "no": [
        "the {t} is not {d}.", "no, not {d}.", "the {t} is not {d} [yet|at all].", "{k}: no.", "it isn't {d}.",
        "nobody says that the {t} is {d}.", "the {t} was never {d}.", "by no means is the {t} {d}.",
    ],
    "choice": [
        "it is about {v}.", "this has to do with {v}.", "[something|a thing] with {v}.", "{v} is [what I mean|the point].",
        "I mean {v}.", "we talk about {v} here.", "the {k} is {v}.", "it concerns {v}.", "there is {v} involved.",
    ],
}  # fmt: skip
_PLACES = ["room {num}", "hall {small}", "the {room}", "{town}", "{street} Street", "the {venue}", "{address}"]
_PHRASES = [
    "{adj} {noun}",
    "{noun} and {noun}",
    "{adj} {noun} {noun}",
    "{title}",
    "{adj} {animal}",
    "{noun} of {brand}",
]


def make_field(rng: Random) -> OpenField:
    """A field with a key nobody has seen."""
    kind = rng.choices(tuple(_TAILS), (16, 12, 14, 16, 9, 7, 6, 10, 13))[0]
    topic, tail = rng.choice(VOCABULARY), rng.choice(_TAILS[kind])
    options: tuple[str, ...] = ()
    if kind == "choice":
        options = tuple(rng.sample(HEADS, rng.randint(2, 5)))
    shape = rng.random()
    if kind == "count" and shape < 0.35:
        words: tuple[str, ...] = (f"{topic}s",) if shape < 0.2 else ("number", "of", f"{topic}s")
    elif kind == "truth":
        words = (("is", tail), (topic, tail), (tail,))[int(shape * 3)]
    elif shape < 0.3:
        words = (tail,)
    elif shape < 0.75:
        words = (topic, tail)
    elif shape < 0.85:
        words = (topic,)
    else:
        words = (topic, rng.choice(VOCABULARY), tail)
    return OpenField(kind, words, topic, options)


def key(words: tuple[str, ...], style: str) -> str:
    """The key in a writing style."""
    if style == "camel":
        return words[0] + "".join(map(capital, words[1:]))
    if style == "Title":
        return " ".join(map(capital, words))
    return {"snake": "_", "kebab": "-", "space": " "}[style].join(words)


def _code(rng: Random) -> tuple[str, str]:
    """A code as the JSON shows it, and as the text writes it."""
    if rng.random() < 0.3:
        plain = code(rng)
        return plain, plain
    letters = "".join(rng.choices(LETTERS, k=rng.choice((2, 2, 2, 3, 3))))
    digits = "".join(rng.choices("0123456789", k=rng.choice((3, 4, 5, 5, 6))))
    neat = f"{letters}-{digits}"
    loose = (f"{letters} {digits}", neat.lower(), f"{letters.lower()} {digits}", letters.lower() + digits)
    return neat, rng.choice(loose) if rng.random() < 0.45 else neat


def _value(rng: Random, field: OpenField) -> tuple[Value, str]:
    """The value for the JSON and its words for the text."""
    kind = field.kind
    if kind == "code":
        return _code(rng)
    if kind == "count":
        number = rng.choice((rng.randint(1, 20), rng.randint(2, 20), rng.randint(2, 99), rng.randint(100, 4000)))
        return number, NUMBERS[number] if number <= 20 and rng.random() < 0.5 else str(number)
    if kind == "person":
        name = draw(rng, "first") if rng.random() < 0.4 else draw(rng, "person")
    elif kind == "item":
        name = rng.choice(NOUNS) if rng.random() < 0.6 else f"{draw(rng, 'color')} {rng.choice(NOUNS)}"
    elif kind == "place":
        name = pick(rng, _PLACES).removeprefix("the ")
        return name, f"the {name}" if name[0].islower() and not name[-1].isdigit() else name
    elif kind == "time":
        name = draw(rng, rng.choice(("weekday", "clock", "date", "month", "clock")))
    elif kind == "choice":
        name = rng.choice(field.options)
        return name, name if rng.random() < 0.3 else rng.choice(GROUPS[name])
    else:
        name = pick(rng, _PHRASES)
    return name, name


def say(rng: Random, field: OpenField, lonely: bool) -> tuple[Value, str]:
    """A new value and a sentence for it; only a lonely field may go without its key."""
    spoken = " ".join(field.words)
    bound = {"k": spoken, "t": field.topic}
    value: Value
    if field.kind == "truth":
        value = rng.random() < 0.5
        bound["d"] = field.words[-1]
        options = _SAYS["yes" if value else "no"]
    else:
        value, bound["v"] = _value(rng, field)
        clock = bound["v"][:1].isdigit() and (":" in bound["v"] or bound["v"].endswith("m"))
        dated = bound["v"].endswith("day") or " " in bound["v"]
        bound["p"] = "at" if clock else "on" if dated else "in"
        bound["P"] = capital(bound["p"])
        options = _SAYS[field.kind]
    if not lonely:
        named = [text for text in options if "{k}" in text]
        options = named or [text for text in options if "{t}" in text]
    sentence = expand(rng, rng.choice(options), bound)
    if "{v}" in sentence:
        sentence = sentence.replace("{v}", bound["v"])
    return value, sentence
