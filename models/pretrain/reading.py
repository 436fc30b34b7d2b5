"""Invented passages with questions whose answers are spans of the passage."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from models.pretrain.grammar import capital, expand, pick
from models.pretrain.sample import Sample, one
from models.pretrain.topics import TOPICS, Attribute, Topic

UNKNOWN = "I don't know."


@dataclass(frozen=True, slots=True)
class Fact:
    """One attribute of one entity: its value and the sentence that says it."""

    attribute: Attribute
    value: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Passage:
    """An entity, its facts, and the text that states them."""

    entity: str
    facts: tuple[Fact, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Passages, a question, the answer span, and where it stands (`home` is None: nowhere)."""

    passages: tuple[Passage, ...]
    question: str
    answer: str
    home: int | None
    sentence: str


def make_passage(rng: Random, topic: Topic, attributes: list[Attribute]) -> Passage:
    """A passage about a new entity of the topic that states the given attributes."""
    entity = pick(rng, topic.names)
    facts = []
    for attribute in attributes:
        value = expand(rng, attribute.value)
        subject = entity if rng.random() < 0.3 else expand(rng, rng.choice(topic.subjects), {"e": entity})
        sentence = pick(rng, attribute.statements, {"e": entity, "s": subject, "v": value})
        facts.append(Fact(attribute, value if value in capital(sentence) else capital(value), capital(sentence)))
    intro = pick(rng, topic.intros, {"e": entity})
    text = " ".join([intro, *(fact.sentence for fact in facts)])
    return Passage(entity, tuple(facts), text)


def _attributes(rng: Random, topic: Topic) -> list[Attribute]:
    size = min(len(topic.attributes), rng.choice((2, 3, 4, 4, 5, 6)))
    return rng.sample(topic.attributes, size)


def _ask(rng: Random, passage: Passage, attribute: Attribute) -> str:
    return capital(pick(rng, attribute.questions, {"e": passage.entity}))


def make_reading(rng: Random, size: int) -> Reading:
    """A question over `size` passages; usually all about entities of one topic with the same attributes."""
    topic = rng.choice(TOPICS)
    wanted = _attributes(rng, topic)
    passages = []
    for _ in range(size):
        near = rng.random() < 0.7
        other = topic if near else rng.choice(TOPICS)
        chosen = rng.sample(wanted, max(2, len(wanted) - rng.randint(0, 1))) if near else _attributes(rng, other)[:4]
        passages.append(make_passage(rng, other, chosen))
    home = rng.randrange(size)
    passage = passages[home]
    if rng.random() < 0.06:
        known = {fact.attribute for fact in passage.facts}
        owner = next(item for item in TOPICS if passage.facts[0].attribute in item.attributes)
        missing = [
            item
            for item in owner.attributes
            if item not in known and item.value not in {fact.attribute.value for fact in passage.facts}
        ]
        if missing:
            return Reading(tuple(passages), _ask(rng, passage, rng.choice(missing)), UNKNOWN, None, UNKNOWN)
    fact = rng.choice(passage.facts)
    return Reading(tuple(passages), _ask(rng, passage, fact.attribute), fact.value, home, fact.sentence)


_ORDERS = (
    "Answer the question from the passage.",
    "Use only the text to answer.",
    "Read the text and answer briefly.",
    "Answer with the words of the text.",
    "Give a short answer taken from the text.",
    "Find the answer in the notes.",
    "Answer the question using the context.",
    "Use the information below to answer the question.",
    "",
    "Reply with a few words copied from the text.",
    "Look at the following text. Then answer.",
    "",
    "",
    "Read this and answer the question as briefly as you can.",
    "What follows is some information. Use it.",
    "Answer in at most five words.",
    'Only answer from the text; if it is not there, say "I don\'t know."',
    'Answer from the passages. If they do not contain the answer, say "I don\'t know."',
    "",
)
_HEADS = (
    "Passage:",
    "Context:",
    "Notes:",
    "Read this:",
    "Text:",
    "Information:",
    "From the leaflet:",
    "Background:",
    "Article:",
    "Facts:",
    "Paragraph:",
    "Here is a text:",
    "Source:",
    "Excerpt:",
    "Reference:",
)
_CUES = ("Answer:", "A:", "Short answer:", "Reply:", "Span:", "Result:", "Response:")
_QUESTION = (
    "Question: {q}",
    "Q: {q}",
    "{q}",
    "{q}",
    "Question:\n{q}",
    "Now answer: {q}",
    "My question: {q}",
    "Tell me: {q}",
)


def _one_block(rng: Random, passage: Passage) -> str:
    head = rng.choice(_HEADS)
    return rng.choice((f"{head} {passage.text}", f"{head}\n{passage.text}", passage.text, f'"{passage.text}"'))


def _many_blocks(rng: Random, passages: tuple[Passage, ...]) -> str:
    style = rng.randrange(9)
    word = rng.choice(("Document", "Passage", "Text", "Source", "Note", "Section", "Page", "Entry"))
    parts = []
    for number, passage in enumerate(passages, 1):
        title = capital(passage.entity)
        parts.append(
            (
                f"{word} {number}: {passage.text}",
                f"[{number}] {passage.text}",
                f"# {title}\n{passage.text}",
                f"({number}) {passage.text}",
                f"{title}: {passage.text}",
                f"{number}. {title}\n{passage.text}",
                f"- {passage.text}",
                passage.text,
                f"{word} {number} ({title})\n{passage.text}",
            )[style]
        )
    head = rng.choice(("", "", rng.choice(_HEADS) + "\n", "Documents:\n", "Passages:\n", "Sources:\n"))
    return head + rng.choice(("\n", "\n\n", "\n---\n" if style == 7 else "\n\n")).join(parts)


def _block(rng: Random, passages: tuple[Passage, ...]) -> str:
    return _one_block(rng, passages[0]) if len(passages) == 1 else _many_blocks(rng, passages)


def _content(rng: Random, reading: Reading, order: str) -> str:
    """The passages with instruction and question, in one of several orders."""
    block = _block(rng, reading.passages)
    question = rng.choice(_QUESTION).replace("{q}", reading.question)
    gap = rng.choice(("\n", "\n\n"))
    if rng.random() < 0.12:
        parts = [order, question, block]
    elif rng.random() < 0.25:
        parts = [block, question, order]
    else:
        parts = [order, block, question]
    return gap.join(part for part in parts if part)


def _single(rng: Random) -> Sample:
    reading = make_reading(rng, rng.choice((1, 1, 1, 2, 3, 3, 3, 4, 4)))
    content = _content(rng, reading, rng.choice(_ORDERS))
    if rng.random() < 0.4:
        return one("reading", f"{content}\n{rng.choice(_CUES)}", reading.answer, cue=True)
    return one("reading", content, reading.answer)


def _sentence(rng: Random) -> Sample:
    reading = make_reading(rng, rng.choice((1, 2, 3)))
    order = rng.choice(
        (
            "Answer with the full sentence from the text.",
            "Quote the sentence that holds the answer.",
            "Copy the sentence of the text that answers the question.",
            "Answer in a whole sentence.",
        )
    )
    return one("reading", _content(rng, reading, order), reading.sentence)


def _series(rng: Random) -> Sample:
    """Several questions over the same passages: as turns, or as a list in one content."""
    topic = rng.choice(TOPICS)
    passages = tuple(make_passage(rng, topic, _attributes(rng, topic)) for _ in range(rng.choice((1, 1, 2))))
    pairs = [(_ask(rng, passage, fact.attribute), fact.value) for passage in passages for fact in passage.facts]
    rng.shuffle(pairs)
    pairs = pairs[: rng.randint(2, 5)]
    block, order = _block(rng, passages), rng.choice(_ORDERS)
    start = f"{order}\n{block}" if order else block
    if rng.random() < 0.5:
        return Sample("reading", ((f"{start}\n{pairs[0][0]}", pairs[0][1]), *pairs[1:]))
    ask, cue = rng.choice((("Question:", "Answer:"), ("Q:", "A:"), ("Ask:", "Say:")))
    shots = "\n".join(f"{ask} {question}\n{cue} {answer}" for question, answer in pairs[:-1])
    return one("reading", f"{start}\n\n{shots}\n{ask} {pairs[-1][0]}\n{cue}", pairs[-1][1], cue=True)


def _shots(rng: Random) -> Sample:
    """Few-shot reading: whole examples first, then a new passage in the same layout."""
    head, cue, layout = rng.choice(_HEADS), rng.choice(_CUES), rng.choice(("Question: ", "Q: ", ""))
    blocks, answer, size = [], "", rng.choice((1, 1, 1, 2, 3))
    for _ in range(rng.choice((2, 3, 3, 4)) if size < 3 else 2):
        reading = make_reading(rng, size)
        body = "\n".join(passage.text for passage in reading.passages)
        blocks.append(f"{head} {body}\n{layout}{reading.question}\n{cue}")
        blocks[-1] += f" {reading.answer}"
        answer = reading.answer
    content = "\n\n".join(blocks)[: -len(answer) - 1]
    order = rng.choice(_ORDERS)
    return one("reading", f"{order}\n\n{content}" if order else content, answer, cue=True)


def _contrast(rng: Random) -> Sample:
    """One short text in which several people or things differ in one attribute."""
    plan = rng.choice(
        (
            ("{first}", "{e} paid {v}.", "{price}", "How much did {e} pay?"),
            ("{first}", "{e} lives in {v}.", "{town}", "Where does {e} live?"),
            ("the {color} {object}", "{^e} costs {v}.", "{price}", "How much is {e}?"),
            ("{first}", "{e} comes at {v}.", "{clock}", "When does {e} come?"),
            ("{first}", "{e} works as {a:v}.", "{job}", "What does {e} work as?"),
            ("the {room}", "{^e} is painted {v}.", "{color}", "What colour is {e}?"),
            ("the {color} {object}", "{^e} is in {v}.", "the {room}", "Where is {e}?"),
            ("{first}", "{e} sits in {v}.", "{roomno}", "Where does {e} sit?"),
            (
                "{weekday}",
                "On {e} the group meets at {v}.",
                "{clock}",
                "At what time does the group meet on {e}?",
            ),
            ("{first}", "{e} brings {v}.", "{food}", "What does {e} bring?"),
            ("{first}", "The code of {e} is {v}.", "{code}", "What is the code of {e}?"),
        )
    )
    names = list({expand(rng, plan[0]): None for _ in range(rng.randint(2, 7))})
    values = [expand(rng, plan[2]) for _ in names]
    facts = [expand(rng, plan[1], {"e": name, "v": value}) for name, value in zip(names, values, strict=True)]
    rng.shuffle(order := list(range(len(names))))
    text = " ".join(facts[index] for index in order)
    asked = rng.randrange(len(names))
    passage = Passage(names[asked], (), text)
    reading = Reading((passage,), expand(rng, plan[3], {"e": names[asked]}), values[asked], 0, facts[asked])
    return one("reading", _content(rng, reading, rng.choice(_ORDERS)), reading.answer)


def make(rng: Random) -> Sample:
    """One reading sample."""
    return rng.choices((_single, _sentence, _series, _shots, _contrast), (50, 6, 16, 16, 12))[0](rng)
