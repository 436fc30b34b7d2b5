"""The form of a text: whether it matches a pattern, whether a Markdown document has the parts that were asked for."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from evalgate.core.data import Example, Task
from evalgate.core.errors import UsageError
from evalgate.core.record import digest_of, short
from evalgate.core.results import Failure, MetricSpec, Prediction, Score
from evalgate.core.strict_json import MAX_CHARS
from evalgate.metrics.options import list_option, refuse_options, switch_option, text_option, whole_option
from evalgate.metrics.scoring import MeanMetric, Options, unscored

TIMEOUT_S = 1.0
_MARKS = re.compile("[*_`]")


class RegexMatch(MeanMetric):
    """1 if the whole output matches `pattern`, or with `whole: false` any part of it; spaces around it do not count.

    Unscored with `answer-timeout` where matching takes longer than a second.
    """

    def __init__(self, options: Options) -> None:
        import regex

        refuse_options("regex_match", options, known=("pattern", "whole"))
        pattern = text_option("regex_match", options, "pattern")
        self._whole = switch_option("regex_match", options, "whole", default=True)
        try:
            self._pattern: Any = regex.compile(pattern)
        except regex.error as error:
            raise UsageError(
                f"the option 'pattern' of the metric regex_match is no regex: {error}",
                code="bad-metric-option",
                fix="correct the pattern",
            ) from error
        settings = f"{'whole' if self._whole else 'part'}:{short(digest_of(pattern))}"
        spec = MetricSpec(name="regex_match", unit="fraction", better="higher", signature=f"{settings}|v1")
        super().__init__(spec)

    def score(self, example: Example, prediction: Prediction, task: Task) -> Score:
        """1 or 0, unless it took too long to tell."""
        try:
            return super().score(example, prediction, task)
        except TimeoutError:
            message = f"matching the pattern took longer than {TIMEOUT_S:g} s"
            return unscored(self.spec, example, prediction, Failure(code="answer-timeout", message=message))

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """1 or 0."""
        match = self._pattern.fullmatch if self._whole else self._pattern.search
        found = match(output.strip(), timeout=TIMEOUT_S) is not None
        return float(found), None if found else "no-match"


class MarkdownStructure(MeanMetric):
    """1 if a Markdown output has the headings `sections` in this order, and what else is asked for.

    A section is written as in the text (`## Next steps`). `list_items` is the least number of items over all lists,
    `table` asks for a table, `code` for a fenced block in that language, `only` allows no other headings.
    """

    def __init__(self, options: Options) -> None:
        name, known = "markdown_structure", ("sections", "list_items", "table", "code", "only")
        refuse_options(name, options, known)
        self._sections = [_heading(text) for text in list_option(name, options, "sections")]
        self._items = whole_option(name, options, "list_items", 0, most=10_000, least=0)
        self._table = switch_option(name, options, "table", default=False)
        self._only = switch_option(name, options, "only", default=False)
        self._code = text_option(name, options, "code") if "code" in options else ""
        if not options:
            raise UsageError(
                "the metric markdown_structure asks for nothing",
                code="bad-metric-option",
                fix=f"give one of the options {', '.join(known)}",
            )
        signature = f"commonmark,table|{short(digest_of(options))}|v1"
        super().__init__(MetricSpec(name=name, unit="fraction", better="higher", signature=signature))

    def value(self, example: Example, output: str, task: Task) -> tuple[float, str | None]:
        """1 or 0; the detail names the first part that is not there."""
        failure = self._failure(output)
        return float(failure is None), failure

    def _failure(self, output: str) -> str | None:
        if len(output) > MAX_CHARS:
            return "too-long"
        tokens = _parser().parse(output)
        kinds = Counter(token.type for token in tokens)
        headings = [
            (int(token.tag[1:]), _plain(tokens[i + 1].content))
            for i, token in enumerate(tokens)
            if token.type == "heading_open"
        ]
        left = iter(headings)
        if not all(section in left for section in self._sections):
            return "missing-section"
        if self._only and len(headings) > len(self._sections):
            return "extra-section"
        if kinds["list_item_open"] < self._items:
            return "too-few-items"
        if self._table and not kinds["table_open"]:
            return "no-table"
        if self._code and not any(t.type == "fence" and t.info.split()[:1] == [self._code] for t in tokens):
            return "no-code"
        return None


def _heading(text: str) -> tuple[int, str]:
    marks, _, title = text.strip().partition(" ")
    if not 1 <= len(marks) <= 6 or set(marks) != {"#"} or not title.strip():
        raise UsageError(
            f"the section '{text}' of the metric markdown_structure is no heading",
            code="bad-metric-option",
            fix="write it as in the text, e.g. '## Next steps'",
        )
    return len(marks), _plain(title)


def _plain(title: str) -> str:
    return " ".join(_MARKS.sub("", title).split()).strip(" :#").casefold()


def _parser() -> Any:
    from markdown_it import MarkdownIt

    # Only blocks count: inline rules take quadratic time on hostile text.
    return MarkdownIt("commonmark").enable("table").disable("inline")
