"""Endless short pretraining documents about simple facts: running text, questions with answers, and chats.

The capability test of the `support` suite asks for the same facts in wordings that never occur here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from models.pretrain import facts_daily, facts_language, facts_nature, facts_world
from models.pretrain.facts_relation import Pair, Relation, capitalised, fill

RELATIONS: tuple[Relation, ...] = (
    *facts_world.RELATIONS,
    *facts_language.RELATIONS,
    *facts_nature.RELATIONS,
    *facts_daily.RELATIONS,
)
SUBJECTS: tuple[str, ...] = tuple(dict.fromkeys(relation.subject for relation in RELATIONS))
MAX_FACTS = 8

Fact = tuple[Relation, Pair]


def facts_of(subject: str) -> tuple[Fact, ...]:
    """List the facts of one subject, in the order of the tables."""
    chosen = (relation for relation in RELATIONS if relation.subject == subject)
    return tuple((relation, pair) for relation in chosen for pair in relation.pairs)


def documents(rng: random.Random) -> Iterator[str]:
    """Yield documents of one to eight facts for ever; every fact is equally likely."""
    by_subject = {subject: facts_of(subject) for subject in SUBJECTS}
    everything = [fact for facts in by_subject.values() for fact in facts]
    while True:
        n_facts = rng.randint(1, MAX_FACTS)
        of_one_subject = rng.random() < 0.5
        pool = by_subject[rng.choice(everything)[0].subject] if of_one_subject else everything
        yield _document(rng, rng.sample(pool, n_facts))


def _document(rng: random.Random, chosen: list[Fact]) -> str:
    style = rng.random()
    if style < 0.35:
        return " ".join(_statement(rng, fact) for fact in chosen)
    if style < 0.70:
        separator = rng.choice(("\n", "\n\n"))
        return separator.join(_question_and_answer(rng, fact) for fact in chosen)
    if style < 0.88:
        return "\n".join(_chat_turn(rng, fact) for fact in chosen)
    return "\n".join(rng.choice((_statement, _question_and_answer))(rng, fact) for fact in chosen)


def _statement(rng: random.Random, fact: Fact) -> str:
    relation, pair = fact
    return capitalised(fill(rng.choice(relation.statements), pair))


def _question_and_answer(rng: random.Random, fact: Fact) -> str:
    relation, pair = fact
    end = "." if rng.random() < 0.25 else ""
    return f"Question: {fill(rng.choice(relation.questions), pair)}\nAnswer: {pair[1]}{end}"


def _chat_turn(rng: random.Random, fact: Fact) -> str:
    relation, pair = fact
    reply = f"{capitalised(pair[1])}." if rng.random() < 0.6 else _statement(rng, fact)
    return f"User: {fill(rng.choice(relation.questions), pair)}\nAssistant: {reply}</s>"
