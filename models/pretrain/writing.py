"""Rewriting, small talk and short stories."""

from __future__ import annotations

from random import Random

from models.pretrain.grammar import Context, article, capital, expand
from models.pretrain.sample import Sample, one

_KIND = "instructions"

_REWRITES = (
    ("Make it polite: {^task1}.", "Could you please {task1}?"),
    ("Make it a question: {first1} likes {hobby1}.", "Does {first1} like {hobby1}?"),
    (
        "Put it in the past: {first1} lives in {town1} and works as {a:job1}.",
        "{first1} lived in {town1} and worked as {a:job1}.",
    ),
    (
        "Make it shorter: On {weekday1} we will all meet together in the {room1} at {clock1}.",
        "We meet on {weekday1} at {clock1} in the {room1}.",
    ),
    ("Say no politely: Can you {task1}?", "I am sorry, I have no time to {task1}."),
    ("Say yes: Can you {task1}?", "Yes, I will gladly {task1}."),
    ("Make it negative: The {object1} is {color1}.", "The {object1} is not {color1}."),
    (
        "Make it friendlier: {first1}, come at {clock1}.",
        "Dear {first1}, please come at {clock1}. I look forward to it!",
    ),
    ("Swap the names: {first1} helps {first2}.", "{first2} helps {first1}."),
    ("Replace {first1} by {first2}: {first1} went to {town1}.", "{first2} went to {town1}."),
    ("Add the day {weekday1}: We {verb1} in {town1}.", "We {verb1} in {town1} on {weekday1}."),
    (
        "Fix the capital letters: {first1} lives in {town1} and has {a:pet1}.",
        "{first1} lives in {town1} and has {a:pet1}.",
    ),
    ("Write a sentence with the word {noun1}.", "The {noun1} is very {adj1}."),
    ("Write a sentence with {animal1} and {color1}.", "{^a:color1} {animal1} sat near the {noun1}."),
    ("Give a title: {first1} bought {a:object1} in {town1}.", "The {object1} from {town1}"),
    (
        "Write a short note to {first1}: {task1} on {weekday1}.",
        "Hi {first1}, please {task1} on {weekday1}. Thank you!",
    ),
    (
        "Invite {first1} to the {venue1} at {clock1}.",
        "Dear {first1}, I would like to invite you to the {venue1} at {clock1}. Please come!",
    ),
    (
        "Thank {first1} for the {object1}.",
        "Dear {first1}, thank you very much for the {object1}. It is lovely.",
    ),
    ("Wish {first1} a happy birthday.", "Happy birthday, {first1}! I wish you {a:adj1} year."),
    ("Explain to {first1} that {reason1}.", "Dear {first1}, please understand that {reason1}."),
    (
        "What does {a:job1} need {a:tool1} for?",
        "{^a:job1} can use {a:tool1} to repair or make things at work.",
    ),
    ("Which word does not fit: {color1}, {color2}, {animal1}?", "{animal1}"),
    ("Which word does not fit: {animal1}, {tool1}, {animal2}?", "{tool1}"),
    ("On which day is the party? It is on {weekday1} at {clock1}.", "{weekday1}"),
    ("Complete the sentence: {first1} opened the {object1} and", "found {a:color1} {object2} inside."),
    ("What colour is it? The {color1} {object1} stood in the {room1}.", "{color1}"),
    ("Who has the {object1}? {first1} gave it to {first2}.", "{first2}"),
)


def rewrite(rng: Random) -> Sample:
    """A sentence to change, write or complete."""
    bound: Context = {}
    order, answer = rng.choice(_REWRITES)
    asked = expand(rng, order, bound)
    if order.startswith("Fix the capital"):
        head, text = asked.split(": ", 1)
        asked = f"{head}: {text.lower()}"
    return one(_KIND, asked, expand(rng, answer, bound))


_TALK = (
    (
        "[Hi|Hello|Hey|Good morning]!",
        "[Hello! How can I help you?|Hi! What can I do for you?|Hello there! Nice to meet you.]",
    ),
    ("How are you?", "[I am fine, thank you. And you?|Very well, thanks for asking.|I am doing well.]"),
    ("My name is {first1}.", "[Nice to meet you, {first1}.|Hello {first1}!]"),
    ("I am from {town1}.", "[How nice! What is {town1} like?|{town1} sounds lovely.]"),
    ("I like {hobby1}.", "[{^hobby1} is fun. How did you start?|Do you enjoy {hobby1} often?]"),
    ("My {pet1} is called {brand1}.", "[{brand1} is a lovely name for {a:pet1}.|How old is {brand1}?]"),
    ("Thank you.", "[You are welcome!|My pleasure.|Any time.]"),
    (
        "I feel {feeling1} today.",
        "[Thank you for telling me. Why do you feel {feeling1}?|I see. Do you want to talk about it?]",
    ),
    ("Bye!", "[Goodbye!|See you soon!|Have a nice day!]"),
    ("What should I cook?", "[How about {food1}?|You could make {food1}.]"),
    (
        "I have a {subject1} test on {weekday1}.",
        "[Good luck with {subject1}!|I hope that the {subject1} test goes well.]",
    ),
    (
        "Tell me a fact about {animal1}s.",
        "[{^a:animal1} needs food, water and a safe place to rest.|Every {animal1} was small once.]",
    ),
    ("Can you help me?", "[Of course. What do you need?|Yes, gladly. Tell me more.]"),
)


def small_talk(rng: Random) -> Sample:
    """A few polite turns."""
    turns = []
    for ask, answer in rng.sample(_TALK, rng.randint(1, 4)):
        bound: Context = {}
        content = expand(rng, ask, bound)
        turns.append((content, expand(rng, answer, bound)))
    return Sample(_KIND, tuple(turns))


_STORY = (
    "[Once upon a time|One {weekday} in {month}|Long ago|Last {season}], {a:job1} named {first1} lived [near {town1}|in {town1}|at {address}].",  # noqa: E501
    "[Every day|In the evening|At {clock}] {first1} [looked at|thought of|dreamt of] the {noun1}.",
    "There {first1} found {a:adj1} {object1} [made of {material}|in {a:color} box|under a {noun}].",
    '[{^a:animal1} came and said|{first2} laughed and said|The {object1} began to speak and said]: "[Bring it home.|Do not be afraid.|This is for you.|Follow me.]"',  # noqa: E501
    "{first1} [was {feeling} and|felt {feeling}, but] [ran home|took the {object1}|waited until {weekday}].",
    "[Later|In the end|After {duration}], {first1} [gave the {object1} to {first2}|kept the {object1} for ever|sold the {object1} for {price}].",  # noqa: E501
    "[And so they became friends.|Everybody in {town1} still tells this story.|From then on, {first1} was {feeling}.|That was the end of {a:adj} day.]",  # noqa: E501
)


def story(rng: Random) -> Sample:
    """A short story: told, continued, titled or summarised."""
    bound: Context = {}
    lines = [capital(expand(rng, line, bound)) for line in _STORY]
    lines = [line for at, line in enumerate(lines) if at in (0, 2) or rng.random() < 0.8]
    hero, thing, job = bound["first1"], bound["object1"], article(bound["job1"])
    shape = rng.random()
    if shape < 0.25:
        return one(_KIND, f"Tell me a story about {job} and {article(thing)}.", " ".join(lines))
    if shape < 0.5:
        cut = rng.randint(1, len(lines) - 1)
        return one(
            _KIND,
            f"{rng.choice(('Continue the story:', 'Go on:', 'What happens next?'))} {' '.join(lines[:cut])}",
            " ".join(lines[cut:]),
        )
    text = " ".join(lines)
    order, answer = rng.choice(
        (
            ("Give the story a title.", f"{hero} and the {capital(thing)}"),
            ("Who is the story about?", hero),
            ("What is the job of the hero?", bound["job1"]),
            ("What was found?", f"{article(bound['adj1'])} {thing}"),
            ("Sum it up in one sentence.", f"{capital(job)} named {hero} found {article(thing)}."),
            ("How does it end?", lines[-1]),
            ("What happens at the start?", lines[0]),
            ("Shorten the story.", f"{lines[0]} {lines[-1]}"),
        )
    )
    return one(_KIND, rng.choice((f"{order}\n\n{text}", f"{text}\n\n{order}", f"{text} {order}")), answer)
