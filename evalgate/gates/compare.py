"""Candidates against baselines, paired by example: better, or not worse, with three outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evalgate.core.errors import UsageError
from evalgate.core.results import Estimate, Outcome, Verdict
from evalgate.gates import words
from evalgate.gates.pairs import Clusters, Pairs, Scores, SeedScores, align, align_seeds, seeds_of
from evalgate.stats.multiple import holm, simes
from evalgate.stats.paired import MIN_CLUSTERS, MIN_PAIRS, MeanTest, PairedTest, paired_test
from evalgate.stats.plan import no_flip_n, paired_n, superiority_n
from evalgate.stats.seeds import seed_test

PairRule = Literal["better", "not_worse"]
Kind = Literal["auto", "binary", "bounded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of every pair of systems. Fractions; `alpha` is one-sided and for the whole family."""

    rule: PairRule = "better"
    margin: float = 0.0
    min_gain: float | None = None
    alpha: float = 0.05
    kind: Kind = "auto"
    collapse_guard: bool = True
    gate: str = ""
    subject: str = "The score"

    def __post_init__(self) -> None:
        """Refuse settings that ask nothing."""
        check_alpha(self.alpha)
        if not 0 <= self.margin < 1:
            raise _setting(f"margin must be a fraction from 0 to below 1, not {self.margin:g}", "give 2 points as 0.02")
        if self.rule not in ("better", "not_worse"):
            raise _setting(f"there is no rule '{self.rule}'", "use `better` or `not_worse`")
        if self.min_gain is not None and not self.margin < self.min_gain <= 1:
            raise _setting(
                f"min_gain ({self.min_gain:g}) must be above margin ({self.margin:g}) and at most 1",
                "min_gain is the smallest gain worth shipping, as a fraction: 5 points are 0.05",
            )

    @property
    def pass_limit(self) -> float:
        """A pass shows that the change lies above this."""
        return self.margin if self.rule == "better" else -self.margin

    @property
    def fail_limit(self) -> float:
        """A fail shows that the change lies below this."""
        return self.min_gain if self.rule == "better" and self.min_gain is not None else self.pass_limit


def check_alpha(alpha: float) -> None:
    """Refuse an error rate outside (0, 0.5)."""
    if not 0 < alpha < 0.5:
        raise _setting(f"alpha must lie between 0 and 0.5, not {alpha:g}", "use 0.05, or less for several looks")


def _setting(what: str, fix: str) -> UsageError:
    return UsageError(what, code="bad-setting", fix=fix)


@dataclass(frozen=True, slots=True)
class _Pair:
    """One candidate against one baseline, tested; `claim`: what is compared, in words."""

    claim: str
    baseline: str
    test: PairedTest
    n_unscored: int
    p_pass: float
    p_fail: float


def compare(
    candidate: Scores | SeedScores,
    baseline: Scores,
    *,
    rule: PairRule = "better",
    margin: float = 0.0,
    min_gain: float | None = None,
    alpha: float = 0.05,
    clusters: Clusters | None = None,
    kind: Kind = "auto",
    collapse_guard: bool = True,
) -> Verdict:
    """Judge one candidate against one baseline on the same examples.

    Scores are fractions (0 worst, 1 best): mappings example id -> score, or sequences in one order. None, NaN and ids
    that only one system has count worst-case for the candidate; a list as a score holds repeats, averaged first.
    A recipe trained with several seeds is a mapping from seed to such a mapping, the seed that would ship first. A pass
    must then hold for the recipe, over seeds like these, and for that first seed by itself; the weaker one is reported.
    `better` passes if a gain above `margin` is shown and fails if a gain of `min_gain` is ruled out (without
    `min_gain`: any gain above `margin`); `not_worse` passes if a drop of `margin` is ruled out, and fails if
    it is shown.
    `clusters` (by id, or in order) name examples that are not independent. `kind`: 0/1 scores are judged by Tango's
    score test, others by the paired t test; `auto` looks. The estimate is of the change, at level `1 - 2*alpha`.

    Raises:
        UsageError: `bad-setting`, `pairs-mixed`, `pairs-length`, `no-pairs`, `scores-out-of-range`,
            `scores-not-numbers`, `scores-not-binary`.
    """
    question = Question(
        rule=rule, margin=margin, min_gain=min_gain, alpha=alpha, kind=kind, collapse_guard=collapse_guard
    )
    name = "the candidate"
    return judge_pairs({name: candidate}, {"the baseline": baseline}, question, clusters=clusters)[name]


def compare_many(
    candidates: Mapping[str, Scores | SeedScores],
    baselines: Mapping[str, Scores],
    *,
    rule: PairRule = "better",
    margin: float = 0.0,
    min_gain: float | None = None,
    alpha: float = 0.05,
    clusters: Clusters | None = None,
    kind: Kind = "auto",
    collapse_guard: bool = True,
) -> dict[str, Verdict]:
    """Judge every candidate against every baseline, as `compare` does, with one error rate for the whole family.

    A candidate must beat every baseline (its largest p-value counts) and Holm's method allows for the number of
    candidates. A fail needs Simes' test over the baselines. Verdicts name the baseline that is hardest to beat.

    Raises:
        UsageError: as `compare`, and `nothing-to-compare` without any candidate or baseline.
    """
    question = Question(
        rule=rule, margin=margin, min_gain=min_gain, alpha=alpha, kind=kind, collapse_guard=collapse_guard
    )
    return judge_pairs(candidates, baselines, question, clusters=clusters)


def judge_pairs(
    candidates: Mapping[str, Scores | SeedScores],
    baselines: Mapping[str, Scores],
    question: Question,
    *,
    clusters: Clusters | None = None,
    correct: bool = True,
    notes: Mapping[str, str] | None = None,
) -> dict[str, Verdict]:
    """The engine of `compare`, `compare_many` and the paired gates; `correct` turns Holm over candidates on.

    `notes` are sentences to add for a candidate.
    """
    if not candidates or not baselines:
        raise UsageError(
            "a comparison needs at least one candidate and one baseline",
            code="nothing-to-compare",
            fix="give both; a baseline is what you would ship today",
        )
    table = {
        c: [pair for name, b in baselines.items() for pair in _tests(c, s, name, b, question, clusters)]
        for c, s in candidates.items()
    }
    n_seeds = {c: None if (seeds := seeds_of(s)) is None else len(seeds) for c, s in candidates.items()}
    p_pass = [max(pair.p_pass for pair in pairs) for pairs in table.values()]
    adjusted, levels = holm(p_pass, question.alpha) if correct else (p_pass, [question.alpha] * len(table))
    return {
        name: _verdict(name, pairs, question, p, level, len(table), n_seeds[name], (notes or {}).get(name, ""))
        for (name, pairs), p, level in zip(table.items(), adjusted, levels, strict=True)
    }


def _tests(
    name: str, scores: Scores | SeedScores, baseline_name: str, baseline: Scores, question: Question,
    clusters: Clusters | None,
) -> list[_Pair]:  # fmt: skip
    """The claims that a candidate makes against one baseline: the adapter's, and with several seeds the recipe's."""
    seeds = seeds_of(scores)
    sides = [align(scores, baseline, clusters)] if seeds is None else align_seeds(seeds, baseline, clusters)  # type: ignore[arg-type]
    first, several = sides[0], len(sides) > 1
    binary = _binary(sides, question)
    codes, guard = first.codes, question.collapse_guard
    test = paired_test(first.candidate, first.baseline, codes=codes, binary=binary, guard=guard)
    claim = f"{name} (the seed that ships)" if several else name
    found = [_pair(claim, baseline_name, test, first.n_unscored, question)]
    if several:
        every = np.stack([side.candidate for side in sides])
        test = seed_test(every, first.baseline, codes=codes, binary=binary, guard=guard)
        claim = f"{name.partition('@')[0]} (mean of {len(sides)} seeds)"
        found.append(_pair(claim, baseline_name, test, max(side.n_unscored for side in sides), question))
    return found


def _binary(sides: Sequence[Pairs], question: Question) -> bool:
    binary = question.kind != "bounded" and all(side.binary for side in sides)
    if question.kind == "binary" and not binary:
        raise UsageError(
            "these scores are said to be binary, but some are neither 0 nor 1",
            code="scores-not-binary",
            fix="use `kind='bounded'` for graded scores and for averages over repeats",
        )
    return binary


def _pair(claim: str, baseline: str, test: PairedTest, n_unscored: int, question: Question) -> _Pair:
    few = test.too_few
    return _Pair(
        claim=claim,
        baseline=baseline,
        test=test,
        n_unscored=n_unscored,
        p_pass=1.0 if few else test.p_above(question.pass_limit),
        p_fail=1.0 if few else test.p_below(question.fail_limit),
    )


def _verdict(
    name: str, pairs: list[_Pair], question: Question, p_pass: float, level: float, n_candidates: int,
    n_seeds: int | None, note: str,
) -> Verdict:  # fmt: skip
    p_fail = simes([pair.p_fail for pair in pairs])
    outcome: Outcome = "pass" if p_pass <= question.alpha else "fail" if p_fail <= question.alpha else "inconclusive"
    binding = max(pairs, key=lambda pair: (pair.p_pass, -pair.test.value))
    if outcome == "fail":
        binding = min(pairs, key=lambda pair: (pair.p_fail, pair.test.value))
    test = binding.test
    guard_decided = (
        outcome == "inconclusive"
        and not any(pair.test.too_few for pair in pairs)
        and max(pair.test.p_unguarded(question.pass_limit) for pair in pairs) <= level
    )
    needed, if_measured = _needed(test, question, level) if outcome == "inconclusive" else (None, None)
    facts = words.Facts(
        candidate=binding.claim, baselines=tuple(dict.fromkeys(pair.baseline for pair in pairs)), n=test.n,
        subject=question.subject if binding.claim == name else f"{question.subject} of {binding.claim}",
        n_clusters=test.n_clusters, n_unscored=binding.n_unscored, value=test.value, low=test.low(level),
        high=test.high(question.alpha), margin=question.margin, min_gain=question.min_gain, alpha_low=level,
        alpha=question.alpha, unseen=test.unseen(level), guard_decided=guard_decided, needed_n=needed,
        needed_if_measured=if_measured, n_candidates=n_candidates, n_seeds=n_seeds,
    )  # fmt: skip
    return Verdict(
        gate=question.gate or question.rule, outcome=outcome, reason=_sentence(outcome, facts, question, test, note),
        candidate=name, baseline=binding.baseline, estimate=_estimate(test, level, binding.n_unscored),
        p_pass=p_pass, p_fail=p_fail, alpha=question.alpha, n=test.n, method=test.method_at(level),
        guard_decided=guard_decided, needed_n=needed,
    )  # fmt: skip


def _sentence(outcome: Outcome, facts: words.Facts, question: Question, test: PairedTest, note: str) -> str:
    if test.too_few:
        return words.too_few(facts, MIN_PAIRS, MIN_CLUSTERS)
    if question.rule == "better":
        return words.superiority(outcome, facts) + (f" {note}" if note else "")
    return words.non_inferiority(outcome, facts, note)


def _estimate(test: PairedTest, level: float, n_unscored: int) -> Estimate:
    return Estimate(
        value=test.value, low=test.low(level), high=test.high(level), level=1 - 2 * level, n=test.n,
        method=test.method_at(level), n_clusters=test.n_clusters, n_unscored=n_unscored,
    )  # fmt: skip


def _needed(test: PairedTest, question: Question, level: float) -> tuple[int | None, int | None]:
    """How many examples decide, from the spread and the declared effect; and, in words only, at the measured drop.

    Never fewer than a tenth more than there are: this many have just failed to decide.
    """
    margin, seeds = question.margin, 0.0
    if test.seeds is not None:  # what lies between seeds stays, however many examples there are
        seeds = MeanTest(0.0, test.seeds.se, test.seeds.df).high(level)
    least = max(MIN_PAIRS, test.n + (test.n + 9) // 10) if not test.too_few else MIN_PAIRS
    if question.rule == "better":
        if question.min_gain is None:
            return None, None
        collapse = test.base_mean + question.min_gain if test.guards else 0.0
        n = superiority_n(
            test.sd, question.min_gain - margin - 2 * seeds, alpha=level, alpha_fail=question.alpha, collapse=collapse
        )
        return (None if n is None else max(n, least)), None
    collapse = test.base_mean if test.guards else 0.0
    floor = no_flip_n(margin, level) if test.binary and margin > 0 else 0
    for power in (0.8, 0.95, 0.99):
        n = paired_n(test.sd, margin - seeds, alpha=level, power=power, collapse=collapse)
        if n is None or max(n, floor) > test.n:
            break
    measured = paired_n(test.sd, margin - seeds + min(test.value, 0.0), alpha=level, power=0.8, collapse=collapse)
    return (None if n is None else max(n, floor, least)), None if measured is None else max(measured, floor, least)
