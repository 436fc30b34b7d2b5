"""String transforms, lookups in tables, and recall of lists."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from models.pretrain.grammar import capital, draw, expand, pick
from models.pretrain.sample import Sample, one
from models.pretrain.shots import Pair, few_shot


def _count_word(text: str) -> str:
    return str(len(text.split()))


_TRANSFORMS: tuple[tuple[tuple[str, ...], Callable[[str], str]], ...] = (
    (("Repeat the text.", "Copy the line exactly.", "Say it again.", "Echo."), str),
    (("Write it in capital letters.", "Make it upper case.", "SHOUT IT."), str.upper),
    (("Write it in small letters.", "Make it lower case."), str.lower),
    (
        ("Reverse the order of the words.", "Say the words backwards, last word first."),
        lambda text: " ".join(text.split()[::-1]),
    ),
    (("Give the first word.", "What is the first word?"), lambda text: text.split()[0]),
    (("Give the last word.", "What is the last word?"), lambda text: text.split()[-1]),
    (("Count the words.", "How many words are there?"), _count_word),
    (
        ("Write the words with commas between them.", "Make a comma list."),
        lambda text: ", ".join(text.split()),
    ),
    (("Join the words with hyphens.", "Put hyphens between the words."), lambda text: "-".join(text.split())),
    (
        ("Join the words with underscores.", "Write it in snake case."),
        lambda text: "_".join(text.lower().split()),
    ),
    (("Put it in quotation marks.", "Quote it."), lambda text: f'"{text}"'),
    (("Say it twice.", "Write it two times."), lambda text: f"{text} {text}"),
    (("Start every word with a capital letter.", "Use title case."), str.title),
    (("Drop the first word.", "Leave out the first word."), lambda text: " ".join(text.split()[1:])),
    (
        ("Give the first letter of every word.", "Make the initials."),
        lambda text: "".join(word[0].upper() for word in text.split()),
    ),
    (("Put brackets around it.", "Write it in brackets."), lambda text: f"[{text}]"),
    (
        ("Sort the words by the alphabet.", "Alphabetical order, please."),
        lambda text: " ".join(sorted(text.split())),
    ),
)


def _line(rng: Random) -> str:
    return pick(
        rng,
        (
            "{noun} {verb} {adj}",
            "{color} {object}",
            "{first} {town} {noun}",
            "{adj} {animal} {verb} {noun}",
            "{coined} {coined}",
            "{code} {first}",
            "{noun} {noun} {noun} {noun} {noun}",
            "the {adj} {noun} and the {adj} {noun}",
            "{person}",
            "{first} has {a:pet}",
            "{weekday} {clock}",
            "{coined} {num} {coined} {num}",
            "{brand} {code} {town}",
        ),
    )


def transform(rng: Random) -> Sample:
    """A string transform, told, shown, or both."""
    orders, change = rng.choice(_TRANSFORMS)
    shots = [(line, change(line)) for line in (_line(rng) for _ in range(rng.choice((0, 0, 1, 2, 3, 4, 5))))]
    text = _line(rng)
    order = "" if len(shots) > 1 and rng.random() < 0.5 else rng.choice(orders)
    return few_shot(rng, "patterns", order, shots, (text, change(text)))


_TABLES = (
    ("{first}", "{price}", "How much does {k} owe?"),
    ("{first}", "{phone}", "What is the phone number of {k}?"),
    ("{town}", "{degrees}", "How warm is it in {k}?"),
    ("{object}", "{price}", "What is the price of the {k}?"),
    ("{code}", "{person}", "Who has {k}?"),
    ("{person}", "{code}", "What is the code of {k}?"),
    ("{coined}", "{noun}", "What does {k} mean?"),
    ("{noun}", "{coined}", "How do you say {k}?"),
    ("{weekday}", "{food}", "What is there to eat on {k}?"),
    ("{first}", "{town}", "Where does {k} live?"),
    ("{roomno}", "{person}", "Who is in {k}?"),
    ("{team}", "{num}", "How many points do the {k} have?"),
    ("{brand}", "{year}", "In which year was {k} founded?"),
    ("{clock}", "{hobby}", "What happens at {k}?"),
)


_FORMS = (
    "{k}: {v}",
    "{k} = {v}",
    "| {k} | {v} |",
    "{k}, {v}",
    "{k} -> {v}",
    "- {k}: {v}",
    "{k}\t{v}",
    "{k} is {v}",
)


def lookup(rng: Random) -> Sample:
    """A table of pairs, of which one is asked for."""
    left, right, question = rng.choice(_TABLES)
    keys = list({expand(rng, left): None for _ in range(rng.randint(2, 12))})
    rows = {key: expand(rng, right) for key in keys}
    form = rng.choice(_FORMS)
    table = rng.choice(("\n", "\n", "; " if "|" not in form else "\n")).join(
        form.format(k=key, v=value) for key, value in rows.items()
    )
    order = rng.choice(("Look it up in the table.", "Use the list.", "", "Here is a list:", "Table:", "Remember this:"))
    asked = rng.sample(keys, min(len(keys), rng.choice((1, 1, 2, 3))))
    head = f"{order}\n{table}" if order else table
    style = rng.random()
    if style < 0.4:
        turns = [(capital(question.format(k=key)), rows[key]) for key in asked]
        return Sample("patterns", ((f"{head}\n\n{turns[0][0]}", turns[0][1]), *turns[1:]))
    if style < 0.6:
        pairs = [(capital(question.format(k=key)), rows[key]) for key in asked]
        return few_shot(
            rng,
            "patterns",
            head,
            pairs[:-1],
            pairs[-1],
            (("Q: {x}\nA:", "\n"), ("Question: {x}\nAnswer:", "\n")),
        )
    start, _, end = form.replace("{v}", "\0").format(k=asked[0]).partition("\0")
    return one("patterns", f"{head}\n\n{start.rstrip()}", rows[asked[0]] + end, cue=True)


_RECALLED = (
    "first",
    "town",
    "coined",
    "num",
    "noun",
    "code",
    "color",
    "animal",
    "brand",
    "object",
    "price",
    "food",
    "person",
)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


def recall(rng: Random) -> Sample:
    """A list is read out and asked for again: whole, by position, or by what follows an item."""
    pool = rng.choice(_RECALLED)
    items = list({draw(rng, pool): None for _ in range(rng.randint(3, 9))})
    at = rng.randrange(len(items) - 1) if len(items) > 1 else 0
    listed = rng.choice((", ", "\n", " ")) if pool not in ("food", "price", "person", "color") else ", "
    text = listed.join(items)
    choices: list[Pair] = [
        ("Repeat the list.", text),
        (f"What is the {_ORDINALS[at]} one?", items[at]),
        ("What is the last one?", items[-1]),
        ("How many are there?", str(len(items))),
        ("What is the first one?", items[0]),
    ]
    if len(items) > 1:
        choices.append((f"What comes right after {items[at]}?", items[at + 1]))
    question, answer = rng.choice(choices)
    if rng.random() < 0.25:
        turns = rng.sample(choices, 2)
        return Sample("patterns", ((f"{text}\n{turns[0][0]}", turns[0][1]), turns[1]))
    return one(
        "patterns",
        f"{rng.choice(('List:', 'Remember:', 'Here are some items:', 'Items:'))} {text}\n{question}",
        answer,
    )
