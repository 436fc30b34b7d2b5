"""Few-shot contents: examples and a last text in one of many layouts."""

from __future__ import annotations

from random import Random

from models.pretrain.sample import Sample, one

Pair = tuple[str, str]

_LAYOUTS = (
    ("Text: {x}\nLabel:", "\n\n"),
    ("Input: {x}\nOutput:", "\n\n"),
    ("Message: {x}\nCategory:", "\n\n"),
    ("{x} ->", "\n"),
    ("{x} =>", "\n"),
    ("Sentence: {x}\nClass:", "\n"),
    ('"{x}" is', "\n"),
    ("Q: {x}\nA:", "\n"),
    ("{x}\nTag:", "\n\n"),
    ("[{x}] :", "\n"),
    ("In: {x}\nOut:", "\n"),
    ("Example: {x}\nResult:", "\n\n"),
    ("Item: {x}\nType:", "\n\n"),
    ("Note: {x}\nTopic:", "\n\n"),
    ("x = {x}\ny =", "\n"),
    ("Line: {x}\nAnswer:", "\n\n"),
    ("Message: {x}\nIntent:", "\n\n"),
    ("- {x} |", "\n"),
    ("Utterance: {x}\nLabel:", "\n"),
    ("Request: {x}\nGroup:", "\n\n"),
    ("Text:\n{x}\n\nLabel:", "\n\n###\n\n"),
)


def few_shot(
    rng: Random, kind: str, order: str, shots: list[Pair], last: Pair, layouts: tuple[Pair, ...] = _LAYOUTS
) -> Sample:
    """One content with all shots that ends with the cue; sometimes the shots become turns."""
    layout, gap = rng.choice(layouts)
    if shots and rng.random() < 0.15:
        first = f"{order}\n" if order else ""
        turns = [*shots, last]
        return Sample(kind, ((first + turns[0][0], turns[0][1]), *turns[1:]))
    if not shots and order and rng.random() < 0.35:
        return one(kind, f"{order}\n\n{last[0]}" if rng.random() < 0.7 else f"{last[0]}\n\n{order}", last[1])
    blocks = [f"{layout.replace('{x}', text)} {answer}" for text, answer in shots]
    blocks.append(layout.replace("{x}", last[0]))
    head = f"{order}{rng.choice((chr(10), chr(10) * 2))}" if order else ""
    return one(kind, head + gap.join(blocks), last[1], cue=True)
