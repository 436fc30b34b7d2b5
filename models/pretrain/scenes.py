# ruff: noqa: E501  (one entry a line)
"""Small scenes of two people: the dialogue, and what is to be told of it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from models.pretrain.grammar import Context, draw, expand, pick


@dataclass(frozen=True, slots=True)
class Scene:
    """Two names, the lines of their talk, and the two facts of it as clauses after a name."""

    a: str
    b: str
    lines: tuple[tuple[str, str], ...]
    wish: str
    wish_ing: str
    result: str
    topic: str


# asks | reply: ask lines | wish (past) | wish (present) | outcomes as "reply lines => result (past, by b)" | topic
_TEXT = """
Could you {task1} on {weekday1}? / Do you have time to {task1} on {weekday1}? / I need someone to {task1} on {weekday1}. | asked {b} to {task1} on {weekday1} | asks {b} to {task1} on {weekday1} | Sure, I will do it. / Yes, no problem. / Of course. => agreed ;; No, I am busy then. / I am afraid I have no time. => refused because of other plans ;; Only if you help me with the {object1}. => wanted help with the {object1} in return | {task1}
Shall we go to {town1} by {vehicle1}? / I would love to see {town1}. Take the {vehicle1} with me? | suggested a trip to {town1} by {vehicle1} | suggests a trip to {town1} by {vehicle1} | Great idea, let us leave at {clock1}. / Yes! We meet at {clock1}. => wanted to leave at {clock1} ;; It is too far for me. => found it too far ;; Maybe in {month1}. => wanted to wait until {month1} | a trip to {town1}
I cannot find my {object1}. / Have you seen my {object1}? / My {color1} {object1} is gone! | looked for {a:object1} | looks for {a:object1} | It is in the {room1}. / I saw it in the {room1}. => said that it was in the {room1} ;; {^first1} took it. => said that {first1} took it ;; No, sorry, I have not seen it. => had not seen it | the lost {object1}
I have {symptom1} since {weekday1}. / Doctor, I have {symptom1}. It began on {weekday1}. | complained about {symptom1} since {weekday1} | complains about {symptom1} since {weekday1} | Please rest for {small1} days. / You should rest for {small1} days. => advised {small1} days of rest ;; Go to the {clinic1}. / I will send you to the {clinic1}. => sent {a} to the {clinic1} ;; Drink tea and sleep a lot. => advised tea and sleep | {symptom1}
How was the {subject1} test? / Tell me about your {subject1} test! | asked about the {subject1} test | asks about the {subject1} test | I got {num1} points. / Fine, {num1} points! => got {num1} points ;; Terrible, I forgot everything. / Bad. I knew nothing. => did badly ;; It was moved to {weekday1}. => said that it was moved to {weekday1} | the {subject1} test
I want to learn {hobby1}. / Where can I start with {hobby1}? | wanted to start with {hobby1} | wants to start with {hobby1} | There is a club in {town1}. / Try the club in {town1}. => recommended a club in {town1} ;; I can teach you on {weekday1}. => offered lessons on {weekday1} ;; It costs {price1} a month. => said that it costs {price1} a month | {hobby1}
What do we cook tonight? / I am hungry. What is there to eat? | asked what to eat | asks what to eat | Let us make {food1}. / I feel like {food1}. => suggested {food1} ;; We have only {ingredient1} left. => said that only {ingredient1} was left ;; {^first1} brings {food1}. => said that {first1} would bring {food1} | dinner
Is {roomno1} free at {clock1}? / Can I have {roomno1} at {clock1}? | wanted to use {roomno1} at {clock1} | wants to use {roomno1} at {clock1} | Yes, it is yours. / It is free, take it. => said yes ;; No, {first1} has it. / It is taken by {first1}. => said that {first1} had it ;; Only until {clock2}. => said that it was free until {clock2} | {roomno1}
I bought {a:color1} {object1} for {price1}. / Look, this {color1} {object1} was only {price1}! | bought {a:color1} {object1} for {price1} | buys {a:color1} {object1} for {price1} | That is far too much. / So much money! => found it too expensive ;; What a bargain! / Well done! => found it cheap ;; I have the same one. => had the same one | {a:color1} {object1}
My {pet1} ran away this morning. / The {pet1} is not in the {room1} any more! | lost {a:pet1} | loses {a:pet1} | I will help you search. / Let us look together. => offered to help ;; I saw it at the {venue1}. => had seen it at the {venue1} ;; Put up a poster. => advised putting up a poster | the missing {pet1}
When does the {vehicle1} to {town1} leave? / Is there {a:vehicle1} to {town1}? | asked about the {vehicle1} to {town1} | asks about the {vehicle1} to {town1} | It leaves at {clock1}. / At {clock1} from {roomno1}. => said that it left at {clock1} ;; There is none today. => said that there was none that day ;; You missed it. => said that it was gone | the {vehicle1} to {town1}
The {object1} in the {room1} is broken. / Something is wrong with the {object1} in the {room1}. | reported a broken {object1} in the {room1} | reports a broken {object1} in the {room1} | I will repair it on {weekday1}. / I come on {weekday1}. => promised to repair it on {weekday1} ;; Use the one in {roomno1}. => pointed to the one in {roomno1} ;; We need a new one then. => wanted a new one | the broken {object1}
"""


def _load() -> list[tuple[list[str], str, str, list[tuple[list[str], str]], str]]:
    scenes = []
    for line in _TEXT.strip().splitlines():
        asks, past, present, outcomes, topic = line.split(" | ")
        ends = [
            (left.split(" / "), right.strip())
            for left, right in (item.split(" => ") for item in outcomes.split(" ;; "))
        ]
        scenes.append((asks.split(" / "), past, present, ends, topic))
    return scenes


_SCENES = _load()
_HELLO = (
    ("Hi {b}!", "Hello {a}."),
    ("Good morning, {b}.", "Good morning, {a}!"),
    ("Hey, how are you?", "Fine, thanks. And you?"),
    ("Do you have a minute?", "Yes, what is it?"),
    ("{b}, I have a question.", "Go on."),
    ("Nice to see you.", "You too!"),
)
_BYE = (
    ("Thank you!", "You are welcome."),
    ("Okay, thanks.", "Bye, {a}!"),
    ("I see.", "See you on {weekday}."),
    ("All right.", "Take care."),
    ("Oh well.", "Have a nice day!"),
    ("Good to know.", "Any time."),
)
_CHAT = (
    ("How is {first}?", "Busy as always."),
    ("It is cold today.", "Yes, and it may rain."),
    ("I saw {surname} yesterday.", "Really? How nice."),
    ("What {a:adj} day.", "Indeed."),
    ("Did you hear the {instrument} last night?", "Yes, it was loud."),
    ("I am a bit tired.", "Me too."),
)


def make_scene(rng: Random) -> Scene:
    """A new scene with a short talk."""
    a = b = draw(rng, "first")
    while a == b:
        b = draw(rng, "first")
    bound: Context = {"a": a, "b": b}
    asks, past, present, ends, topic = rng.choice(_SCENES)
    ask = pick(rng, asks, bound)
    replies, result = rng.choice(ends)
    reply = pick(rng, replies, bound)
    lines: list[tuple[str, str]] = []
    if rng.random() < 0.6:
        lines += zip((a, b), (expand(rng, part, bound) for part in rng.choice(_HELLO)), strict=True)
    if rng.random() < 0.35:
        lines += zip((a, b), (expand(rng, part, bound) for part in rng.choice(_CHAT)), strict=True)
    lines += [(a, ask), (b, reply)]
    if rng.random() < 0.5:
        lines += zip((a, b), (expand(rng, part, bound) for part in rng.choice(_BYE)), strict=True)
    return Scene(
        a,
        b,
        tuple(lines),
        expand(rng, past, bound),
        expand(rng, present, bound),
        expand(rng, result, bound),
        expand(rng, topic, bound),
    )


def written(rng: Random, scene: Scene) -> str:
    """The dialogue in one of several forms."""
    form = rng.choice(("{n}: {t}", "{n}: {t}", "- {n}: {t}", "[{n}] {t}", '{n} said: "{t}"', "{n} - {t}"))
    return "\n".join(form.format(n=name, t=text) for name, text in scene.lines)


SUMMARY_STYLES = (
    "{A} {wish}, and {B} {result}.",
    "{A} {wish}. {B} {result}.",
    "{A} {present}; {B} {result}.",
    "Topic: {topic}. {B} {result}.",
    "- {A} {wish}\n- {B} {result}",
    "After {A} {wish}, {B} {result}.",
    "They talked about {topic}: {B} {result}.",
    "In short: {B} {result}.",
    "A talk between {A} and {B} about {topic}.",
    "{A} ({topic}) -> {B} {result}",
    "{A} and {B} spoke about {topic}. In the end {B} {result}.",
    "What happened: {A} {wish}. How it ended: {B} {result}.",
    "{B} {result} when {A} {wish}.",
)


def summary(scene: Scene, style: str) -> str:
    """The scene in one of the summary styles."""
    return style.format(
        A=scene.a, B=scene.b, wish=scene.wish, present=scene.wish_ing, result=scene.result, topic=scene.topic
    )
