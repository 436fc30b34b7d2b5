"""Where a task's answers have their label: declared once, the same for every metric, the report and the freeze."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from evalgate.core.answers import extract
from evalgate.core.prompts import EXACT_LABEL, AnswerRule, LabelRule
from evalgate.core.results import Failure
from evalgate.core.strict_json import parse

NO_LIKELIHOODS = Failure(code="no-likelihoods", message="the backend gave no likelihoods of the labels")


class Extractor:
    """Finds the labels of one task's answers by its rule."""

    def __init__(self, rule: LabelRule, labels: Sequence[str]) -> None:
        self.rule, self.labels = rule, tuple(labels)
        # A label as it is written wins over an alias, and an earlier label over a later one.
        self._names = {_folded(alias): label for alias, label in rule.aliases.items()}
        self._names |= {_folded(label): label for label in reversed(self.labels)}

    def label(self, output: str, logprobs: Mapping[str, float] | None = None) -> str | Failure | None:
        """The answer's label; None where it has none; a failure where that could not be told.

        Failures are `answer-timeout` and, for `likelihood` without them, `no-likelihoods`.
        """
        rule = self.rule
        if rule.find == "likelihood":
            return self._likeliest(logprobs)
        if rule.find == "last_label":
            return self._last(output)
        if rule.find == "json_field":
            return self._named(_field(output, rule.field))
        if rule.find == "regex":
            found = extract(AnswerRule(regex=rule.pattern, timeout_s=rule.timeout_s), output)
            if isinstance(found, Failure):
                return found if found.code == "answer-timeout" else None
            return self._named(found)
        return self._named(output)

    def probabilities(self, logprobs: Mapping[str, float] | None) -> dict[str, float] | None:
        """The labels' probabilities among themselves; None without a likelihood above 0 and below infinity."""
        known = {label: logprobs[label] for label in self.labels if label in logprobs} if logprobs else {}
        top = max(known.values(), default=-math.inf)
        if any(math.isnan(v) for v in known.values()) or not math.isfinite(top):
            return None
        weights = {label: math.exp(value - top) for label, value in known.items()}
        total = sum(weights.values())
        return {label: weight / total for label, weight in weights.items()}

    def _likeliest(self, logprobs: Mapping[str, float] | None) -> str | Failure:
        shares = self.probabilities(logprobs)
        return NO_LIKELIHOODS if shares is None else max(shares, key=lambda label: shares[label])

    def _named(self, text: str | None) -> str | None:
        return None if text is None else self._names.get(_folded(text))

    def _last(self, output: str) -> str | Failure | None:
        rule = self.rule
        try:
            start = 0
            if rule.after:
                marks = _marks(rule.after).finditer(output, timeout=rule.timeout_s)
                start = max((m.end() for m in marks), default=-1)
                if start < 0:
                    return None
            # Searched from the end: of two labels that end together the longer one is the answer.
            found = _words(tuple(self._names)).search(output, pos=start, timeout=rule.timeout_s)
        except TimeoutError:
            return Failure(code="answer-timeout", message=f"looking for a label took longer than {rule.timeout_s:g} s")
        return self._named(found[0]) if found else None


def counts_alike(was: str, now: str, labels: Iterable[str] | None) -> bool:
    """Whether a metric's earlier signature stands for the present numbers on a task with these labels (None: unknown).

    Version 1 of exact labels never found one that begins or ends with punctuation or holds two spaces; on other labels
    both versions give the same numbers.
    """
    successor = was.startswith(f"{EXACT_LABEL}|") and now == was.removesuffix("|v1") + "|v2"
    return was == now or (successor and labels is not None and all(_trimmed(x) == x for x in labels))


def _folded(text: str) -> str:
    return _trimmed(text).casefold()


def _trimmed(text: str) -> str:
    return " ".join(text.split()).strip(" .!,;:'\"")


def _field(output: str, path: str) -> str | None:
    """The text at a dotted path of a JSON object: a string as it is, a number or a truth value as JSON writes it."""
    value, wrong = parse(output)
    for key in path.split("."):
        if wrong is not None or not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


@lru_cache(maxsize=64)
def _marks(mark: str) -> Any:
    import regex

    return regex.compile(regex.escape(mark), flags=regex.IGNORECASE)


@lru_cache(maxsize=64)
def _words(names: tuple[str, ...]) -> Any:
    import regex

    ordered = sorted((n for n in names if n), key=lambda name: (-len(name), name))
    words = "|".join(regex.escape(name).replace(r"\ ", r"\s+") for name in ordered) or "(?!)"
    # The 5 of 1.5 is no word.
    whole = rf"(?r)(?<!\w)(?<!\d[.,])(?:{words})(?!\w)(?![.,]\d)"
    return regex.compile(whole, flags=regex.IGNORECASE | regex.FULLCASE)
