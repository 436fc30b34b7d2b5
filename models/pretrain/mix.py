"""The endless mix of documents: `documents(rng)`; run as a module to print samples of each kind."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from random import Random

from models.pretrain import (
    extraction,
    extraction_open,
    instructions,
    labels_open,
    patterns,
    reading,
    reading_open,
    safety,
    safety_open,
    summaries_open,
)
from models.pretrain.grammar import pick
from models.pretrain.sample import Sample, chat, plain

Maker = Callable[[Random], Sample]

MAKERS: dict[str, Maker] = {
    "reading": reading.make,
    "patterns": patterns.make,
    "extraction": extraction.make,
    "instructions": instructions.make,
    "safety": safety.make,
    "safety_open": safety_open.make,
    "reading_open": reading_open.make,
    "extraction_open": extraction_open.make,
    "labels_open": labels_open.make,
    "summaries_open": summaries_open.make,
}
WEIGHTS: dict[str, int] = {
    "reading": 11,
    "patterns": 8,
    "extraction": 7,
    "instructions": 9,
    "safety": 4,
    "safety_open": 6,
    "reading_open": 18,
    "extraction_open": 15,
    "labels_open": 12,
    "summaries_open": 10,
}
CHAT_SHARE = 0.7
MAX_CHARS = 4200


_ROLES = (
    "You are a helpful assistant.",
    "You are a careful helper.",
    "You work at the {venue} in {town}.",
    "You are the assistant of the {venue}.",
    "You answer short and correctly.",
    "Do exactly what is asked.",
    "You help the people of {town}.",
    "Be brief and kind.",
    "You are an assistant. Follow the format.",
    "Act as {a:job} who helps with texts.",
)


def _with_role(rng: Random, made: Sample) -> Sample:
    (content, answer), *rest = made.turns
    return Sample(
        made.kind,
        ((f"{pick(rng, _ROLES)}{rng.choice((' ', chr(10), chr(10) * 2))}{content}", answer), *rest),
        made.cue,
    )


def sample(rng: Random, kind: str) -> Sample:
    """A sample of the kind that is not too long."""
    while True:
        made = MAKERS[kind](rng)
        if sum(len(content) + len(answer) for content, answer in made.turns) <= MAX_CHARS:
            return _with_role(rng, made) if not kind.startswith("safety") and rng.random() < 0.08 else made


def document(rng: Random, kind: str) -> str:
    """One document: chat form (often followed by other samples when short) or plain text."""
    made = sample(rng, kind)
    if rng.random() >= CHAT_SHARE:
        return plain(rng, made)
    text = chat(made)
    while len(text) < 1800 and rng.random() < (0.8 if len(text) < 350 else 0.22):
        text += chat(sample(rng, rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]))
    return text


def documents(rng: Random) -> Iterator[str]:
    """Endless mixed documents; each ends with the end marker and a newline."""
    kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
    while True:
        for kind in rng.choices(kinds, weights, k=256):
            yield document(rng, kind)


def main(count: int, seed: int) -> None:
    """Print `count` documents of each kind."""
    rng = Random(seed)
    for kind in MAKERS:
        for number in range(count):
            print(f"######## {kind} {number + 1}\n{document(rng, kind)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
