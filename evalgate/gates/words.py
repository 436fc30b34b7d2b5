"""Verdicts as sentences that cannot be misread: what was shown, how surely, and what was not shown.

Inputs are fractions; percent and points are made here. Templates: statistics.md, section 7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evalgate.core.results import Outcome

# What may overturn a pass, by the number of unseen collapses that the guard adds.
UNSEEN = ("", "one unseen collapsed answer", "two unseen collapsed answers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a sentence about a paired comparison is made of. `low` and `high` are one-sided bounds of the change."""

    candidate: str
    baselines: tuple[str, ...]
    subject: str
    n: int
    n_clusters: int | None
    n_unscored: int
    value: float
    low: float
    high: float
    margin: float
    min_gain: float | None
    alpha_low: float
    alpha: float
    unseen: int  # collapses that the guard asks a pass to survive, 0 without it
    guard_decided: bool
    needed_n: int | None
    needed_if_measured: int | None
    n_candidates: int
    n_seeds: int | None = None


def points(value: float, *, sign: bool = False) -> str:
    """A fraction in points with one decimal, more where one would show a small number as 0."""
    scaled = 100 * value
    places = next((p for p in (1, 2, 3, 4) if round(scaled, p)), 1)
    text = f"{abs(round(scaled, places)):.{places}f}"
    negative = round(scaled, places) < 0
    return ("−" if negative else "+" if sign else "") + text


def percent(value: float) -> str:
    """A fraction as a percentage with no needless decimals: 95%, 98.3%, 99.95%."""
    text = f"{100 * value:.2f}" if value > 0.999 or 0 < value < 0.001 else f"{100 * value:.1f}"
    return text.rstrip("0").rstrip(".") + "%"


def count(n: int) -> str:
    """A count with thousands separated."""
    return f"{n:,}"


def _against(facts: Facts) -> str:
    names = facts.baselines
    return names[0] if len(names) == 1 else f"every baseline ({', '.join(names)})"


def _more(facts: Facts) -> str:
    if facts.needed_n is None or facts.needed_n <= facts.n:
        return ""
    return f"{count(facts.needed_n - facts.n)} more examples ({count(facts.needed_n)} in total)"


def _tail(facts: Facts) -> str:
    """What is added to every sentence: how missing scores were counted, and the clusters."""
    text = ""
    if facts.n_unscored:
        some = "1 example lacks a score and was" if facts.n_unscored == 1 else (
            f"{count(facts.n_unscored)} examples lack a score and were"
        )  # fmt: skip
        text += f" {some} counted as the worst case for the candidate."
    if facts.n_clusters is not None:
        text += f" The examples come from {count(facts.n_clusters)} clusters, which the margin of error allows for."
    if facts.n_seeds == 1:
        text += " One training seed: this is about this one training and says nothing about its recipe."
    elif facts.n_seeds is not None:
        text += (
            f" Judged on {facts.n_seeds} training seeds, whose spread the margin of error allows for; the recipe and "
            "the seed that ships must both hold, and the weaker of the two is shown."
        )
    return text


def too_few(facts: Facts, min_pairs: int, min_clusters: int) -> str:
    """The sentence where there are too few examples or clusters for any verdict."""
    if facts.n < min_pairs:
        return f"Only {facts.n} paired examples: fewer than {min_pairs} decide nothing." + _tail(facts)
    return (
        f"Only {facts.n_clusters} clusters of examples: fewer than {min_clusters} decide nothing, "
        "however many examples each one has. Add examples from other clusters."
    )


def superiority(outcome: Outcome, facts: Facts) -> str:
    """The sentence of a "better than" verdict."""
    sure = percent(1 - facts.alpha_low)
    if outcome == "pass":
        hope = ""
        if facts.n_candidates > 1:
            hope = f", which is probably optimistic where the best of {facts.n_candidates} candidates is shown"
        null = "no better than the baseline" if facts.margin == 0 else (
            f"that gains no more than {points(facts.margin)} points"
        )  # fmt: skip
        unseen = ("", "one unseen example", "two unseen examples")[facts.unseen]
        guard = f" It holds even if {unseen} had collapsed to 0." if unseen else ""
        text = (
            f"On {count(facts.n)} paired held-out examples {facts.candidate} beats {_against(facts)} by at least "
            f"{points(facts.low)} points ({sure} one-sided; measured {points(facts.value, sign=True)}{hope}). "
            f"A candidate {null} would get this verdict at most {percent(facts.alpha)} of the time.{guard} "
            "It says nothing about examples unlike the held-out set."
        )
    elif outcome == "fail":
        threshold = facts.margin if facts.min_gain is None else facts.min_gain
        if facts.high > 0:
            most = f"the gain is at most {points(facts.high)}"
            close = "It may still be slightly better or equal; by your own threshold that is not worth shipping."
        else:
            most = f"it is worse by at least {points(-facts.high)}"
            close = "Keep the baseline."
        text = (
            f"We can rule out a gain of {points(threshold)} points or more for {facts.candidate} over "
            f"{_against(facts)} ({percent(1 - facts.alpha)}; {most}; measured {points(facts.value, sign=True)} "
            f"on {count(facts.n)} paired held-out examples). {close}"
        )
    elif facts.guard_decided:
        more = _more(facts)
        text = (
            f"Better on this sample (measured {points(facts.value, sign=True)}), but {UNSEEN[facts.unseen]} "
            f"would overturn it. {f'Add {more}' if more else 'Add examples'} or look at the worst 10 outputs."
        )
    else:
        text = _superiority_open(facts)
    return text + _tail(facts)


def _seeds_differ(facts: Facts) -> str:
    """Advice where only more seeds can decide."""
    if facts.n_seeds is None or facts.n_seeds < 2 or facts.needed_n is not None:
        return ""
    return f" The {facts.n_seeds} seeds differ too much for more examples to decide: train more seeds."


def _superiority_open(facts: Facts) -> str:
    goal = "a gain worth shipping" if facts.min_gain is not None else "a gain"
    none = "no gain" if facts.margin == 0 else f"a gain of no more than {points(facts.margin)} points"
    more = _more(facts)
    advice = f" About {more} make a decision certain at this noise." if more else ""
    if facts.min_gain is None:
        advice = " Declare `min_gain`, the smallest gain worth shipping, to learn how many examples decide."
    else:
        advice = advice or _seeds_differ(facts)
    return (
        f"The data fit both '{none}' and '{goal}' (measured {points(facts.value, sign=True)}, interval "
        f"[{points(facts.low, sign=True)}, {points(facts.high, sign=True)}]). "
        f"This is not a pass and not a fail.{advice}"
    )


def non_inferiority(outcome: Outcome, facts: Facts, extra: str = "") -> str:
    """The sentence of a "not worse than" verdict; `extra` goes before the notes."""
    margin, sure = points(facts.margin), percent(1 - facts.alpha_low)
    if outcome == "pass":
        worst = f"at most {points(-facts.low)}" if facts.low < 0 else f"it rose by at least {points(facts.low)}"
        text = (
            f"{facts.subject} dropped by less than the allowed {margin} points ({sure}; {worst}; measured "
            f"{points(facts.value, sign=True)} on {count(facts.n)} paired items). This is not 'no change'."
        )
    elif outcome == "fail":
        text = (
            f"{facts.subject} dropped by more than {margin} points ({percent(1 - facts.alpha)}; at least "
            f"{points(-facts.high)}; measured {points(facts.value, sign=True)} on {count(facts.n)} paired items)."
        )
    elif facts.guard_decided:
        more = _more(facts)
        text = (
            f"{facts.subject} held on this sample (measured {points(facts.value, sign=True)}), but "
            f"{UNSEEN[facts.unseen]} would overturn it. {f'Add {more}' if more else 'Add examples'} or look at the "
            "worst 10 outputs."
        )
    else:
        text = (
            f"Measured {points(facts.value, sign=True)} on {count(facts.n)} paired items (interval "
            f"[{points(facts.low, sign=True)}, {points(facts.high, sign=True)}]); "
            f"a drop above {margin} points cannot be excluded."
        )
        text += _non_inferiority_n(facts)
    return text + (f" {extra}" if extra else "") + _tail(facts)


def _non_inferiority_n(facts: Facts) -> str:
    """How many items decide if nothing has changed, and if the change is what was measured."""
    measured = facts.needed_if_measured
    if measured is not None and measured <= 20 * facts.n:
        as_measured = f"{count(measured)} items are enough"
    else:
        as_measured = "no realistic number is enough"
    if facts.high < 0:
        return f" The data rule out 'no drop', too; if the true drop is what we measured, {as_measured}."
    if facts.needed_n is None:
        return _seeds_differ(facts)
    zero = f"{count(facts.needed_n)} items are enough"
    return f" If the true drop is zero, {zero}; if it is what we measured, {as_measured}."


# How a floor's sentence speaks of examples: those that count, those that do not, and "at most x% ...".
VALID = ("valid", "invalid", "are valid")
PASSED = ("passed", "failed", "pass")


def floor(
    outcome: Outcome,
    k: int,
    n: int,
    *,
    limit: float,
    low: float,
    high: float,
    alpha: float,
    more: tuple[int, int] | None,
    speech: tuple[str, str, str] = VALID,
) -> str:
    """The sentence of a floor: `k` of `n` right; `more` = further examples needed without and with one failure."""
    share, sure = f"{count(k)}/{count(n)}", percent(1 - alpha)
    good, bad, most = speech
    if outcome == "pass":
        allowed = max(1, math.ceil(1000 * (1 - _down(low)) - 1e-6))
        return (
            f"{share} {good}: the true rate is at least {percent(_down(low))} ({sure}). "
            f"That is not 100%: up to {allowed} in 1,000 could still fail."
        )
    if outcome == "fail":
        top = percent(_up(high))
        return f"{count(n - k)}/{count(n)} {bad}: at most {top} {most} ({sure}); the floor is {percent(limit)}."
    text = f"{share} {good} proves only ≥{percent(_down(low))} ({sure}); the floor is {percent(limit)}."
    if limit >= 1:
        return text + " No number of examples proves 100%: set a floor below it and `zero_tolerance: true`."
    if more is None:
        return text
    return text + f" {count(more[0])} more without a failure, or {count(more[1])} more with one."


def clustered_floor(text: str, n_clusters: int, least: int) -> str:
    """A floor's sentence with what clusters did to it; no sentence: there are too few of them."""
    if not text:
        return (
            f"Only {n_clusters} clusters of examples: fewer than {least} decide nothing, however many examples each "
            "one has. Add examples from other clusters."
        )
    return f"{text} The examples come from {n_clusters} clusters and count as if each cluster came out all alike."


def mean_floor(
    outcome: Outcome, *, n: int, value: float, low: float, high: float, limit: float, alpha: float, unseen: int
) -> str:
    """The sentence of a floor on a mean of graded scores, in points of 100; `unseen` collapses overturn a pass."""
    sure = percent(1 - alpha)
    measured = f"measured {points(value)} on {count(n)} examples; the floor is {points(limit)}"
    if outcome == "pass":
        return f"The mean is at least {points(low)} ({sure}; {measured})."
    if outcome == "fail":
        return f"The mean is at most {points(high)} ({sure}; {measured})."
    if unseen:
        return f"Above the floor on this sample, but {UNSEEN[unseen]} would overturn it ({measured})."
    return f"The mean lies between {points(low)} and {points(high)} ({measured}). This is not a pass and not a fail."


def _down(value: float) -> float:
    """Rounded down to a tenth of a percent, so that a bound never looks better than it is."""
    return math.floor(value * 1000 + 1e-9) / 1000


def _up(value: float) -> float:
    return min(1.0, math.ceil(value * 1000 - 1e-9) / 1000)


def latency(
    outcome: Outcome, *, name: str, low: float, high: float, limit: float, n: int, alpha: float, advised: int
) -> str:
    """The sentence of a latency gate; `name` as in "p95"."""
    sure = percent(1 - alpha)
    if outcome == "pass":
        return f"{name} is at most {high:.2f}× the baseline ({sure}; limit {limit:.2f}), {count(n)} interleaved pairs."
    if outcome == "fail":
        return f"{name} is at least {low:.2f}× the baseline ({sure}; limit {limit:.2f}), {count(n)} interleaved pairs."
    return (
        f"{name} ratio between {low:.2f} and {high:.2f}; limit {limit:.2f}; "
        f"a {name} needs about {count(advised)} pairs, this run had {count(n)}."
    )
