"""Conversations of the desk and their summaries in the house style.

House style: the customer's first name, a verb that fits the mood, the problem, what the agent (by name) did,
and an outcome with its date. Only the last word counts: what was corrected, declined or tried in vain is left
out.
"""

import random
import re
from dataclasses import dataclass
from typing import Any

from generator import talk, world
from generator.resolutions import QUESTIONS, RESOLUTIONS, TIPS, Resolution

Turns = list[tuple[str, str]]
Second = tuple[world.Problem | None, str]  # another problem and its product; empty when it is the same one
MAX_TURNS = 10
MIN_WORDS, MAX_WORDS = 15, 35  # of a summary
VERBS = {
    "angry": ("complained that",), "disappointed": ("complained that",), "worried": ("was worried because",),
    "confused": ("was confused because",), "hurried": ("reported in a hurry that",),
}  # fmt: skip
CALM_VERBS = ("reported that",)


@dataclass(frozen=True, slots=True)
class Case:
    """All facts of one conversation, drawn before a word of it is written."""

    first: str
    last: str
    agent: str
    mood: str
    mood_phrase: str
    product: world.Product
    shown: str  # the product's name, with its colour when that is part of the story
    problem: world.Problem
    second: world.Problem | None
    other: str  # the product of the second problem; empty when it is the same one
    resolution: Resolution | None  # None: a tip solves it
    tip: str
    order_id: str
    facts: dict[str, str]
    noises: tuple[str, ...]
    split: str


def _second(rng: random.Random, product: world.Product, first: world.Problem) -> Second:
    """Another fault of the same thing, or the same kind of trouble with another product, or nothing."""
    draw = rng.random()
    if draw < 0.7 or first.issue not in ("damaged", "faulty", "incomplete", "wrong_item", "late"):
        return None, ""
    if draw < 0.85 and first.issue == "damaged":
        fits = [p for p in world.problems_for(product) if p.issue in ("faulty", "incomplete") and p.trait]
        return (rng.choice(fits), "") if fits else (None, "")
    other = world.draw_product(rng)
    fits = [p for p in world.problems_for(other) if p.issue == first.issue and p.key != first.key]
    return (rng.choice(fits), other.name) if fits and other != product else (None, "")


def _suits(resolution: Resolution, problem: world.Problem, second: world.Problem | None) -> bool:
    """Whether a resolution makes sense for these problems."""
    if problem.issue not in resolution.issues or (second and not resolution.both):
        return False
    if resolution.key == "cancel":
        return problem.key in ("changed_mind", "by_mistake", "late", "stuck") and not second
    if resolution.key == "spare":
        return problem.issue == "incomplete" or problem.key == "broken_handle"
    falls = ("cracked", "dented", "broken_handle", "dead", "wobbly")
    return resolution.key != "own_fault" or problem.key in falls


def _draw_resolution(
    rng: random.Random, problem: world.Problem, second: world.Problem | None
) -> tuple[Resolution | None, str]:
    """A resolution (None when a tip solves it) and a tip, empty when there is none."""
    tip = "" if second else rng.choice(TIPS.get(problem.key, ("",)))
    if tip and rng.random() < 0.35:
        return None, tip
    fits = [r for r in RESOLUTIONS if _suits(r, problem, second)]
    return rng.choice(fits), tip if rng.random() < 0.4 else ""


def draw_case(rng: random.Random, split: str) -> Case:
    """Draw the facts of one conversation."""
    product = world.draw_product(rng, split)
    problem = world.draw_problem(rng, product, split)
    second, other = _second(rng, product, problem)
    resolution, tip = _draw_resolution(rng, problem, second)
    first, last = world.draw_name(rng, split)
    mood, phrase = world.draw_mood(rng)
    if problem.issue in ("late", "overcharged"):
        mood = "calm" if mood in ("cheerful", "polite") else mood
        phrase = rng.choice(world.MOODS[mood])
    amount = product.price + next((p.price for p in world.PRODUCTS if p.name == other), 0)
    facts = {
        "amount": str(amount), "part": str(max(6, round(product.price * rng.choice((0.1, 0.15, 0.2, 0.3))))),
        "day": talk.draw_day(rng), "days": str(rng.randint(2, 14)), "courier": rng.choice(world.COURIERS),
        "it": "both" if other else "it",
        "new": "new ones" if other else rng.choice(("a new one", "another one")),
    }  # fmt: skip
    colour = rng.choice(world.COLOURS) + " " if rng.random() < 0.35 else ""
    agent = rng.choice([name for name in world.AGENTS if name != first])
    return Case(
        first, last, agent, mood, phrase, product, colour + product.name, problem, second, other,
        resolution, tip, world.draw_order_id(rng), facts, world.draw_noises(rng), split,
    )  # fmt: skip


def _briefs(case: Case) -> str:
    """What went wrong, as a past clause; the same product is not named twice."""
    text = case.problem.brief.format(p=case.shown)
    if case.second is None:
        return text
    if case.other:
        return f"{text} and {case.second.brief.format(p=case.other)}"
    tail = re.sub(r"^the (\w+) of the \{p\}", r"its \1", case.second.brief)
    tail = re.sub(r"^the \{p\} ", "", tail).replace(" of the {p}", "")
    return f"{text} and {tail}"


def summary(case: Case, rng: random.Random) -> str:
    """The reference in the house style."""
    head = f"{case.first} {rng.choice(VERBS.get(case.mood, CALM_VERBS))} {_briefs(case)}"
    if case.resolution is None:
        did, outcome = "suggested to " + case.tip.replace("your ", "the "), "resolved"
    else:
        did = rng.choice(case.resolution.did).format(**case.facts)
        outcome = case.resolution.outcome.format(**case.facts)
    link = rng.choice(("; ", ", and ")) if case.second is None else "; "
    return f"{head}{link}{case.agent} {did}. Outcome: {outcome}."


def _opening(case: Case, rng: random.Random, said: str, shows_mood: bool) -> str:
    """First words of the customer: greeting, name, problem and mood in varying order."""
    parts = [said]
    if rng.random() < 0.55:
        parts.insert(0, rng.choice(talk.CONTEXTS))
    if rng.random() < 0.7:
        parts.append(rng.choice(talk.DETAILS[case.problem.issue]))
    if shows_mood:
        parts.append(case.mood_phrase)
    if rng.random() < 0.5:
        parts.insert(0, rng.choice(talk.INTRODUCTIONS).format(first=case.first, last=case.last))
    if rng.random() < 0.7:
        parts.insert(0, rng.choice(talk.GREETINGS))
    return " ".join(parts)


def _said(case: Case, rng: random.Random) -> tuple[str, str]:
    """The problem in the customer's words and a later correction of the product (empty for most)."""
    said = world.tilt(case.problem.said, case.split, rng)
    colour = case.shown.removesuffix(case.product.name).strip()
    if rng.random() >= 0.18:
        return said.format(p=case.shown), ""
    if colour:
        wrong = rng.choice([c for c in world.COLOURS if c != colour])
        fixed = rng.choice(talk.COLOUR_CORRECTIONS).format(right=colour, wrong=wrong)
        return said.format(p=f"{wrong} {case.product.name}"), fixed
    similar = [p for p in world.PRODUCTS if p != case.product and case.problem in world.problems_for(p)]
    near = [p for p in similar if p.category == case.product.category] or similar
    wrong = rng.choice(near).name
    return said.format(p=wrong), rng.choice(talk.CORRECTIONS).format(right=case.product.name, wrong=wrong)


def _second_words(case: Case, rng: random.Random) -> str:
    """The second problem in the customer's words."""
    assert case.second is not None
    said = rng.choice(case.second.said).format(p=case.other or case.product.name)
    lead = rng.choice(talk.MORE)
    return f"{lead} {said if lead.endswith('.') else said[0].lower() + said[1:]}"


def _ask_and_answer(case: Case, rng: random.Random, correction: str, shows_mood: bool) -> Turns:
    """The agent greets and asks, the customer answers, corrects, adds the second problem or wanders off."""
    question, answers = rng.choice(QUESTIONS[case.problem.issue])
    cancelled = case.resolution is not None and case.resolution.key == "cancel"
    asks_detail = rng.random() < 0.6 and not cancelled
    ask = [rng.choice(talk.AGENT_GREETINGS).format(first=case.first, agent=case.agent)]
    if rng.random() < 0.75:
        ask.append(rng.choice(talk.SYMPATHY))
    reply = []
    if asks_detail:
        ask.append(question)
        reply.append(rng.choice(answers))
    if not asks_detail or rng.random() < 0.4:
        ask.append(rng.choice(talk.ASK_ORDER))
        reply.append(rng.choice(talk.GIVE_ORDER).format(id=case.order_id))
    if correction:
        reply.insert(rng.randint(0, len(reply)), correction)
    if shows_mood:
        reply.append(case.mood_phrase)
    if case.second is not None:
        reply.append(_second_words(case, rng))
    elif rng.random() < 0.45:
        others = [p.name for p in world.PRODUCTS if p.category != case.product.category]
        reply.append(rng.choice(talk.DIGRESSIONS).format(other=rng.choice(others)))
    return [("agent", " ".join(ask)), ("customer", " ".join(reply))]


def _tip(case: Case, rng: random.Random, works: bool) -> Turns:
    """The agent suggests something to try; the customer says how it went."""
    tip = rng.choice(talk.TIP_LEADS).format(tip=case.tip)
    return [("agent", tip), ("customer", rng.choice(talk.TIP_WORKED if works else talk.TIP_FAILED))]


def _declined(case: Case, rng: random.Random) -> Turns:
    """An offer that the customer does not take, which the summary leaves out; nothing if none would fit."""
    assert case.resolution is not None
    fits = [d for d in talk.DECLINED if case.resolution.key in d[2]]
    if case.problem.issue != "late":  # only who waits can be asked to go on waiting
        fits = [d for d in fits if "week" not in d[0]]
    if not fits or case.problem.issue == "not_needed":
        return []
    offer, answer = rng.choice(fits)[:2]
    return [("agent", offer), ("customer", answer)]


def _ending(case: Case, rng: random.Random, room: int) -> Turns:
    """The final offer with its date, in one turn or with a question between, and perhaps goodbyes."""
    assert case.resolution is not None
    offer = rng.choice(case.resolution.offers).format(**case.facts)
    when = rng.choice(case.resolution.when).format(**case.facts)
    refused = case.resolution.outcome == "refused"
    turns: Turns = [("agent", f"{offer} {when}")]
    if room >= 4 and rng.random() < 0.4:
        asked = talk.ASK_MORE if refused or case.resolution.key in ("credit", "cancel") else talk.ASK_WHEN
        turns = [("agent", offer), ("customer", rng.choice(asked)), ("agent", when)]
    if case.resolution.key == "credit" or (len(turns) < room and rng.random() < 0.6):
        replies = {"credit": talk.ACCEPTED, "cancel": talk.RELIEVED}.get(
            case.resolution.key, talk.REFUSED if refused else talk.THANKS
        )
        turns.append(("customer", rng.choice(replies).format(agent=case.agent)))
        if len(turns) < room and rng.random() < 0.4:
            turns.append(("agent", rng.choice(talk.GOODBYES).format(first=case.first)))
    return turns


def conversation(case: Case, rng: random.Random) -> Turns:
    """The turns of a case, 4 to `MAX_TURNS` of them."""
    said, correction = _said(case, rng)
    early = rng.random() < 0.65  # the mood decides the verb of the summary, so it always shows somewhere
    turns: Turns = [("customer", _opening(case, rng, said, early))]
    turns += _ask_and_answer(case, rng, correction, not early)
    if rng.random() < 0.45:
        check, answers = rng.choice(talk.CHECKS)
        turns += [("agent", check.format(p=case.shown)), ("customer", rng.choice(answers))]
    if case.resolution is None:
        turns += _tip(case, rng, works=True)
        if rng.random() < 0.5:
            turns.append(("agent", rng.choice(talk.GOODBYES).format(first=case.first)))
    else:
        if case.tip:
            turns += _tip(case, rng, works=False)
        elif rng.random() < 0.4:
            turns += _declined(case, rng)
        turns += _ending(case, rng, MAX_TURNS - len(turns))
    return turns


def _typed(turns: Turns, rng: random.Random, case: Case) -> Turns:
    """The turns as typed: customers type badly, agents do not."""
    return [(r, world.add_noise(text, rng, case.noises) if r == "customer" else text) for r, text in turns]


def _tags(case: Case, n_words: int, noisy: bool) -> list[str]:
    """Slices of one row."""
    tags = [case.product.category, case.problem.issue, f"mood-{case.mood}"]
    tags.append("short" if n_words < 80 else "medium" if n_words < 115 else "long")
    tags += ["noisy"] * noisy
    return tags + (["two-problems"] if case.second is not None else [])


def rows(split: str, rng: random.Random, n: int) -> list[dict[str, Any]]:
    """Draw `n` rows of one split; ids are given when the split is written."""
    found: list[dict[str, Any]] = []
    while len(found) < n:
        case = draw_case(rng, split)
        clean, short = conversation(case, rng), summary(case, rng)
        if not MIN_WORDS <= len(short.split()) <= MAX_WORDS:
            continue
        turns = _typed(clean, rng, case)
        said = [{"role": role, "content": text} for role, text in turns]
        tags = _tags(case, sum(len(text.split()) for _, text in turns), noisy=turns != clean)
        found.append({"inputs": {"conversation": said}, "references": [short], "tags": tags})
    return found
