"""The answer in a text that reasons first. What cannot be found is a failure with a code of its own, never a guess."""

from __future__ import annotations

from evalgate.core.prompts import AnswerRule
from evalgate.core.results import Failure

GROUP = "answer"


def extract(rule: AnswerRule, text: str) -> str | Failure:
    """The answer that a text gives, without spaces around it.

    Fails with `no-answer` where there is none or it is empty, `answer-timeout` where looking for it took too long.
    """
    import regex

    try:
        found = _after(rule.after, text) if rule.after else _matched(rule, text)
    except TimeoutError:
        return Failure(code="answer-timeout", message=f"the regex took longer than {rule.timeout_s:g} s")
    except regex.error as error:  # a rule that no YAML check has seen
        return Failure(code="no-answer", message=f"the regex cannot be read: {error}")
    wanted = f"no answer after '{rule.after}'" if rule.after else "nothing matches the regex"
    return found or Failure(code="no-answer", message=wanted)


def _after(mark: str, text: str) -> str:
    """The first line with words after the last mark, whose case does not count."""
    import regex

    marks = list(regex.finditer(regex.escape(mark), text, flags=regex.IGNORECASE))
    rest = text[marks[-1].end() :].strip() if marks else ""
    return rest.splitlines()[0].strip() if rest else ""


def _matched(rule: AnswerRule, text: str) -> str:
    import regex

    matches = list(regex.finditer(rule.regex, text, timeout=rule.timeout_s))
    return (matches[-1].group(GROUP) or "").strip() if matches else ""
