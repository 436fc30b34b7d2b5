"""Simple instructions: lists, summaries, yes or no, small reasoning; more of them in `writing`."""

from __future__ import annotations

from random import Random

from models.pretrain.grammar import Context, capital, draw, expand, pick
from models.pretrain.sample import Sample, one
from models.pretrain.scenes import SUMMARY_STYLES, make_scene, summary, written
from models.pretrain.words import POOLS
from models.pretrain.writing import rewrite, small_talk, story

_KIND = "instructions"
_LISTED = {
    "animal": "animals",
    "color": "colours",
    "fruit": "fruits",
    "tool": "tools",
    "job": "jobs",
    "instrument": "musical instruments",
    "sport": "sports",
    "hobby": "hobbies",
    "plant": "plants",
    "weekday": "days of the week",
    "month": "months",
    "subject": "school subjects",
    "vehicle": "vehicles",
    "season": "seasons",
    "ingredient": "things to cook with",
    "material": "materials",
    "pet": "pets",
    "shape": "shapes",
    "first": "first names",
    "room": "rooms",
    "crop": "crops",
    "food": "dishes",
    "planet": "bodies in space",
}
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def listing(rng: Random) -> Sample:
    """A list of things of one kind, in an asked form."""
    pool = rng.choice(list(_LISTED))
    size = rng.randint(2, 6)
    items = rng.sample(sorted(set(POOLS[pool])), min(size, len(set(POOLS[pool]))))
    amount = rng.choice((str(len(items)), _WORDS[len(items)]))
    start = rng.choice(
        (
            "Name {n} {k}",
            "List {n} {k}",
            "Give me {n} {k}",
            "Write down {n} {k}",
            "Can you name {n} {k}?",
            "{n} {k}, please",
        )
    )
    form, text = rng.choice(
        (
            ("", ", ".join(items)),
            (" as bullet points", "\n".join(f"- {item}" for item in items)),
            (" as a numbered list", "\n".join(f"{at}. {item}" for at, item in enumerate(items, 1))),
            (" with commas", ", ".join(items)),
            (", one per line", "\n".join(items)),
            (" in a sentence", capital(", ".join(items[:-1])) + f" and {items[-1]} are {_LISTED[pool]}."),
        )
    )
    order = start.format(n=amount, k=_LISTED[pool])
    return one(_KIND, capital(order.rstrip("?") + form + ("?" if order.endswith("?") else ".")), text)


_SUM_ORDERS = (
    "Summarise the talk.",
    "What happened? Be brief.",
    "Write a short summary.",
    "Sum up the conversation in one or two sentences.",
    "Who did what?",
    "Tell me in short what this is about.",
    "Give the gist.",
    "Shorten this.",
    "Summary, please.",
    "Write one line about the dialogue.",
)


def summarise(rng: Random) -> Sample:
    """A dialogue with a summary; with examples, the style of the examples is kept."""
    style = rng.choice(SUMMARY_STYLES)
    order = rng.choice(_SUM_ORDERS)
    shots = rng.choice((0, 0, 0, 1, 2, 3))
    scenes = [make_scene(rng) for _ in range(shots + 1)]
    texts = [written(rng, scene) for scene in scenes]
    if not shots:
        content = rng.choice((f"{order}\n\n{texts[0]}", f"{texts[0]}\n\n{order}", f"{order}\n{texts[0]}\nSummary:"))
        return one(_KIND, content, summary(scenes[0], style), cue=content.endswith(":"))
    head, cue = rng.choice(
        (
            ("Dialogue:", "Summary:"),
            ("Talk:", "In short:"),
            ("Conversation:", "Gist:"),
            ("Chat:", "Note:"),
            ("Text:", "TL;DR:"),
        )
    )
    blocks = [
        f"{head}\n{text}\n{cue} {summary(scene, style)}" for text, scene in zip(texts[:-1], scenes[:-1], strict=True)
    ]
    body = "\n\n".join([*blocks, f"{head}\n{texts[-1]}\n{cue}"])
    return one(_KIND, f"{order}\n\n{body}" if rng.random() < 0.7 else body, summary(scenes[-1], style), cue=True)


def ask_scene(rng: Random) -> Sample:
    """Questions about a dialogue."""
    scene = make_scene(rng)
    turns = [
        ("Who are the speakers?", f"{scene.a} and {scene.b}"),
        ("What is it about?", scene.topic),
        ("What did {b} do or say?", f"{scene.b} {scene.result}."),
        ("What did {a} do?", f"{scene.a} {scene.wish}."),
        ("Who speaks first?", scene.lines[0][0]),
        ("How many lines are there?", str(len(scene.lines))),
        ("What are the last words?", scene.lines[-1][1]),
        ("Give it a title.", capital(scene.topic)),
    ]
    chosen = [
        (question.format(a=scene.a, b=scene.b), answer)
        for question, answer in rng.sample(turns, rng.choice((1, 1, 2, 3)))
    ]
    return Sample(_KIND, ((f"{written(rng, scene)}\n\n{chosen[0][0]}", chosen[0][1]), *chosen[1:]))


def compare(rng: Random) -> Sample:
    """Who is older, dearer, taller, earlier: two or three values in a text."""
    names = rng.sample(sorted(set(POOLS["first"])), rng.choice((2, 2, 3)))
    values = rng.sample(range(4, 95), len(names))
    say, most, least = rng.choice(
        (
            ("{n} is {v} years old.", "oldest", "youngest"),
            ("{n} paid {v} euros.", "who paid the most", "who paid the least"),
            ("{n} ran {v} kilometres.", "who ran the farthest", "who ran the least"),
            ("{n} has {v} points.", "in front", "last"),
            ("{n} read {v} pages.", "who read the most", "who read the least"),
            ("The bag of {n} weighs {v} kilos.", "with the heaviest bag", "with the lightest bag"),
        )
    )
    text = " ".join(say.format(n=name, v=value) for name, value in zip(names, values, strict=True))
    top = rng.random() < 0.5
    winner = names[values.index(max(values) if top else min(values))]
    ask = most if top else least
    question = f"Who is {ask}?" if not ask.startswith("who") else capital(ask[4:].join(("who ", "?")))
    if ask.startswith("with"):
        question = f"Who is the one {ask}?"
    elif ask in ("oldest", "youngest"):
        question = f"Who is the {ask}?"
    if rng.random() < 0.3:
        guess = rng.choice(names)
        return one(_KIND, f'{text} Is the answer to "{question}" {guess}?', "Yes." if guess == winner else "No.")
    return one(_KIND, f"{text} {question}", rng.choice((winner, f"{winner}.", winner)))


def arithmetic(rng: Random) -> Sample:
    """Small sums in words or signs."""
    left, right = rng.randint(2, 20), rng.randint(1, 12)
    more = rng.random() < 0.6 or right >= left
    total = left + right if more else left - right
    what = f"{rng.choice(POOLS['object'])}s" if rng.random() < 0.5 else f"{rng.choice(POOLS['animal'])} cards"
    bound: Context = {"l": str(left), "r": str(right), "w": what}
    plus = (
        "{first1} has {l} {w} and gets {r} more. How many {w} does {first1} have?",
        "What is {l} plus {r}?",
        "{l} + {r} =",
        "There are {l} {w} in the {room1}. {first1} brings {r} more. How many are there now?",
    )
    minus = (
        "{first1} has {l} {w} and gives away {r}. How many are left?",
        "What is {l} minus {r}?",
        "{l} - {r} =",
        "There were {l} {w} in the {room1}. {first1} took {r}. How many remain?",
    )
    return one(_KIND, pick(rng, plus if more else minus, bound), str(total))


_CLAIMS = {
    "color": (
        ("The {object1} is {v}.", "Is the {object1} {v}?"),
        ("{first1} painted the {room1} {v}.", "Is the {room1} now {v}?"),
    ),
    "animal": (("{first1} saw {a:v}.", "Did {first1} see {a:v}?"),),
    "food": (("{first1} cooked {v}.", "Did {first1} cook {v}?"),),
    "job": (("{first1} works as {a:v}.", "Is {first1} {a:v}?"),),
    "hobby": (("{first1} enjoys {v}.", "Does {first1} like {v}?"),),
    "weekday": (
        ("The {venue1} is closed on {v}.", "Is the {venue1} open on {v}?"),
        ("The test is on {v}.", "Is the test on {v}?"),
    ),
    "room": (("The {object1} is in the {v}.", "Is the {object1} in the {v}?"),),
    "pet": (("{first1} has a {v}.", "Has {first1} a {v}?"),),
    "instrument": (("{first1} plays the {v}.", "Does {first1} play the {v}?"),),
    "town": (("{first1} lives in {v}.", "Does {first1} live in {v}?"),),
    "price": (("The {object1} costs {v}.", "Is the price of the {object1} {v}?"),),
    "clock": (("{first1} comes at {v}.", "Will {first1} come at {v}?"),),
}


def yes_no(rng: Random) -> Sample:
    """A yes or no question about a short text."""
    pool = rng.choice(list(_CLAIMS))
    real, other = draw(rng, pool), draw(rng, pool)
    say, ask = rng.choice(_CLAIMS[pool])
    same = rng.random() < 0.5 or real == other
    bound: Context = {"v": real}
    text = expand(rng, say, bound)
    extra = expand(
        rng,
        rng.choice(
            (
                "",
                " {first} came later.",
                " It was {a:adj} day.",
                " The {animal} slept.",
                " {^weekday} was sunny.",
            )
        ),
    )
    question = expand(rng, ask, {**bound, "v": real if same else other})
    yes = same != (ask.startswith("Is the {venue1} open"))
    order = rng.choice(("", "", "Answer yes or no.\n", "Yes or no?\n", "Reply with yes or no. "))
    return one(
        _KIND,
        f"{order}{text}{extra} {question}",
        rng.choice(("Yes.", "Yes", "yes") if yes else ("No.", "No", "no")),
    )


def make(rng: Random) -> Sample:
    """One instruction sample."""
    makers = (summarise, ask_scene, listing, compare, arithmetic, yes_no, rewrite, small_talk, story)
    return rng.choices(makers, (26, 8, 8, 8, 4, 12, 13, 8, 13))[0](rng)
