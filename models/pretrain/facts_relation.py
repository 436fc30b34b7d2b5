"""What a table of facts is: pairs, the wordings that state them, and the wordings that ask for them."""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One kind of fact, such as "country -> capital".

    Templates may use `{s}` (what is asked about), `{o}` (the answer), their capitalised forms `{S}`, `{O}`,
    those with an indefinite article `{a_s}`, `{A_s}`, `{a_o}`, `{A_o}`, and, in arithmetic, `{a}`, `{b}`.

    Attributes:
        name: unique over all subjects.
        subject: the school subject that the facts belong to.
        pairs: (s, o), at most one o for each s.
        statements: running text; at least eight.
        questions: the wordings that pretraining uses; the capability test uses none of them.
        confusable: sets of answers of which two could both be called right; never offered together.
    """

    name: str
    subject: str
    pairs: tuple[Pair, ...]
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    confusable: tuple[frozenset[str], ...] = ()


def parse_pairs(text: str) -> tuple[Pair, ...]:
    """Read `s: o; s: o; ...`; line breaks count as blanks."""
    entries = [entry.partition(":") for entry in " ".join(text.split()).split(";") if entry.strip()]
    return tuple((s.strip(), o.strip()) for s, _, o in entries)


def parse_inverse(text: str) -> tuple[Pair, ...]:
    """Read `o: s, s, s; ...`, the short form for tables in which many things share an answer."""
    return tuple((s.strip(), o) for o, members in parse_pairs(text) for s in members.split(","))


def parse_sets(text: str) -> tuple[frozenset[str], ...]:
    """Read `a, b, c; d, e` into two sets."""
    groups = " ".join(text.split()).split(";")
    return tuple(frozenset(word.strip() for word in group.split(",")) for group in groups)


def capitalised(text: str) -> str:
    """Raise the first letter and leave the rest, as `str.capitalize` does not."""
    return text[:1].upper() + text[1:]


def with_article(noun: str) -> str:
    """Put "a" or "an" before a noun."""
    takes_a = noun.startswith(("uni", "eu", "use"))
    return f"{'an' if noun[0] in 'aeiou' and not takes_a else 'a'} {noun}"


def fill(template: str, pair: Pair) -> str:
    """Put one fact into a template."""
    s, o = pair
    a, _, b = s.partition(" and ")
    return template.format(
        s=s,
        o=o,
        S=capitalised(s),
        O=capitalised(o),
        a_s=with_article(s),
        A_s=capitalised(with_article(s)),
        a_o=with_article(o),
        A_o=capitalised(with_article(o)),
        a=a,
        b=b,
    )
