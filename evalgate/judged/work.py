"""Judges at work: asked about answers once, held to people's judgements and to themselves, everything recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from evalgate.backends.model_files import ModelFiles
from evalgate.config.judge_checks import judged_by
from evalgate.core.data import Suite, Task
from evalgate.core.errors import EvalgateError
from evalgate.core.judgements import Judgement
from evalgate.core.judges import Agreement, JudgedBy, JudgeSpec
from evalgate.core.protocols import Ask, Generates, JudgedMetric, Progress
from evalgate.core.record import digest_of
from evalgate.core.results import Generation, Prediction
from evalgate.core.showing import stage as shown
from evalgate.files import Appender, read_keys, read_lines
from evalgate.judged.planned import ACCEPT, judge_models, required_gates, yaml_place
from evalgate.judges.agreeing import agreement_of, told
from evalgate.judges.labels import Labelled, read_labels
from evalgate.judges.prompts import VERSION, requests_for
from evalgate.judges.questions import (
    Question,
    clear_preference,
    judgement_of,
    openings_question,
    openings_said,
    question_of,
)
from evalgate.judges.replies import Reading, read
from evalgate.sealing import Seal
from evalgate.store import RunFolder


class Opened(NamedTuple):
    """A judge's backend, with what it remembers and without, and the digest of what answers."""

    remembering: Generates
    anew: Generates
    digest: str


Asked = tuple[Question, list[Generation]]


class Judges:
    """The judges of a run. One without a model of its own is the run's untuned model.

    Args:
        suite: Its tasks say who judges and how.
        folder: Where judgements are recorded.
        own: The run's model, with what it remembers and without.
        files: The models of judges that have their own, by task.
        remember: Makes a backend that keeps its answers for later runs.
        progress: Shows stages.
        seal: Closes what is recorded of held-out answers.
    """

    def __init__(
        self,
        suite: Suite,
        folder: RunFolder,
        own: Opened,
        files: Mapping[str, ModelFiles],
        remember: Callable[[Any], Generates],
        progress: Progress,
        seal: Seal | None = None,
    ) -> None:
        self._suite, self._folder, self._own, self._files = suite, folder, own, files
        self._remember, self._progress, self._seal = remember, progress, seal
        self._models = judge_models(suite)
        self._open: dict[str, tuple[Any, Opened]] = {}

    def close(self) -> None:
        """Free the models that were opened to judge."""
        for backend, _ in self._open.values():
            backend.close()
        self._open.clear()

    def judge(
        self,
        system: str,
        task: Task,
        metric: JudgedMetric,
        predictions: Sequence[Prediction],
        opponents: Mapping[str, Prediction],
    ) -> Iterator[Judgement]:
        """What the task's judge says of answers, each recorded before it is given; those recorded are not asked again.

        A preference needs `opponents`, the answers to compare with, by example; equal texts are a tie without asking.
        """
        judge, by, name = _judge_of(task), _kind(metric), task.spec.name
        opened, questions = self._opened(name), []
        examples = {e.id: e for e in task.splits["heldout"]}
        for prediction in predictions:
            other = opponents.get(prediction.example_id)
            if by == "preference" and (clear := clear_preference(prediction, other)):
                yield replace(clear, metric=metric.spec.name)
            else:
                against = [other] if by == "preference" and other else []
                questions.append(
                    question_of(judge, by, examples[prediction.example_id], prediction, against, opened.digest)
                )
        said: list[Reading] = []

        def judged(question: Question, replies: list[Generation]) -> Judgement:
            said.append(reading := read(judge, by, replies))
            return judgement_of(question, reading, replies)

        yield from self._recorded(system, name, metric.spec.name, questions, opened.remembering, None, judged)
        if len(said) == len(questions) and not judge.labels and self._seal is None:
            self._again(name, judge, by, questions, opened)

    def openings(
        self, system: str, task: Task, metric: Any, asks: Sequence[Ask], adapter: str | None
    ) -> Iterator[Judgement]:
        """How likely a system itself finds each opening as its answer, recorded as judgements are."""
        questions = [openings_question(ask, metric.asked_openings) for ask in asks]
        name, backend = metric.spec.name, self._own.remembering
        yield from self._recorded(system, task.spec.name, name, questions, backend, adapter, openings_said)

    def _recorded(
        self,
        system: str,
        task: str,
        metric: str,
        questions: Sequence[Question],
        backend: Generates,
        adapter: str | None,
        judged: Callable[[Question, list[Generation]], Judgement],
    ) -> Iterator[Judgement]:
        """The judgements of a metric: those recorded for the same questions, then the missing ones as they are made."""
        path = self._folder.judgements(system, task)
        rows = [row for row in read_keys(path, Judgement, self._seal) if isinstance(row, Judgement)]
        known = {row.request_digest: row for row in rows if row.metric == metric}
        yield from (known[question.digest] for question in questions if question.digest in known)
        missing = [question for question in questions if question.digest not in known]
        stage = f"{metric} of {system} · {task}"
        with Appender(path, self._seal) as file:
            for question, replies in self._ask(backend, missing, stage, adapter):
                row = replace(judged(question, replies), metric=metric)
                file.write([row])
                yield row

    def _ask(
        self, backend: Generates, questions: Sequence[Question], stage: str, adapter: str | None = None
    ) -> Iterator[Asked]:
        """The replies to each question, as soon as all of them are there."""
        places = [(i, k) for i, question in enumerate(questions) for k in range(len(question.requests))]
        if not places:
            return
        found: list[dict[int, Generation]] = [{} for _ in questions]
        with shown(self._progress, stage, len(questions), unit="answers") as tick:
            requests = [questions[i].requests[k] for i, k in places]
            for n, reply in backend.generate(requests, adapter=adapter):
                i, k = places[n]
                found[i][k] = reply
                if len(found[i]) == len(questions[i].requests):
                    yield questions[i], [found[i][k] for k in sorted(found[i])]
                    tick()

    def _opened(self, task: str) -> Opened:
        model = self._models.get(task)
        if model is None:
            return self._own
        key = digest_of(model)
        if key not in self._open:
            from evalgate.backends.opening import open_model

            backend = open_model(model, self._files[task])
            self._open[key] = backend, Opened(self._remember(backend), backend, self._files[task].digest)
        return self._open[key][1]

    def calibrate(self, *, gating: bool) -> None:
        """Hold every judge to people's judgements and to itself, and tell; nothing of it is taken from a cache.

        Raises `judge-disagrees` if a required gate would go by a judge whose agreement with people is too low.
        """
        for name, task in self._suite.tasks.items():
            if not (judge := task.spec.judge):
                continue
            rows = read_labels(Path(self._suite.folder), judge, task)
            for by in dict.fromkeys(by for use in task.spec.metrics if (by := judged_by(use))):
                labelled = [row for row in rows if row.by == by]
                if not labelled:
                    self._progress.note(f"the judge of {name} ({by}) is not calibrated: there are no human judgements")
                    continue
                found = self._agreements(name, judge, by, labelled)
                for agreement in found:
                    self._progress.note(told(agreement))
                if gating and not judge.accept_uncalibrated:
                    self._refuse(name, judge, by, next((a for a in found if a.with_whom == "human"), None))

    def _refuse(self, task: str, judge: JudgeSpec, by: JudgedBy, human: Agreement | None) -> None:
        gates = [gate for gate, kind in required_gates(self._suite, task) if kind == by]
        if gates and (human is None or human.kappa_low is None or human.kappa_low < judge.min_kappa):
            shown = told(human) if human else f"none of the replies of the judge of {task} ({by}) could be read"
            raise EvalgateError(
                f"gate '{gates[0]}' would go by a judge that is not shown to agree with people: {shown}; kappa's lower "
                f"bound must reach min_kappa, {judge.min_kappa:g}",
                code="judge-disagrees",
                fix=f"improve the rubric, take another model, label more answers, {ACCEPT}",
                where=yaml_place(self._suite),
            )

    def _agreements(self, task: str, judge: JudgeSpec, by: JudgedBy, rows: Sequence[Labelled]) -> list[Agreement]:
        """With people, and with itself on the first rows asked again; what was measured before is not asked again."""
        opened, people = self._opened(task), [row.verdict for row in rows]
        asked = [Question(row.example.id, requests_for(judge, by, row.example, *row.answers)) for row in rows]
        digest = digest_of([[q.requests for q in asked], people, opened.digest, judge.n_again, VERSION])
        known = [a for a in read_lines(self._folder.agreement, Agreement) if a.digest == digest]
        if known:
            return known
        first = self._readings(opened.anew, judge, by, asked, f"judge of {task} ({by})")
        again = self._readings(opened.anew, judge, by, asked[: judge.n_again], f"judge of {task} ({by}), again")
        same = agreement_of(judge, by, task, "itself", first[: len(again)], [r.verdict for r in again], digest)
        found = [a for a in (agreement_of(judge, by, task, "human", first, people, digest), same) if a is not None]
        with Appender(self._folder.agreement) as file:
            file.write(found)
        return found

    def _again(self, task: str, judge: JudgeSpec, by: JudgedBy, asked: list[Question], opened: Opened) -> None:
        """Without human judgements: the first judged answers twice anew, once for the first system that is judged."""
        known = [a for a in read_lines(self._folder.agreement, Agreement) if (a.task, a.by) == (task, by)]
        some = asked[: judge.n_again]
        if known or not some:
            return
        first, again = (self._readings(opened.anew, judge, by, some, f"judge of {task} ({by}), again") for _ in "12")
        found = agreement_of(judge, by, task, "itself", first, [r.verdict for r in again], digest_of([opened.digest]))
        if found is not None:
            self._progress.note(told(found))
            with Appender(self._folder.agreement) as file:
                file.write([found])

    def _readings(
        self, backend: Generates, judge: JudgeSpec, by: JudgedBy, asked: Sequence[Question], stage: str
    ) -> list[Reading]:
        numbered = [question._replace(digest=str(i)) for i, question in enumerate(asked)]
        found = {question.digest: read(judge, by, replies) for question, replies in self._ask(backend, numbered, stage)}
        return [found[question.digest] for question in numbered]


def _judge_of(task: Task) -> JudgeSpec:
    judge = task.spec.judge
    assert judge  # a suite without is refused when it is read
    return judge


def _kind(metric: JudgedMetric) -> JudgedBy:
    kinds: dict[str, JudgedBy] = {"score": "score", "preference": "preference", "refusal": "refusal"}
    return kinds[metric.asks]
