"""A run's scores: one by one, together, or in worker processes, always the same lines in the same order."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from evalgate.core.data import Example, MetricUse, Task, TaskSpec
from evalgate.core.errors import EvalgateError
from evalgate.core.record import to_json_line
from evalgate.core.results import Prediction, Score
from evalgate.execution.workers import Workers, usable_cores
from evalgate.files import Appender, read_lines
from evalgate.metrics.batch import BATCH_ANSWERS, BATCH_CHARS, in_batches, score_together
from evalgate.metrics.text import ExactMatch
from evalgate.plugins import metrics
from evalgate.scoring import MANY, WORTH_A_WORKER, Scorer

TEXT = ("rouge_1", "rouge_lsum", "bleu", "exact_match", "accuracy")


def task_of(n: int, names: tuple[str, ...] = TEXT) -> Task:
    examples = tuple(
        Example(
            id=f"e{i}", inputs={"text": f"question {i}"}, references=(f"answer {i % 7}\nis {i}",), label=f"l{i % 3}"
        )
        for i in range(n)
    )
    uses = tuple(MetricUse(name=name) for name in names)
    return Task(spec=TaskSpec(name="t", kind="qa", data="t", metrics=uses), splits={"heldout": examples})


def answers_to(task: Task) -> list[Prediction]:
    outputs = ("answer 3 is 5", "l1", None, "answer 1\nis not 8", "the l2")
    return [
        Prediction(example_id=e.id, system="s", task="t", output=outputs[i % len(outputs)])
        for i, e in enumerate(task.splits["heldout"])
    ]


def one_by_one(task: Task, answers: list[Prediction]) -> bytes:
    rows = zip(task.splits["heldout"], answers, strict=True)
    return b"".join(to_json_line(m.score(e, p, task)) for e, p in rows for m in metrics(task.spec))


def written(path: Path, task: Task, answers: Iterator[Prediction] | list[Prediction], scorer: Scorer) -> bytes:
    done = {(s.example_id, s.metric) for s in read_lines(path, Score)}
    try:
        with Appender(path) as file:
            scorer.score(task, task.splits["heldout"], answers, done=done, file=file)
    finally:
        scorer.close()
    return path.read_bytes()


def test_few_answers_are_written_one_by_one_as_they_come(tmp_path: Path) -> None:
    task, path = task_of(5), tmp_path / "scores.jsonl"
    seen = []

    def coming() -> Iterator[Prediction]:
        for answer in answers_to(task):
            seen.append(len(read_lines(path, Score)))
            yield answer

    assert written(path, task, coming(), Scorer(2)) == one_by_one(task, answers_to(task))
    assert seen == [0, 5, 10, 15, 20]


def test_many_answers_on_one_core_are_scored_together_and_written_in_order(tmp_path: Path) -> None:
    task = task_of(MANY, ("exact_match", "accuracy"))
    found = written(tmp_path / "scores.jsonl", task, answers_to(task), Scorer(1))
    assert found == one_by_one(task, answers_to(task))


def test_what_a_crash_left_is_scored_and_nothing_twice(tmp_path: Path) -> None:
    task, path = task_of(MANY + 40, ("exact_match", "accuracy")), tmp_path / "scores.jsonl"
    lines = one_by_one(task, answers_to(task)).splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:21]))  # ten answers and the first metric of the eleventh
    assert sorted(written(path, task, answers_to(task), Scorer(1)).splitlines(keepends=True)) == sorted(lines)


@pytest.mark.slow
def test_workers_write_the_same_bytes_for_one_task_after_another(tmp_path: Path) -> None:
    scorer, first, second = Scorer(2), task_of(2 * WORTH_A_WORKER), task_of(MANY, ("rouge_2", "accuracy"))
    try:
        for number, task in enumerate((first, second, first)):
            path = tmp_path / f"{number}.jsonl"
            with Appender(path) as file:
                scorer.score(task, task.splits["heldout"], answers_to(task), done=(), file=file)
            assert path.read_bytes() == one_by_one(task, answers_to(task))
    finally:
        scorer.close()


@pytest.mark.slow
def test_an_error_while_workers_score_ends_them_and_reaches_the_caller(tmp_path: Path) -> None:
    task, scorer = task_of(2 * WORTH_A_WORKER), Scorer(2)

    def breaking() -> Iterator[Prediction]:
        yield from answers_to(task)[:700]
        raise EvalgateError("the server is gone", code="backend-failed", fix="start it")

    with pytest.raises(EvalgateError, match="the server is gone"), Appender(tmp_path / "scores.jsonl") as file:
        scorer.score(task, task.splits["heldout"], breaking(), done=(), file=file)
    again = written(tmp_path / "scores.jsonl", task, answers_to(task), scorer)
    expected = one_by_one(task, answers_to(task))
    assert sorted(again.splitlines()) == sorted(expected.splitlines())


def test_workers_answer_in_order_and_what_they_print_is_no_answer() -> None:
    workers = Workers("tests.echo_worker", 2)
    try:
        workers.tell(b"")
        assert list(workers.map([b"one", b"two", b"three", b"x" * 300_000])) == [
            b"eno",
            b"owt",
            b"eerht",
            b"x" * 300_000,
        ]
    finally:
        workers.close()


def test_the_pieces_of_a_worker_that_has_died_are_given_back() -> None:
    workers = Workers("tests.echo_worker", 2)
    try:
        assert list(workers.map([b"fail", b"one", b"two", b"three"])) == [None, b"eno", None, b"eerht"]
        assert list(workers.map([b"one", b"two"])) == [None, b"owt"]
    finally:
        workers.close()


def test_a_process_has_a_core() -> None:
    assert usable_cores() >= 1


class Shouted(ExactMatch):
    """Someone's metric that changes how one answer is compared, and knows nothing of batches."""

    def against(self, output: str, reference: str) -> float:
        return super().against(output.lower(), f"answer {reference.lower()}")


def test_a_metric_that_overrides_how_one_answer_is_scored_is_asked_one_by_one() -> None:
    task, metric = task_of(3), Shouted({})
    items = list(zip(task.splits["heldout"], answers_to(task), strict=True))
    assert score_together([metric], task, items) == [[metric.score(e, p, task)] for e, p in items]
    right = [(e, Prediction(example_id=e.id, system="s", task="t", output=f"answer answer {i} is {i}"))
             for i, (e, _) in enumerate(items)]  # fmt: skip
    assert [row[0].parts for row in score_together([metric], task, right)] == [(1.0,)] * 3


def test_batches_end_at_a_number_of_answers_or_of_characters() -> None:
    def item(chars: int) -> tuple[Example, Prediction]:
        return Example(id="e", inputs={}), Prediction(example_id="e", system="s", task="t", output="x" * chars)

    sizes = [BATCH_CHARS, 1, *[0] * BATCH_ANSWERS, BATCH_CHARS // 2, BATCH_CHARS // 2, 0]
    assert [len(batch) for batch in in_batches(map(item, sizes))] == [1, BATCH_ANSWERS, 3, 1]
