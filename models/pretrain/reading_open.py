# ruff: noqa: E501  (one template a line)
"""Reading with open attributes: invented places and things, titled passages, questions in other words."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from models.pretrain.grammar import article, capital, draw, expand, pick
from models.pretrain.noise import messy
from models.pretrain.reading import _CUES, _HEADS, _ORDERS, UNKNOWN
from models.pretrain.reading_open_facts import ATTRIBUTES, DOMAINS, Open
from models.pretrain.sample import Sample, one
from models.pretrain.vocabulary import NOUNS, VOCABULARY

_KIND = "reading_open"
_IRREGULAR = frozenset(
    (
        "foot",
        "child",
        "man",
        "woman",
        "mouse",
        "rice",
        "milk",
        "snow",
        "mice",
        "knife",
        "shelf",
        "leaf",
        "feedback",
        "advice",
    )
)
_COUNTED = [word for word in VOCABULARY if word[-1] not in "sxyhdgz" and word not in _IRREGULAR]
_BY_DOMAIN = {domain: [item for item in ATTRIBUTES if domain in item.domains] for domain in DOMAINS}
_STORY = [
    "I am new in {town}.", "My {pet} and I are on a trip.", "{first} told me about you.", "We are {small} friends.",
    "Last {weekday} I was here already.", "My grandmother turns {age} soon.", "I have a broken arm.", "Hi!", "Hello,",
    "I work as {a:job}.", "I read your leaflet but got lost.", "It is my first time.", "I have little money left.",
    "My boss sent me.", "We come by {vehicle}.", "Sorry for asking again.", "I am writing for {person}.", "Good morning.",
    "I paid {price} last year.", "My son loves {hobby}.", "I can only come on {weekday}.", "It rains all day here.",
    "I left my {object} at home.", "I am not sure I understood.", "We planned this since {month}.", "Quick question:",
]  # fmt: skip
_FILLER = [
    "The {word} nearby is {adj}.", "Many people from {town} like it.", "It has been here since {year}.",
    "The colour of the {word} is {color}.", "In {season} there is often {weather}.", "Some say it is {adj}.",
    "{^a:adj} {noun} can be seen from the window.", "{first} painted the {word} in {year}.", "Please be kind to others.",
    "The {word} was new in {year}.", "You will not be bored here.", "Most guests come by {vehicle}.",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Passage:
    """An entity, its values and words by attribute number, and its text."""

    entity: str
    values: dict[int, str]
    words: dict[int, str]
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Passages, a question, and the answer; `home` is None when no passage answers."""

    passages: tuple[Passage, ...]
    question: str
    answer: str
    home: int | None


def named(entity: str) -> str:
    """The entity with its article where it takes one."""
    first = entity.split(maxsplit=1)[0]
    bare = first in {"Hotel", "Dr", "Room", "room", "line", "model", "vet"} or "with" in entity or entity[-1].isdigit()
    return entity if bare or entity.startswith("Dr ") else f"the {entity}"


def _passage(rng: Random, domain: str, chosen: list[Open], words: list[str], titled: bool) -> Passage:
    entity = expand(rng, rng.choice(DOMAINS[domain]))
    values: dict[int, str] = {}
    parts: list[str] = []
    for at, item in enumerate(chosen):
        bound = {"word": words[at], "thing": rng.choice(NOUNS), "place": _place(rng)}
        if item.value == "{a:thing}":
            value = article(f"{draw(rng, 'adj')} {bound['thing']}" if rng.random() < 0.5 else bound["thing"])
        else:
            value = expand(rng, item.value, bound)
        name = named(entity) if not parts or rng.random() < 0.3 else "it"
        sentence = capital(expand(rng, rng.choice(item.says), {"s": name, "v": value, "word": words[at]}))
        values[at] = value if value in sentence else capital(value)
        parts.append(sentence)
    if not titled and not any(entity in part for part in parts):
        parts.insert(
            0, expand(rng, rng.choice(("{^e} is in {town}.", "Some words on {e}.", "About {e}:")), {"e": named(entity)})
        )
        first = parts.pop(0)
        rng.shuffle(order := list(range(len(parts))))
        parts = [first, *(parts[at] for at in order)]
    elif titled:
        rng.shuffle(parts)
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
        parts.insert(rng.randint(1, len(parts)), pick(rng, _FILLER, {"word": rng.choice(VOCABULARY)}))
    return Passage(entity, values, dict(enumerate(words)), " ".join(parts))


def _place(rng: Random) -> str:
    return rng.choice(
        (f"the {draw(rng, 'room')}", draw(rng, "roomno"), f"the {draw(rng, 'color')} box", draw(rng, "town"))
    )


def make_reading(rng: Random, size: int, titled: bool) -> Reading:
    """A question over passages about neighbours: the same attributes, other values."""
    domain = rng.choice(tuple(DOMAINS))
    pool = _BY_DOMAIN[domain]
    chosen = rng.sample(pool, min(len(pool), rng.choice((2, 3, 3, 4, 4, 5))))
    words = rng.sample(_COUNTED, len(chosen))
    passages = []
    for _ in range(size):
        near = rng.random() < 0.75
        passages.append(_passage(rng, domain if near else rng.choice(tuple(DOMAINS)), chosen, words, titled))
    home = rng.randrange(size)
    passage = passages[home]
    asked = rng.randrange(len(chosen))
    item, answer, where = chosen[asked], passage.values[asked], home
    missing = rng.random() < 0.05
    if missing:
        unused = [item for item in pool if item not in chosen and "{word}" not in "".join(item.says)]
        item, answer = rng.choice(unused) if unused else item, UNKNOWN if unused else answer
        missing = bool(unused)
    entity = named(passage.entity) if size > 1 or rng.random() < 0.6 else "it"
    question = expand(rng, rng.choice(item.asks), {"e": entity, "word": words[asked]})
    if rng.random() < 0.35:
        question = f"{pick(rng, _STORY)} {question}"
    if rng.random() < 0.12:
        question += rng.choice((" Thanks!", " Please tell me.", " Thank you.", " I need to know today."))
    return Reading(tuple(passages), messy(rng, capital(question), 0.25), answer, None if missing else where)


def _block(passages: tuple[Passage, ...], titled: bool, style: int) -> str:
    word = ("Document", "Passage", "Text", "Source")[style % 4]
    parts = []
    for number, passage in enumerate(passages, 1):
        title = capital(passage.entity)
        shown = (
            f"{title}: {passage.text}",
            f"{title}\n{passage.text}",
            f"# {title}\n{passage.text}",
            f"[{number}] {title}: {passage.text}",
            f"{word} {number} - {title}: {passage.text}",
            f"Title: {title}\nText: {passage.text}",
        )[style % 6]
        parts.append(
            shown
            if titled
            else (passage.text, f"{word} {number}: {passage.text}", f"[{number}] {passage.text}")[style % 3]
        )
    return ("\n", "\n\n")[style // 6 % 2].join(parts)


def make(rng: Random) -> Sample:
    """One reading sample; four in ten have whole examples first or earlier questions."""
    size, titled, style = rng.choice((1, 2, 2, 3, 3, 4)), rng.random() < 0.75, rng.randrange(12)
    order = rng.choice(_ORDERS)
    if rng.random() < 0.6:
        made = make_reading(rng, size, titled)
        head = rng.choice(("", "", rng.choice(_HEADS) + "\n"))
        question = rng.choice(("Question: {q}", "Q: {q}", "{q}", "{q}", "{q}")).replace("{q}", made.question)
        parts = [order, head + _block(made.passages, titled, style), question]
        if rng.random() < 0.1:
            parts = [order, question, parts[1]]
        content = rng.choice(("\n", "\n\n")).join(part for part in parts if part)
        cued = rng.random() < 0.45
        return one(_KIND, f"{content}\n{rng.choice(_CUES)}" if cued else content, made.answer, cue=cued)
    head, cue, ask = rng.choice(_HEADS), rng.choice(_CUES), rng.choice(("Question: ", "Q: ", "Question: ", ""))
    made_all = [
        make_reading(rng, size, titled) for _ in range(rng.choice((2, 3)) if size > 2 else rng.choice((2, 3, 4, 5)))
    ]
    blocks = [f"{head}\n{_block(made.passages, titled, style)}\n{ask}{made.question}\n{cue}" for made in made_all]
    shots = [f"{block} {made.answer}" for block, made in zip(blocks[:-1], made_all[:-1], strict=True)]
    if rng.random() < 0.15:
        turns = [(block.rsplit("\n", 1)[0], made.answer) for block, made in zip(blocks, made_all, strict=True)]
        return Sample(_KIND, ((f"{order}\n{turns[0][0]}".strip(), turns[0][1]), *turns[1:]))
    content = "\n\n".join([*shots, blocks[-1]])
    return one(_KIND, f"{order}\n\n{content}" if order else content, made_all[-1].answer, cue=True)
