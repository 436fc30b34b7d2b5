"""Seeded noise: what hurried people do to a text they type."""

import random
import re

ABBREVIATIONS = {
    "please": "pls", "thanks": "thx", "you": "u", "are": "r", "because": "cuz", "tomorrow": "tmrw",
    "message": "msg", "people": "ppl", "your": "ur", "really": "rly", "about": "abt", "before": "b4",
    "information": "info", "okay": "ok", "delivery": "deliv", "with": "w/", "without": "w/o", "though": "tho",
}  # fmt: skip
FILLERS = ("um,", "well,", "so,", "honestly,", "look,", "I mean,", "anyway,", "ok so", "right,", "you know,")
SMILEYS = (":(", ":)", ":/", "!!", "...", "\U0001f615", "\U0001f64f")
_WORD = re.compile(r"[A-Za-z]{4,}")


def _is_protected(word: str) -> bool:
    """Numbers, order ids and capitalised words carry facts and stay as they are."""
    return any(c.isdigit() for c in word) or word[:1].isupper() or "-" in word


def typos(text: str, rng: random.Random, rate: float = 0.05) -> str:
    """Swap, drop or double one inner letter in about `rate` of the longer lower-case words."""
    words = text.split(" ")
    for i, word in enumerate(words):
        if _is_protected(word) or not _WORD.search(word) or rng.random() >= rate:
            continue
        at = rng.randrange(1, len(word) - 2) if len(word) > 4 else 1
        kind = rng.choice("sdr")
        if kind == "s":
            words[i] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        else:
            words[i] = word[:at] + (word[at] * 2 if kind == "r" else "") + word[at + 1 :]
    return " ".join(words)


def lower(text: str, rng: random.Random) -> str:
    """Everything in lower case, as on a phone in a hurry."""
    del rng
    return text.lower()


def no_punctuation(text: str, rng: random.Random) -> str:
    """Drop most commas, full stops and apostrophes that do not stand inside a number."""
    return re.sub(r"[.,;!'](?!\d)", lambda m: "" if rng.random() < 0.85 else m.group(), text)


def abbreviate(text: str, rng: random.Random) -> str:
    """Replace common words by chat abbreviations."""

    def swap(match: re.Match[str]) -> str:
        return ABBREVIATIONS[match.group()] if rng.random() < 0.8 else match.group()

    return re.sub(r"\b(" + "|".join(ABBREVIATIONS) + r")\b", swap, text)


def filler(text: str, rng: random.Random) -> str:
    """Put one filler in front of the text."""
    start = rng.choice(FILLERS)
    keeps = text.startswith(("I ", "I'", "BM")) or not text[1:2].islower()
    return start[0].upper() + start[1:] + " " + (text if keeps else text[0].lower() + text[1:])


def stretch(text: str, rng: random.Random) -> str:
    """Stretch a vowel of one word: 'so' becomes 'sooo'."""
    found = list(re.finditer(r"\b(so|no|please|really|very|way|still)\b", text))
    if not found:
        return text
    word = rng.choice(found)
    at = word.start() + max(word.group().rfind(c) for c in "aeiou")
    return text[:at] + text[at] * rng.randint(2, 4) + text[at:]


def smiley(text: str, rng: random.Random) -> str:
    """Append one smiley, mostly plain ASCII."""
    return text + " " + rng.choices(SMILEYS, weights=(6, 6, 6, 4, 6, 1, 1))[0]


NOISES = {
    "typos": typos, "lower": lower, "no_punctuation": no_punctuation, "abbreviate": abbreviate,
    "filler": filler, "stretch": stretch, "smiley": smiley,
}  # fmt: skip


def draw_noises(rng: random.Random, p_noisy: float = 0.4) -> tuple[str, ...]:
    """Names of the noises one writer has; empty for the careful ones."""
    if rng.random() >= p_noisy:
        return ()
    chosen = set(rng.sample(sorted(NOISES), rng.randint(1, 3)))
    return tuple(name for name in NOISES if name in chosen)  # a fixed order: fillers after lower case


def add_noise(text: str, rng: random.Random, names: tuple[str, ...]) -> str:
    """Apply the named noises in the order given; fillers and smileys only now and then."""
    for name in names:
        if name in ("filler", "smiley") and rng.random() < 0.5:
            continue
        text = NOISES[name](text, rng)
    return text
