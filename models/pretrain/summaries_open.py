# ruff: noqa: E501  (one template a line)
"""Dialogues between two speakers with summaries in many styles; the examples fix the style."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from models.pretrain.grammar import Context, article, capital, draw, expand
from models.pretrain.noise import messy
from models.pretrain.sample import Sample, one
from models.pretrain.vocabulary import THINGS, VOCABULARY

_KIND = "summaries_open"
_ROLES = (
    ("Guest", "Receptionist"), ("Parent", "Teacher"), ("Visitor", "Guide"), ("Patient", "Nurse"), ("Player", "Coach"),
    ("Tenant", "Caretaker"), ("Student", "Tutor"), ("Reader", "Librarian"), ("Camper", "Ranger"), ("Passenger", "Conductor"),
    ("Member", "Trainer"), ("Sailor", "Captain"), ("Farmer", "Vet"), ("Singer", "Conductor"), ("Child", "Grandmother"),
    ("Neighbour", "Gardener"), ("Driver", "Mechanic"), ("Actor", "Director"), ("Pupil", "Teacher"), ("Caller", "Operator"),
)  # fmt: skip
# problem: lines | "problem" past clause | noun phrase
_PROBLEMS = [
    ("My {thing} [is gone|has disappeared]. I last saw it in {place}. / I cannot find my {thing}! It was in {place}.", "lost {a:thing} in {place}", "lost {thing}"),
    ("The {thing} in {place} is broken. / Something is wrong with the {thing} in {place}, it does not work.", "reported a broken {thing} in {place}", "broken {thing}"),
    ("I would like to use {place} on {day}. / Is {place} free on {day}?", "wanted to use {place} on {day}", "use of {place}"),
    ("I cannot come on {day}. / {^day} does not work for me, sorry.", "could not come on {day}", "missed {day}"),
    ("There is so much noise from {place}. / It is very loud in {place}, we cannot sleep.", "complained about noise from {place}", "noise from {place}"),
    ("I found {a:thing} in {place}. Whose is it? / Somebody left {a:thing} in {place}.", "found {a:thing} in {place}", "found {thing}"),
    ("I do not understand the part about {word}. / Can you explain the part on {word} to me once more?", 'asked for help with "{word}"', 'help with "{word}"'),
    ("We are {num} people, but there are only {small} {thing}s. / There are not enough {thing}s for {num} people.", "needed more {thing}s for {num} people", "too few {thing}s"),
    ("It is far too [cold|warm] in {place}. / Why is it so [cold|warm] in {place}?", "was unhappy with the heating in {place}", "heating in {place}"),
    ("I forgot the code {code} for {place}. / The code {code} does not open {place}.", "could not get into {place} with the code {code}", "code for {place}"),
    ("May I bring my {thing} on {day}? / Is it fine if I bring {a:thing} on {day}?", "asked to bring {a:thing} on {day}", "bringing {a:thing}"),
    ("My {thing} got wet in {place}. / There is water on the floor of {place}, and my {thing} is wet.", "had a wet {thing} after a leak in {place}", "wet {thing}"),
    ("I hurt my foot in {place}. / I fell over {a:thing} in {place}, and my foot hurts.", "got hurt in {place}", "fall in {place}"),
    ("Who plays the {word} in our show on {day}? / I do not want to be the {word} on {day}.", "spoke about the part of the {word} on {day}", "part of the {word}"),
]  # fmt: skip
# action: line => past clause by b | outcome: line => clause
_ACTIONS = [
    ("I will look for it in {place2}. => searched {place2}", "Here it is, next to the {color} box! => it turned up next to a {color} box"),
    ("Let me call {first1}. => called {first1}", "{first1} will be here at {clock1}. => {first1} will come at {clock1}"),
    ("I can give you {a:thing2} for now. => gave out {a:thing2}", "That helps, I will bring it back on {day2}. => it must be back on {day2}"),
    ("We could move it to {day2}. => offered {day2}", "{^day2} is fine with me. => both agreed on {day2}"),
    ("I can only offer {place2}. => offered {place2} instead", "No, then I will rather wait. => the offer was turned down"),
    ("Please fill in this {color} form. => asked for a {color} form", "Done, here you are. => the form was handed in"),
    ("I am afraid I can do nothing before {day2}. => saw no way before {day2}", "Then I will come back on {day2}. => they will meet again on {day2}"),
    ("I will write it into the book under {code2}. => made a note under {code2}", "Good, I will ask again at {clock1}. => a new try follows at {clock1}"),
    ("Try it with {a:thing2}. => suggested {a:thing2}", "Oh, now it works! => that solved it"),
    ("Try it with {a:thing2}. => suggested {a:thing2}", "No, it still does not work. => that did not help"),
    ("{first1} has the key, I will ask. => went to ask {first1}", "{first1} said yes. => {first1} agreed"),
    ("You may use {place2} for {span1}. => allowed {place2} for {span1}", "Wonderful, thank you! => the matter was settled"),
]  # fmt: skip
_FILL = [
    ("How are you today?", "Fine, thank you. What can I do?"), ("Do you have a moment?", "Yes, of course."),
    ("Did you see {first}?", "No, not since {weekday}."), ("It is {a:adj} day.", "It really is."),
    ("I asked {first2} already.", "And what did {first2} say?"), ("I am a bit {feeling}.", "I can understand that."),
    ("Is that normal here?", "It happens in {season}."), ("When did it start?", "I think on {weekday}."),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    """A dialogue and what happened in it."""

    text: str
    roles: tuple[str, str]
    names: tuple[str, str]
    problem: str
    topic: str
    action: str
    outcome: str


def _place(rng: Random) -> str:
    return rng.choice((f"the {draw(rng, 'room')}", draw(rng, "roomno").lower(), f"the {draw(rng, 'venue')}"))


def make_scene(rng: Random, roles: tuple[str, str], named: bool) -> Scene:
    """A new talk of four to ten turns."""
    a, b = rng.sample(("first", "person"), 2)
    names = (draw(rng, a), draw(rng, b))
    bound: Context = {"thing": rng.choice(THINGS), "thing2": rng.choice(THINGS), "word": rng.choice(VOCABULARY)}
    bound |= {"place": _place(rng), "place2": _place(rng), "num": draw(rng, "num"), "small": draw(rng, "small")}
    bound |= {
        "day": draw(rng, "weekday"),
        "day2": draw(rng, "date"),
        "code": draw(rng, "code"),
        "code2": draw(rng, "code"),
    }
    bound |= {"color": draw(rng, "color"), "first1": draw(rng, "first"), "clock1": draw(rng, "clock")}
    lines, problem, topic = rng.choice(_PROBLEMS)
    act, end = rng.choice(_ACTIONS)
    (act_line, action), (end_line, outcome) = act.split(" => "), end.split(" => ")
    said = [rng.choice(lines.split(" / ")), act_line, end_line]
    talk = [expand(rng, line, bound) for line in said]
    opening = rng.choice(("Hello, I am {n}. ", "Hi, {n} here. ", "Good morning, my name is {n}. ")).replace(
        "{n}", names[0]
    )
    talk[0] = opening + talk[0]
    if rng.random() < 0.7:
        talk[1] = (
            rng.choice(("Hello, I am {n}. ", "{n} speaking. ", "I am {n}, nice to meet you. ")).replace("{n}", names[1])
            + talk[1]
        )
    else:
        names = (names[0], f"the {roles[1].lower()}")
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        at = rng.choice((1, 2))
        ask, reply = rng.choice(_FILL)
        talk[at:at] = expand(rng, f"{ask}\n{reply}").split("\n")
    if rng.random() < 0.7:
        talk.append(
            rng.choice(("You are welcome.", "Good, see you.", "All right, take care.", "Fine. Bye!", "Very well."))
        )
    shown = names if named and not names[1].startswith("the ") else roles
    body = "\n".join(f"{capital(shown[at % 2])}: {messy(rng, line, 0.04)}" for at, line in enumerate(talk))
    filled = [expand(rng, part, bound) for part in (problem, topic, action, outcome)]
    return Scene(body, roles, names, *filled)


Style = Callable[[Scene], str]
STYLES: tuple[Style, ...] = (
    lambda s: f"{s.names[0]} {s.problem}. {capital(s.names[1])} {s.action}, and {s.outcome}.",
    lambda s: f"{capital(s.topic)}: {s.names[1]} {s.action}; {s.outcome}.",
    lambda s: f"The {s.roles[0].lower()} {s.problem}, the {s.roles[1].lower()} {s.action}, and in the end {s.outcome}.",
    lambda s: f"Problem: {s.topic}. Action: {s.names[1]} {s.action}. Result: {s.outcome}.",
    lambda s: f"{s.topic} -> {s.action} -> {s.outcome}".lower(),
    lambda s: f"- who: {s.names[0]}\n- what: {s.topic}\n- end: {s.outcome}",
    lambda s: f"After {s.names[0]} {s.problem}, {s.names[1]} {s.action}. In the end {s.outcome}.",
    lambda s: f"{capital(s.outcome)} after {s.names[1]} {s.action}; it began when {s.names[0]} {s.problem}.",
    lambda s: f"{s.roles[0]} {s.names[0]} {s.problem}; {s.outcome}.",
    lambda s: f"A talk about {article(s.topic) if s.topic.split()[0] in ('lost', 'broken', 'wet', 'found') else s.topic}. {capital(s.outcome)}.",
    lambda s: f"{s.names[0].upper()} {s.problem}. {s.roles[1].upper()} {s.action}. {capital(s.outcome)}.",
    lambda s: f"In short: {s.names[0]} {s.problem}, and {s.outcome}.",
    lambda s: f"[{s.topic}] {s.names[0]} {s.problem} / {s.names[1]} {s.action} / {s.outcome}",
    lambda s: f"Today {s.names[0]} came because the {s.roles[0].lower()} {s.problem}. {capital(s.names[1])} {s.action}. Outcome: {s.outcome}.",
    lambda s: f"{capital(s.outcome)}. Before that, {s.names[0]} {s.problem} and {s.names[1]} {s.action}.",
    lambda s: f"Note for {s.names[1]}: {s.names[0]} {s.problem}. You {s.action}. Now {s.outcome}.",
)  # fmt: skip
_ORDERS = (
    "Summarise this conversation in one or two sentences.", "Sum up the talk.", "Write a short summary.", "Summary?",
    "What happened in this conversation? One or two sentences.", "Summarize the dialogue.", "Give the gist of the talk.",
    "Write down in a line or two what was said and what came of it.", "Summarise the conversation briefly.",
    "Make a short note about the talk below.", "Read the dialogue and summarise it.", "Say in short who wanted what.",
)  # fmt: skip
_FRAMES = (
    ("Conversation:", "Summary:"), ("Dialogue:", "Summary:"), ("Talk:", "In short:"), ("Chat:", "Note:"), ("", "Summary:"),
    ("Text:", "Gist:"), ("Transcript:", "Summary:"), ("Input:", "Output:"), ("", "=>"),
)  # fmt: skip


def make(rng: Random) -> Sample:
    """A summary; with examples the style is the one they show, without it is one of the first, plain ones."""
    shots = 0 if rng.random() < 0.58 else rng.choice((1, 1, 2, 2, 3, 3, 4))
    style = rng.choice(STYLES) if shots else STYLES[rng.choice((0, 0, 2, 6))]
    named = rng.random() < 0.3
    roles = rng.choice(_ROLES)
    scenes = [make_scene(rng, roles if rng.random() < 0.4 else rng.choice(_ROLES), named) for _ in range(shots + 1)]
    order = rng.choice(_ORDERS)
    answers = [style(scene) for scene in scenes]
    if not shots and rng.random() < 0.6:
        text = scenes[0].text
        return one(_KIND, rng.choice((f"{order}\n\n{text}", f"{text}\n\n{order}", f"{order}\n{text}")), answers[0])
    head, cue = rng.choice(_FRAMES)
    blocks = [f"{head}\n{scene.text}\n{cue}".strip() for scene in scenes]
    if shots and rng.random() < 0.15:
        turns = [(f"{order}\n\n{scene.text}", answer) for scene, answer in zip(scenes, answers, strict=True)]
        return Sample(_KIND, tuple(turns))
    body = "\n\n".join(
        [f"{block} {answer}" for block, answer in zip(blocks[:-1], answers[:-1], strict=True)] + blocks[-1:]
    )
    return one(_KIND, body if shots and rng.random() < 0.3 else f"{order}\n\n{body}", answers[-1], cue=True)
