"""What is asked of one answer, by which digest it is known, and the record of what was said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.json import encode
from msgspec.structs import replace

from evalgate.core.data import Example
from evalgate.core.judgements import Judgement
from evalgate.core.judges import TIE, JudgedBy, JudgeSpec
from evalgate.core.protocols import Ask, Request
from evalgate.core.record import digest_of
from evalgate.core.results import Failure, Generation, Prediction
from evalgate.judges.prompts import VERSION, requests_for
from evalgate.judges.replies import Reading

NO_OPPONENT = Failure(code="no-opponent", message="the best baseline gave no answer to compare with")


class Question(NamedTuple):
    """What is asked of one answer, and by which digest it is known."""

    example_id: str
    requests: list[Request]
    digest: str = ""
    against: str = ""


def clear_preference(prediction: Prediction, other: Prediction | None) -> Judgement | None:
    """The preference that needs no judge: an equal text is a tie, and without a text nothing can be said."""
    if other is None or other.output is None:
        return Judgement(example_id=prediction.example_id, metric="", request_digest="", failure=NO_OPPONENT)
    if other.output != prediction.output:
        return None
    return Judgement(example_id=prediction.example_id, metric="", request_digest="", verdict=TIE, against=other.system)


def question_of(
    judge: JudgeSpec,
    by: JudgedBy,
    example: Example,
    prediction: Prediction,
    others: list[Prediction],
    judge_digest: str,
) -> Question:
    """What the judge is asked of an answer, or of two; the digest is also of who judges."""
    answers = [p.output or "" for p in (prediction, *others)]
    requests = requests_for(judge, by, example, *answers)
    against = others[0].system if others else ""
    return Question(example.id, requests, digest_of([requests, judge_digest, VERSION]), against)


def openings_question(ask: Ask, openings: Sequence[str]) -> Question:
    """The system's own question, answered by the likelihood of openings; known by who is asked as well."""
    grammar = encode(openings).decode()
    sampling = replace(ask.request.sampling, constraint="none", answer_by="likelihood", grammar=grammar)
    request = replace(ask.request, sampling=sampling)
    return Question(ask.example_id, [request], digest_of([ask.digest, request]))


def openings_said(question: Question, replies: list[Generation]) -> Judgement:
    """What a system said to `openings_question`; metrics and names come with the record."""
    return Judgement(
        example_id=question.example_id,
        metric="",
        request_digest=question.digest,
        failure=replies[0].failure,
        logprobs=replies[0].label_logprobs,
    )


def judgement_of(question: Question, said: Reading, replies: Sequence[Generation]) -> Judgement:
    """What a judge's replies come to."""
    return Judgement(
        example_id=question.example_id,
        metric="",
        request_digest=question.digest,
        verdict=said.verdict,
        failure=said.failure,
        replies=tuple(reply.output for reply in replies),
        against=question.against,
        swapped=said.swapped,
    )
