"""Messy writing: typos, lost punctuation, lower case."""

from __future__ import annotations

from random import Random

_SHORT = {"you": "u", "please": "pls", "are": "r", "because": "cuz", "thanks": "thx", "what is": "whats", "I am": "im"}


def typo(rng: Random, text: str) -> str:
    """The text with one small slip in a longer word."""
    words = text.split(" ")
    at = rng.randrange(len(words))
    word = words[at]
    if len(word) < 4 or not word.isalpha():
        return text
    cut = rng.randrange(1, len(word) - 1)
    words[at] = rng.choice(
        (
            word[:cut] + word[cut + 1 :],
            word[:cut] + word[cut] + word[cut:],
            word[: cut - 1] + word[cut] + word[cut - 1] + word[cut + 1 :],
        )
    )
    return " ".join(words)


def messy(rng: Random, text: str, chance: float = 0.3) -> str:
    """The text, with the chance given in careless spelling."""
    if rng.random() >= chance:
        return text
    kind = rng.random()
    if kind < 0.45:
        text = text.lower()
    if kind > 0.3:
        for _ in range(rng.choice((1, 1, 2))):
            text = typo(rng, text)
    if rng.random() < 0.3:
        text = text.rstrip(".?!")
    if rng.random() < 0.2:
        for long, short in _SHORT.items():
            text = text.replace(f" {long} ", f" {short} ")
    return text
