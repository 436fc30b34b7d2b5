"""Few-shot patterns: classification, string transforms, lookups and recall."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from models.pretrain.grammar import POOLS, capital, coined, draw, expand, pick
from models.pretrain.labelsets import LABEL_SETS
from models.pretrain.sample import Sample, one

Pair = tuple[str, str]

_LAYOUTS = (
    ("Text: {x}\nLabel:", "\n\n"), ("Input: {x}\nOutput:", "\n\n"), ("Message: {x}\nCategory:", "\n\n"), ("{x} ->", "\n"),
    ("{x} =>", "\n"), ("Sentence: {x}\nClass:", "\n"), ("\"{x}\" is", "\n"), ("Q: {x}\nA:", "\n"), ("{x}\nTag:", "\n\n"),
    ("[{x}] :", "\n"), ("In: {x}\nOut:", "\n"), ("Example: {x}\nResult:", "\n\n"), ("Item: {x}\nType:", "\n\n"),
    ("Note: {x}\nTopic:", "\n\n"), ("x = {x}\ny =", "\n"), ("Line: {x}\nAnswer:", "\n\n"), ("Message: {x}\nIntent:", "\n\n"),
    ("- {x} |", "\n"), ("Utterance: {x}\nLabel:", "\n"), ("Request: {x}\nGroup:", "\n\n"), ("Text:\n{x}\n\nLabel:", "\n\n###\n\n"),
)
_CHOOSE = ("Choose one of: {l}.", "Labels: {l}", "Possible labels: {l}.", "Pick the best label from this list: {l}.",
           "The label must be one of {l}.", "Answer with exactly one of: {l}.", "Options: {l}", "Categories: {l}.",
           "Classify the text as one of: {l}.", "Sort the message into one of these groups: {l}.", "Reply only with a label. Labels: {l}")
_BARE = ("Give the label.", "Classify.", "Follow the examples.", "Continue the pattern.", "", "", "Assign each text to its class.",
         "Look at the examples and label the last one.", "Do the same for the last line.", "Complete the list.")


def few_shot(rng: Random, kind: str, order: str, shots: list[Pair], last: Pair, layouts: tuple[Pair, ...] = _LAYOUTS) -> Sample:
    """One content with all shots that ends with the cue; sometimes the shots become turns, or the cue is left out."""
    layout, gap = rng.choice(layouts)
    if shots and rng.random() < 0.15:
        first = f"{order}\n" if order else ""
        turns = [(shot, answer) for shot, answer in [*shots, last]]
        return Sample(kind, ((first + turns[0][0], turns[0][1]), *turns[1:]))
    if not shots and order and rng.random() < 0.35:
        return one(kind, f"{order}\n\n{last[0]}" if rng.random() < 0.7 else f"{last[0]}\n\n{order}", last[1])
    blocks = [f"{layout.replace('{x}', text)} {answer}" for text, answer in shots]
    blocks.append(layout.replace("{x}", last[0]))
    head = f"{order}{rng.choice((chr(10), chr(10) * 2))}" if order else ""
    return one(kind, head + gap.join(blocks), last[1], cue=True)


def _styled(rng: Random, labels: list[str]) -> dict[str, str]:
    """Names under which labels are shown: as they are, another case, or words without meaning."""
    style = rng.random()
    if style < 0.5:
        return {label: label.replace("_", " ") if style < 0.1 else label for label in labels}
    if style < 0.72:
        change: Callable[[str], str] = rng.choice((str.upper, capital, str.title, lambda text: text.replace("_", "-"),
                                                   lambda text: f"<{text}>", lambda text: f"label_{text}"))
        return {label: change(label) for label in labels}
    if style < 0.8:
        return dict(zip(labels, "ABCDEFGHIJ" if rng.random() < 0.5 else "123456789X", strict=False))
    names: set[str] = set()
    while len(names) < len(labels):
        names.add(coined(rng) if style < 0.9 else rng.choice(POOLS["noun"]))
    return dict(zip(labels, rng.sample(sorted(names), len(labels)), strict=True))


def _listed(rng: Random, names: list[str]) -> str:
    shape = rng.random()
    if shape < 0.7:
        return ", ".join(names)
    if shape < 0.8:
        return " | ".join(names)
    return ", ".join(names[:-1]) + " or " + names[-1]


def classification(rng: Random) -> Sample:
    """Texts with labels from one set; the labels are explained by a list, by examples, or by both."""
    chosen = rng.choice(LABEL_SETS)
    size = rng.randint(2, min(10, len(chosen.classes)))
    labels = rng.sample(sorted(chosen.classes), size)
    names = _styled(rng, labels)
    meaningful = all(label.split("_")[0].lower() in names[label].lower() for label in labels)
    count = rng.choice((0, 0, 1, 2, 3, 4, 5, 6, 8)) if meaningful else rng.randint(max(2, size), max(8, size))
    order = [label for _ in range(count // size + 1) for label in rng.sample(labels, size)][:count]
    shots = [(pick(rng, chosen.classes[label]), names[label]) for label in order]
    target = rng.choice(labels) if meaningful else rng.choice(order)
    last = (pick(rng, chosen.classes[target]), names[target])
    listed = _listed(rng, list(names.values()))
    instruction = rng.choice(_BARE) if shots and rng.random() < 0.45 else rng.choice(_CHOOSE).replace("{l}", listed)
    if rng.random() < 0.35:
        instruction = f"{chosen.question} {instruction}".strip()
    return few_shot(rng, "patterns", instruction, shots, last)


def defined(rng: Random) -> Sample:
    """Labels without meaning that the instruction defines by a known class."""
    chosen = rng.choice(LABEL_SETS)
    labels = rng.sample(sorted(chosen.classes), min(len(chosen.classes), rng.randint(2, 4)))
    names = {label: coined(rng) for label in labels}
    form = rng.choice(("{n}: {l}", "Use \"{n}\" for {l}.", "{n} = {l}", "Say {n} if it is {l}.", "{l} -> {n}"))
    rules = rng.choice(("\n", " ", "; ")).join(form.format(n=names[label], l=label.replace("_", " ")) for label in labels)
    target = rng.choice(labels)
    return few_shot(rng, "patterns", f"{chosen.question}\n{rules}", [], (pick(rng, chosen.classes[target]), names[target]))


def _count_word(text: str) -> str:
    return str(len(text.split()))


_TRANSFORMS: tuple[tuple[tuple[str, ...], Callable[[str], str]], ...] = (
    (("Repeat the text.", "Copy the line exactly.", "Say it again.", "Echo."), str),
    (("Write it in capital letters.", "Make it upper case.", "SHOUT IT."), str.upper),
    (("Write it in small letters.", "Make it lower case."), str.lower),
    (("Reverse the order of the words.", "Say the words backwards, last word first."), lambda text: " ".join(text.split()[::-1])),
    (("Give the first word.", "What is the first word?"), lambda text: text.split()[0]),
    (("Give the last word.", "What is the last word?"), lambda text: text.split()[-1]),
    (("Count the words.", "How many words are there?"), _count_word),
    (("Write the words with commas between them.", "Make a comma list."), lambda text: ", ".join(text.split())),
    (("Join the words with hyphens.", "Put hyphens between the words."), lambda text: "-".join(text.split())),
    (("Join the words with underscores.", "Write it in snake case."), lambda text: "_".join(text.lower().split())),
    (("Put it in quotation marks.", "Quote it."), lambda text: f'"{text}"'),
    (("Say it twice.", "Write it two times."), lambda text: f"{text} {text}"),
    (("Start every word with a capital letter.", "Use title case."), str.title),
    (("Drop the first word.", "Leave out the first word."), lambda text: " ".join(text.split()[1:])),
    (("Give the first letter of every word.", "Make the initials."), lambda text: "".join(word[0].upper() for word in text.split())),
    (("Put brackets around it.", "Write it in brackets."), lambda text: f"[{text}]"),
    (("Sort the words by the alphabet.", "Alphabetical order, please."), lambda text: " ".join(sorted(text.split()))),
)


def _line(rng: Random) -> str:
    return pick(rng, ("{noun} {verb} {adj}", "{color} {object}", "{first} {town} {noun}", "{adj} {animal} {verb} {noun}", "{coined} {coined}",
                      "{code} {first}", "{noun} {noun} {noun} {noun} {noun}", "the {adj} {noun} and the {adj} {noun}", "{person}",
                      "{first} has a {pet}", "{weekday} {clock}", "{coined} {num} {coined} {num}", "{brand} {code} {town}"))


def transform(rng: Random) -> Sample:
    """A string transform, told, shown, or both."""
    orders, change = rng.choice(_TRANSFORMS)
    shots = [(line, change(line)) for line in (_line(rng) for _ in range(rng.choice((0, 0, 1, 2, 3, 4, 5))))]
    text = _line(rng)
    order = "" if len(shots) > 1 and rng.random() < 0.5 else rng.choice(orders)
    return few_shot(rng, "patterns", order, shots, (text, change(text)))


_TABLES = (("{first}", "{price}", "{k} owes", "How much does {k} owe?"), ("{first}", "{phone}", "phone of {k}", "What is the phone number of {k}?"),
           ("{town}", "{degrees}", "{k}", "How warm is it in {k}?"), ("{object}", "{price}", "{k}", "What is the price of the {k}?"),
           ("{code}", "{person}", "{k}", "Who has {k}?"), ("{person}", "{code}", "{k}", "What is the code of {k}?"),
           ("{coined}", "{noun}", "{k}", "What does {k} mean?"), ("{noun}", "{coined}", "{k}", "How do you say {k}?"),
           ("{weekday}", "{food}", "{k}", "What is there to eat on {k}?"), ("{first}", "{town}", "{k}", "Where does {k} live?"),
           ("{roomno}", "{person}", "{k}", "Who is in {k}?"), ("{team}", "{num}", "{k}", "How many points do the {k} have?"),
           ("{brand}", "{year}", "{k}", "In which year was {k} founded?"), ("{clock}", "{hobby}", "{k}", "What happens at {k}?"))


def lookup(rng: Random) -> Sample:
    """A table of pairs, of which one is asked for."""
    left, right, _, question = rng.choice(_TABLES)
    keys = list({expand(rng, left): None for _ in range(rng.randint(2, 12))})
    rows = {key: expand(rng, right) for key in keys}
    form = rng.choice(("{k}: {v}", "{k} = {v}", "| {k} | {v} |", "{k}, {v}", "{k} -> {v}", "- {k}: {v}", "{k}\t{v}", "{k} is {v}"))
    table = rng.choice(("\n", "\n", "; " if "|" not in form else "\n")).join(form.format(k=key, v=value) for key, value in rows.items())
    order = rng.choice(("Look it up in the table.", "Use the list.", "", "Here is a list:", "Table:", "Remember this:"))
    asked = rng.sample(keys, min(len(keys), rng.choice((1, 1, 2, 3))))
    head = f"{order}\n{table}" if order else table
    style = rng.random()
    if style < 0.4:
        turns = [(capital(question.format(k=key)), rows[key]) for key in asked]
        return Sample("patterns", ((f"{head}\n\n{turns[0][0]}", turns[0][1]), *turns[1:]))
    if style < 0.6:
        pairs = [(capital(question.format(k=key)), rows[key]) for key in asked]
        return few_shot(rng, "patterns", head, pairs[:-1], pairs[-1], (("Q: {x}\nA:", "\n"), ("Question: {x}\nAnswer:", "\n")))
    start, _, end = form.replace("{v}", "\0").format(k=asked[0]).partition("\0")
    return one("patterns", f"{head}\n\n{start.rstrip()}", rows[asked[0]] + end, cue=True)


def recall(rng: Random) -> Sample:
    """A list is read out and asked for again: whole, by position, or by what follows an item."""
    pool = rng.choice(("first", "town", "coined", "num", "noun", "code", "color", "animal", "brand", "object", "price", "food", "person"))
    items = list({draw(rng, pool): None for _ in range(rng.randint(3, 9))})
    at = rng.randrange(len(items) - 1) if len(items) > 1 else 0
    ordinal = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
    listed = rng.choice((", ", "\n", " ")) if pool not in ("food", "price", "person", "color") else ", "
    text = listed.join(items)
    choices: list[Pair] = [("Repeat the list.", text), (f"What is the {ordinal[at]} one?", items[at]), ("What is the last one?", items[-1]),
                           ("How many are there?", str(len(items))), ("What is the first one?", items[0])]
    if len(items) > 1:
        choices.append((f"What comes right after {items[at]}?", items[at + 1]))
    question, answer = rng.choice(choices)
    if rng.random() < 0.25:
        turns = rng.sample(choices, 2)
        return Sample("patterns", ((f"{text}\n{turns[0][0]}", turns[0][1]), turns[1]))
    return one("patterns", f"{rng.choice(('List:', 'Remember:', 'Here are some items:', 'Items:'))} {text}\n{question}", answer)


def make(rng: Random) -> Sample:
    """One pattern sample."""
    return rng.choices((classification, defined, transform, lookup, recall), (52, 7, 14, 17, 10))[0](rng)
