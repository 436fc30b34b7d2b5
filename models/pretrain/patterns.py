"""Few-shot patterns: classification, string transforms, lookups and recall."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from models.pretrain.grammar import capital, coined, pick
from models.pretrain.labelsets import LABEL_SETS
from models.pretrain.recall import lookup, recall, transform
from models.pretrain.sample import Sample
from models.pretrain.shots import few_shot
from models.pretrain.words import POOLS

_CHOOSE = (
    "Choose one of: {l}.",
    "Labels: {l}",
    "Possible labels: {l}.",
    "Pick the best label from this list: {l}.",
    "The label must be one of {l}.",
    "Answer with exactly one of: {l}.",
    "Options: {l}",
    "Categories: {l}.",
    "Classify the text as one of: {l}.",
    "Sort the message into one of these groups: {l}.",
    "Reply only with a label. Labels: {l}",
)
_BARE = (
    "Give the label.",
    "Classify.",
    "Follow the examples.",
    "Continue the pattern.",
    "",
    "",
    "Assign each text to its class.",
    "Look at the examples and label the last one.",
    "Do the same for the last line.",
    "Complete the list.",
)


def _styled(rng: Random, labels: list[str]) -> dict[str, str]:
    """Names under which labels are shown: as they are, another case, or words without meaning."""
    style = rng.random()
    if style < 0.5:
        return {label: label.replace("_", " ") if style < 0.1 else label for label in labels}
    if style < 0.72:
        change: Callable[[str], str] = rng.choice(
            (
                str.upper,
                capital,
                str.title,
                lambda text: text.replace("_", "-"),
                lambda text: f"<{text}>",
                lambda text: f"label_{text}",
            )
        )
        return {label: change(label) for label in labels}
    if style < 0.8:
        return dict(zip(labels, "ABCDEFGHIJ" if rng.random() < 0.5 else "123456789X", strict=False))
    names: set[str] = set()
    while len(names) < len(labels):
        names.add(coined(rng) if style < 0.9 else rng.choice(POOLS["noun"]))
    return dict(zip(labels, rng.sample(sorted(names), len(labels)), strict=True))


def _listed(rng: Random, names: list[str]) -> str:
    shape = rng.random()
    if shape < 0.7:
        return ", ".join(names)
    if shape < 0.8:
        return " | ".join(names)
    return ", ".join(names[:-1]) + " or " + names[-1]


def classification(rng: Random) -> Sample:
    """Texts with labels from one set; the labels are explained by a list, by examples, or by both."""
    chosen = rng.choice(LABEL_SETS)
    size = rng.randint(2, min(10, len(chosen.classes)))
    labels = rng.sample(sorted(chosen.classes), size)
    names = _styled(rng, labels)
    meaningful = all(label.split("_")[0].lower() in names[label].lower() for label in labels)
    count = rng.choice((0, 0, 1, 2, 3, 4, 5, 6, 8, 8)) if meaningful else rng.randint(max(2, size), max(8, size))
    order = [label for _ in range(count // size + 1) for label in rng.sample(labels, size)][:count]
    shots = [(pick(rng, chosen.classes[label]), names[label]) for label in order]
    bare = bool(shots) and rng.random() < 0.45
    target = rng.choice(labels) if meaningful and not bare else rng.choice(order)
    last = (pick(rng, chosen.classes[target]), names[target])
    listed = _listed(rng, list(names.values()))
    instruction = rng.choice(_BARE) if bare else rng.choice(_CHOOSE).replace("{l}", listed)
    if rng.random() < 0.35:
        instruction = f"{chosen.question} {instruction}".strip()
    return few_shot(rng, "patterns", instruction, shots, last)


def defined(rng: Random) -> Sample:
    """Labels without meaning that the instruction defines by a known class."""
    chosen = rng.choice(LABEL_SETS)
    labels = rng.sample(sorted(chosen.classes), min(len(chosen.classes), rng.randint(2, 4)))
    names = {label: coined(rng) for label in labels}
    form = rng.choice(("{n}: {l}", 'Use "{n}" for {l}.', "{n} = {l}", "Say {n} if it is {l}.", "{l} -> {n}"))
    rules = rng.choice(("\n", " ", "; ")).join(
        form.format(n=names[label], l=label.replace("_", " ")) for label in labels
    )
    target = rng.choice(labels)
    return few_shot(
        rng, "patterns", f"{chosen.question}\n{rules}", [], (pick(rng, chosen.classes[target]), names[target])
    )


def make(rng: Random) -> Sample:
    """One pattern sample."""
    return rng.choices((classification, defined, transform, lookup, recall), (52, 7, 14, 17, 10))[0](rng)
