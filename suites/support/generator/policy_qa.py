"""Task `policy_qa`: a customer's question whose answer stands in one passage of the knowledge base."""

from __future__ import annotations

import random
import re
import zlib
from typing import Any

from generator.noise import add_noise, draw_noises
from generator.policies import Fact, knowledge_base, passages_jsonl, upper_first
from generator.policy_stories import CLOSERS, GOT, GREETINGS, LEADS, STORIES, WHEN, WHO
from generator.world import draw_name

MIN_WORDS, MAX_WORDS = 8, 30
UNSEEN_SHARE = 0.45  # of held-out questions: about facts that no train or dev question asks for
P_BARE, MAX_BARE = 0.25, 10  # share and most words of questions without a story
_NO_PRONOUN = re.compile(r"(back|up|in|enclose|about) \{a\}|returned|\{a\} (of|from|that|is|was|does|has|goes|shows)\b")


def _is_reserved(fact: Fact) -> bool:
    """One fact in four is asked for in held-out questions only."""
    return zlib.crc32(f"{fact.passage}/{fact.attribute}".encode()) % 4 == 0


def _stories(kind: str, split: str) -> tuple[str, ...]:
    """The stories of a split: shared sentences would make near copies across splits."""
    wanted = {"heldout": (0,), "dev": (1,)}.get(split, (2, 3))
    return tuple(story for i, story in enumerate(STORIES[kind]) if i % 4 in wanted)


def _bare(fact: Fact, split: str) -> tuple[str, ...]:
    """Wordings that may stand without a story, divided between the splits for the same reason."""
    wanted = {"heldout": (0,), "dev": ()}.get(split, (1, 2))
    short = [w for w in fact.wordings if len(w.format_map(fact.slots).split()) <= MAX_BARE]
    return tuple(wording for wording in short if fact.wordings.index(wording) % 3 in wanted)


def _story(fact: Fact, split: str, rng: random.Random) -> str:
    who, when = rng.choice(WHO), rng.choice(WHEN)
    words = dict(fact.slots) | {
        "who": who, "who_l": who if who == "I" else who[0].lower() + who[1:], "got": rng.choice(GOT),
        "when": when,
        "when_l": rng.choice(("last winter", "spring", "last year", "our wedding", "my birthday")),
    }  # fmt: skip
    return rng.choice(_stories(fact.story, split)).format_map(words)


def _wording(wording: str, fact: Fact, story: str, rng: random.Random) -> str:
    """The question's core, with a pronoun for what the story has named already."""
    noun = fact.slots.get("one", "")
    named = noun and noun in story
    if named and "{a}" in wording and not _NO_PRONOUN.search(wording) and rng.random() < 0.5:
        wording = wording.replace("{a}", "them" if noun.startswith("pair") else "it")
    return wording.format_map(fact.slots)


def _compose(fact: Fact, split: str, rng: random.Random) -> str:
    bare = _bare(fact, split)
    if bare and rng.random() < P_BARE:
        story, lead, core = "", rng.choice(LEADS), rng.choice(bare)
    else:
        story, lead, core = _story(fact, split, rng) + " ", rng.choice(LEADS), rng.choice(fact.wordings)
    first, last = draw_name(rng, split)
    core = _wording(core, fact, story, rng)
    greeting = rng.choice(GREETINGS)
    asked = lead + core if (lead and lead[-2] in ":,") or lead.endswith("but ") else lead + upper_first(core)
    start = story + asked
    if greeting and not start.startswith(("I ", "My card", "Brindlemoor")):
        start = start[0].lower() + start[1:] if not start.startswith(("Typing", "Grandma")) else start
    closer = rng.choice(CLOSERS).format(first=first, last=last)
    return (upper_first(greeting + start) + " " + closer).strip()


def _question(fact: Fact, split: str, rng: random.Random) -> str:
    """One question of `MIN_WORDS` to `MAX_WORDS` words, some typed in a hurry."""
    for _ in range(100):
        text = _compose(fact, split, rng)
        text = add_noise(text, rng, draw_noises(rng, 0.25))
        if MIN_WORDS <= len(text.split()) <= MAX_WORDS:
            return text
    raise ValueError(f"no question of a fitting length about {fact.passage}/{fact.attribute}")


def _plan(split: str, rng: random.Random, n: int) -> list[Fact]:
    """Which facts a split asks for: each about equally often, held-out with its share of reserved ones."""
    facts = [fact for passage in knowledge_base() for fact in passage.facts]
    reserved, shared = [f for f in facts if _is_reserved(f)], [f for f in facts if not _is_reserved(f)]

    def cycle(pool: list[Fact], size: int) -> list[Fact]:
        rounds = [rng.sample(pool, len(pool)) for _ in range(-(-size // len(pool)))]
        return [fact for one_round in rounds for fact in one_round][:size]

    unseen = round(n * UNSEEN_SHARE) if split == "heldout" else 0
    plan = cycle(reserved, unseen) + cycle(shared, n - unseen)
    rng.shuffle(plan)
    return plan


def rows(split: str, rng: random.Random, n: int) -> list[dict[str, Any]]:
    """`n` question rows of one split."""
    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    for fact in _plan(split, rng, n):
        question = _question(fact, split, rng)
        while question.lower() in seen:
            question = _question(fact, split, rng)
        seen.add(question.lower())
        found.append(
            {
                "id": f"policy_qa-{split}-{len(found) + 1:04d}",
                "inputs": {"question": question},
                "references": list(fact.answers),
                "label": None,
                "cluster": None,
                "tags": [fact.topic, f"evidence:{fact.passage}"],
            }
        )
    return found


def files() -> dict[str, str]:
    """The knowledge base: path below the suite -> text."""
    return {"corpus/passages.jsonl": passages_jsonl()}
