"""Reasoning before the answer: what is extracted is scored, the whole text is kept, and no answer is no zero."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorder import Recorder
from small_suite import write_suite

from evalgate.backends.fake import FakeBackend
from evalgate.config import load_suite_spec, load_systems
from evalgate.core.answers import extract
from evalgate.core.data import Example, Message, MetricUse, PromptSpec, Sampling, SystemSpec, Task, TaskSpec
from evalgate.core.errors import UsageError
from evalgate.core.prompts import AnswerRule
from evalgate.core.protocols import Ask, Request
from evalgate.core.results import Failure, Generation, Prediction
from evalgate.execution.local import predict
from evalgate.metrics.classification import Accuracy
from evalgate.store import read_lines
from evalgate.systems.prompt import prepare

AFTER = AnswerRule(after="Answer:")
JSON = AnswerRule(regex=r"(?s)(?P<answer>\{.*?\})")


@pytest.mark.parametrize(
    ("rule", "text", "answer"),
    [
        (AFTER, "It is late.\nAnswer: delivery\nBye", "delivery"),
        (AFTER, "Answer: refund? No.\nanswer:   delivery  ", "delivery"),
        (AFTER, "ANSWER:\n\n  30 days\nmore", "30 days"),
        (AFTER, "ßΣ İ Answer: é", "é"),
        (JSON, 'first {"a": 1}, no: {"a": 2}.', '{"a": 2}'),
        (AnswerRule(regex=r"= (?P<answer>\d+)"), "1 + 1 = 2, so 2 + 2 = 4", "4"),
    ],
)
def test_the_last_answer_is_taken(rule: AnswerRule, text: str, answer: str) -> None:
    assert extract(rule, text) == answer


@pytest.mark.parametrize(
    ("rule", "text", "failure"),
    [
        (AFTER, "It is delivery.", Failure(code="no-answer", message="no answer after 'Answer:'")),
        (AFTER, "Answer:  \n ", Failure(code="no-answer", message="no answer after 'Answer:'")),
        (AFTER, "", Failure(code="no-answer", message="no answer after 'Answer:'")),
        (JSON, "none", Failure(code="no-answer", message="nothing matches the regex")),
        (AnswerRule(regex="x(?P<answer>a)?"), "x", Failure(code="no-answer", message="nothing matches the regex")),
    ],
)
def test_no_answer_is_a_failure_of_its_own(rule: AnswerRule, text: str, failure: Failure) -> None:
    assert extract(rule, text) == failure


def test_a_regex_that_never_ends_is_stopped() -> None:
    rule = AnswerRule(regex=r"(?P<answer>(a|aa)+)$x", timeout_s=0.05)
    found = extract(rule, "a" * 200 + "b")
    assert found == Failure(code="answer-timeout", message="the regex took longer than 0.05 s")


@given(st.text(), st.text(alphabet=st.characters(exclude_categories=["Z", "C"]), min_size=1))
def test_what_stands_last_behind_the_mark_comes_out(before: str, answer: str) -> None:
    if "answer:" not in answer.casefold():
        assert extract(AFTER, f"{before}\nAnswer: {answer}") == answer


def asks(*rules: AnswerRule | None) -> list[Ask]:
    return [
        Ask(
            example_id=f"e{i}",
            request=Request(messages=(Message(role="user", content=f"q{i}"),), sampling=Sampling()),
            answer=rule,
        )
        for i, rule in enumerate(rules)
    ]


def test_the_record_holds_the_answer_and_the_whole_text(tmp_path: Path) -> None:
    said = {"q0": "Hm. Answer: refund", "q1": "Hm.", "q2": "plain", "q3": Failure(code="out-of-memory")}
    given = predict(
        asks(AFTER, AFTER, None, AFTER), system="s", task="route", adapter=None, path=tmp_path / "p.jsonl",
        backend=FakeBackend(lambda prompt: said[prompt]), progress=Recorder(),
    )  # fmt: skip
    found = {p.example_id: p for p in given}
    assert (found["e0"].output, found["e0"].raw, found["e0"].status) == ("refund", "Hm. Answer: refund", "ok")
    assert (found["e1"].output, found["e1"].raw, found["e1"].status) == (None, "Hm.", "error")
    assert found["e1"].failure == Failure(code="no-answer", message="no answer after 'Answer:'")
    assert found["e3"].failure == Failure(code="out-of-memory")
    kept = {p.example_id: p for p in read_lines(tmp_path / "p.jsonl", Prediction)}
    assert kept == found
    plain = next(json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines() if '"e2"' in line)
    assert "raw" not in plain, "lines of plain answers are as they were"
    score = Accuracy({}).score(ONE, found["e1"], TASK)
    assert (score.status, score.failure) == ("unscored", found["e1"].failure)
    assert Accuracy({}).score(ONE, found["e0"], TASK).parts == (1.0,)


def test_a_text_that_was_cut_says_so(tmp_path: Path) -> None:
    class Cut(FakeBackend):
        def generate(self, requests, *, adapter=None):  # type: ignore[no-untyped-def]
            yield 0, Generation(output="Let me think", status="truncated")

    [found] = predict(
        asks(AFTER), system="s", task="t", adapter=None, backend=Cut(str), path=tmp_path / "p", progress=Recorder()
    )
    assert found.failure is not None
    assert found.failure.message == "no answer after 'Answer:'; the text ends at `max_tokens`"


SPEC = TaskSpec(name="route", kind="classification", data="route", metrics=(MetricUse(name="accuracy"),))
ONE = Example(id="e0", inputs={"text": "where"}, label="refund")
TASK = Task(spec=SPEC, splits={"heldout": (ONE,)})


def test_the_rule_is_part_of_the_identity() -> None:
    def asked(**fields: AnswerRule) -> Ask:
        prompt = PromptSpec(template="{{ text }}", **fields)  # type: ignore[arg-type]
        system = SystemSpec(name="s", kind="prompt", backend="hf", model="m", prompts={"route": prompt})
        return prepare(system, TASK, [ONE])[0]

    assert asked(answer=AFTER).answer == AFTER
    assert asked().answer is None
    assert len({asked().digest, asked(answer=AFTER).digest, asked(answer=JSON).digest}) == 3


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("{}", "give either `after`, the words that stand before the answer, or `regex`"),
        ("{after: a, regex: '(?P<answer>b)'}", "give either `after`"),
        ("{regex: '('}", "is no regular expression: missing )"),
        ("{regex: 'a(b)'}", "must name what it looks for: `(?P<answer>...)`"),
        ("{behind: a}", "prompts.route.answer.behind: unknown key"),
        ("{after: a, timeout_s: 0}", "prompts.route.answer.timeout_s: input should be greater than 0"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_before_anything_runs(tmp_path: Path, answer: str, problem: str) -> None:
    suite = write_suite(tmp_path)
    file = tmp_path / "baselines" / "desk" / "zero_shot.yaml"
    file.write_text(file.read_text().replace("shots: 2}", f"answer: {answer}}}"))
    with pytest.raises(UsageError, match="bad-config") as caught:
        load_systems(file.parent, load_suite_spec(suite))
    assert problem in str(caught.value)


def test_a_rule_reaches_the_system(tmp_path: Path) -> None:
    suite = write_suite(tmp_path)
    file = tmp_path / "baselines" / "desk" / "zero_shot.yaml"
    file.write_text(file.read_text().replace("shots: 2}", 'answer: {after: "Answer:"}}'))
    assert load_systems(file.parent, load_suite_spec(suite))[0].prompts["route"].answer == AFTER
