"""Classification with open labels: only the context says what a label means."""

from __future__ import annotations

from random import Random

from models.pretrain.grammar import capital, coined, expand, pick
from models.pretrain.noise import messy
from models.pretrain.sample import Sample, one
from models.pretrain.shots import few_shot
from models.pretrain.vocabulary import GROUP_WORDS, HEADS, VOCABULARY
from models.pretrain.wordgroups import GROUPS

_KIND = "labels_open"
_BEFORE = [
    "", "", "", "", "Hi there, ", "Hello! ", "Good morning, ", "Hey, ", "Sorry to bother you, but ", "Quick one: ",
    "Dear team, ", "Hi {first}, ", "Hello, my name is {person}. ", "Honestly, ", "Hi, me again. ", "Right, so ",
    "I have been up since {clock}. ", "We live in {town}. ", "My {job} told me to write here. ", "Ugh. ",
    "Yesterday at the {venue} I met {first}. ", "It has been {a:adj} week. ", "Please read this to the end. ",
    "Not sure whom to ask. ", "{first} and I were talking on {weekday}. ", "Okay, ", "I do not want to be rude, but ",
    "This is {first} from {address}. ", "I waited for {duration}. ", "Second message today. ", "Good evening. ",
    "I am {a:job} and have little time. ", "So, on {weekday} something odd happened. ", "First of all, thank you. ",
]  # fmt: skip
_CORE = [
    "my [question|message|request] is about the {w}.", "I have [trouble|a problem] with the {w}.",
    "could you tell me more about the {w}?", "the {w} [thing|part|bit] is what I [mean|am after].",
    "I keep thinking about {w}.", "what do I do about the {w}?", "nobody told me anything about {w}.",
    "it all started with the {w} at the {venue}.", "we talked about {w} and {w2} for hours.",
    "is the {w} still [fine|the same|there]?", "the {w} did not work out [again|at all|for me].",
    "I would like to [talk|ask] about {w} [with you|first|].", "the {w} was {adj}, as {first} said.",
    "can someone look at the {w}?", "I [cannot|can] stop thinking of {w}, day and night.",
    "my {person} asked for a {w} and got something else.", "{w} [again|once more], I am afraid.",
    "this is only about {w}, nothing else.", "where can I [see|find] the {w}?", "I need {w} before {weekday}.",
    "there was a {w} and then another {w2}.", "how does {w} [work|go] here?", "I am [happy|unhappy] with the {w}.",
    "we have {num} people here and not one {w}.", "please do something about the {w} [today|soon|at last].",
    "it has to do with {w}, I think.", "all I want is {w}.", "[perhaps|maybe] the {w} is to blame.",
    "what a {w} that was!", "who is in charge of {w}?", "since {month} I have waited for the {w}.",
    "{first} wants {w}, and so do I.", "is there any {w} left?", "no idea why, but the {w} bothers me.",
    "[let me|I want to] say something on {w}.", "when will there be {w} [again|in {town}]?",
]  # fmt: skip
_AFTER = [
    "", "", "", "", " Thanks!", " Can you help?", " I look forward to your answer.", " Best, {first}", " Please hurry.",
    " Otherwise I am fine.", " My {pet} says hello.", " Call me on {phone}.", " What a day!", " No rush, though.",
    " I will be at the {venue} until {clock}.", " {first} feels the same.", " Any idea?", " That is all from me.",
    " I am {feeling}, to be honest.", " It rains in {town}, by the way.", " Kind regards, {surname}", " Cheers",
    " I asked {first} too, without luck.", " Last time it took {duration}.", " You can also ask {person}.",
]  # fmt: skip
_SIDE = [
    " This is not about {o}.", " I do not mean the {o}.", " The {o} is fine, by the way.", " Forget the {o}.",
    " (The {o} is another story.)", " It has nothing to do with {o}.", " Never mind the {o}, that is solved.",
]  # fmt: skip
_SIDE_BEFORE = [
    "Not about {o} this time: ", "I have no question about {o}, but ", "The {o} is done, thanks. Now: ",
    "First I thought of {o}, but no, ", "Leave the {o} aside, ", "It is not {o} that I write about, ",
]  # fmt: skip


def message(rng: Random, word: str, second: str, other: str | None) -> str:
    """A message about the word; it may push another class's word aside."""
    before, after = pick(rng, _BEFORE), pick(rng, _AFTER)
    if other and rng.random() < 0.5:
        before = expand(rng, rng.choice(_SIDE_BEFORE), {"o": other})
    elif other:
        after = expand(rng, rng.choice(_SIDE), {"o": other}) + after
    core = pick(rng, _CORE, {"w": word, "w2": second}).replace(" .", ".").replace(" ?", "?")
    for vowel in "aeiou":
        core = core.replace(f" a {vowel}", f" an {vowel}")
    return messy(rng, capital(before + (capital(core) if before[-2:-1] in ".!" else core)) + after, 0.2)


def _style(rng: Random) -> str:
    return rng.choices(("plain", "snake", "Title", "UPPER", "camel", "kebab"), (40, 25, 12, 8, 8, 7))[0]


def written(label: str, style: str) -> str:
    """The label words in one writing style."""
    words = label.split()
    if style == "Title":
        return " ".join(map(capital, words))
    if style == "UPPER":
        return "_".join(words).upper()
    if style == "camel":
        return words[0] + "".join(map(capital, words[1:]))
    return {"snake": "_", "kebab": "-"}.get(style, " ").join(words)


def _fresh(rng: Random, size: int, style: str) -> list[str]:
    """Distinct label names that mean nothing here."""
    naming = rng.random()
    names: set[str] = set()
    while len(names) < size:
        if naming < 0.12:
            name = coined(rng)
        elif naming < 0.18:
            name = rng.choice(("class ", "group ", "type ", "team ", "")) + rng.choice("abcdefghkmnprstvwxz123456789")
        else:
            name = " ".join(rng.sample(VOCABULARY, rng.choice((1, 1, 2))))
        names.add(written(name, style))
    return rng.sample(sorted(names), size)


_TASKS = (
    "Classify the message as one of: {l}.", "Labels: {l}", "Which label fits? Options: {l}", "Choose one of {l}.",
    "Possible intents: {l}.\nAnswer with the intent only.", "Sort the message into one of these groups: {l}",
    "Pick the topic of the message ({l}).", "Say which one it is: {l}.", "Categories: {l}. Reply with one category.",
    "Route the text to the right team. Teams: {l}", "You label messages. Use exactly one of these labels: {l}",
    "What is the text about? Answer with one of: {l}", "Tag the text with one word from this list: {l}",
)  # fmt: skip


def _order(rng: Random, labels: list[str]) -> str:
    shown = rng.sample(labels, len(labels))
    shape = rng.random()
    if shape < 0.6:
        listed = ", ".join(shown)
    elif shape < 0.75:
        listed = " | ".join(shown)
    elif shape < 0.9:
        listed = "\n" + "\n".join(f"- {label}" for label in shown) + "\n"
        return rng.choice(("Classify the message as one of:", "Labels:", "Choose one label:")) + listed.rstrip()
    else:
        listed = ", ".join(f'"{label}"' for label in shown)
    return rng.choice(_TASKS).replace("{l}", listed)


Classes = dict[str, list[str]]


def _text(rng: Random, classes: Classes, label: str, word: str) -> str:
    others = [name for name in classes if name != label]
    other = rng.choice(classes[rng.choice(others)]) if rng.random() < 0.25 else None
    return message(rng, word, rng.choice(classes[label]), other)


def by_examples(rng: Random) -> Sample:
    """Labels whose meaning only the examples tell."""
    size = rng.choice((2, 2, 3, 3, 4, 4, 5, 6, 7))
    labels = _fresh(rng, size, _style(rng))
    classes: Classes = {}
    heads = rng.sample(HEADS, size)
    for label, head in zip(labels, heads, strict=True):
        own = list(GROUPS[head])
        loose = rng.random() < 0.45
        words = rng.sample(GROUP_WORDS, 4) if loose else rng.sample(own, min(len(own), rng.randint(2, 6)))
        classes[label] = words[: rng.randint(2, 4)] if loose else words
    shots = []
    for _ in range(rng.choice((1, 2, 3)) if size > 4 else rng.choice((1, 2, 2, 3, 5))):
        shots += [(label, rng.choice(classes[label])) for label in labels]
    rng.shuffle(shots)
    asked = rng.choice(labels)
    seen = [word for label, word in shots if label == asked]
    word = rng.choice(seen) if rng.random() < 0.8 else rng.choice(classes[asked])
    pairs = [(_text(rng, classes, label, trigger), label) for label, trigger in shots]
    order = _order(rng, labels) if rng.random() < 0.55 else rng.choice(("", "", "Follow the examples.", "Label it."))
    return few_shot(rng, _KIND, order, pairs, (_text(rng, classes, asked, word), asked))


def by_names(rng: Random) -> Sample:
    """Labels that are explained by their own names or by a given definition."""
    size, style = rng.choice((2, 3, 4, 4, 5, 6, 7, 8, 10)), _style(rng)
    classes: Classes = {}
    meaning: dict[str, list[str]] = {}
    defined = rng.random() < 0.25
    names = _fresh(rng, size, style) if defined else []
    for at, head in enumerate(rng.sample(HEADS, size)):
        words = list(GROUPS[head])
        plain = rng.choice((head, head, rng.choice(words), f"{head} {rng.choice(words)}"))
        label = names[at] if defined else written(plain, style)
        classes[label] = words if defined or plain == head else [*plain.split(), *rng.sample(words, 2)]
        if not defined and rng.random() < 0.5:
            classes[label] = [word for word in plain.split() if len(word) > 2] or classes[label]
        meaning[label] = rng.sample(words, min(len(words), 4))
    labels = list(classes)
    order = _order(rng, labels)
    if defined:
        gap = rng.choice((": ", " = ", " - "))
        lines = [f"{label}{gap}{', '.join(meaning[label])}" for label in labels]
        order = rng.choice(("Label the message.", "Use these labels:", "Classes:")) + "\n" + "\n".join(lines)
    asked = rng.choice(labels)
    pool = meaning[asked] if defined else classes[asked]
    last = (_text(rng, classes, asked, rng.choice(pool)), asked)
    if rng.random() < 0.15:
        shots = []
        for label in rng.sample(labels, min(len(labels), rng.randint(1, 4))):
            shots.append((_text(rng, classes, label, rng.choice(classes[label])), label))
        return few_shot(rng, _KIND, order, shots, last)
    cue = rng.choice(("\nLabel:", "\nAnswer:", "\nCategory:", "\nIntent:", "\nTopic:", "", "", ""))
    head = rng.choice(("", "Message: ", "Text: ", "Input: ", "Message:\n"))
    text = f"{head}{last[0]}" if rng.random() < 0.8 or head else f'"{last[0]}"'
    first = f"{order}\n\n{text}" if rng.random() < 0.8 or cue else f"{text}\n\n{order}"
    return one(_KIND, first + cue, asked, cue=bool(cue))


def make(rng: Random) -> Sample:
    """One classification sample with open labels."""
    return by_examples(rng) if rng.random() < 0.32 else by_names(rng)
