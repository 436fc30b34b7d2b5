"""Conformance checks for plugin authors: a metric that passes them can be used in a suite."""

from __future__ import annotations

from typing import cast

import numpy as np
from msgspec import UNSET

from evalgate.core.data import Example, Task
from evalgate.core.judgements import Judgement
from evalgate.core.judges import PREFERENCES, REFUSALS
from evalgate.core.protocols import JudgedMetric, Metric
from evalgate.core.results import Failure, Prediction, Score

# What models write at their worst; no metric may raise on any of it.
HOSTILE = (
    *("", " ", " \n\t\u00a0\u3000", "\x00", "\ud800", "a" * 1_000_000, "a " * 20_000, "{" * 5_000, "NaN", "Infinity"),
    *("\u202eabc", "\u0643\u062a\u0627\u0628", "\U0001f600", "forty-two", "1e999", "9" * 5_000, '{"a": NaN}'),
    *('{"a": -Infinity}', '{"a": 1e999}', "\u0661\u0662"),
)
# What a model may say of an answer, by what a metric asks it; scales hold at least 1 and 5.
VERDICTS = {"score": ("1", "5"), "preference": PREFERENCES, "refusal": REFUSALS, "openings": REFUSALS}


def check_metric(metric: Metric, example: Example, task: Task) -> None:
    """Raise AssertionError with the reason if a metric breaks the protocol for this example.

    A metric that a model is asked for is told a verdict of each kind in turn. It must leave a missing answer unscored,
    never raise on hostile output, give the same number of finite parts for every answer, and combine parts alike for
    one table and for many.
    """
    missing = Prediction(example_id=example.id, system="s", task=task.spec.name, output=None, status="error")
    missing_score = metric.score(example, missing, task)
    assert missing_score.status == "unscored", "an answer that is missing must be unscored, not a number"
    assert isinstance(missing_score.failure, Failure), "an unscored item must say why"
    rows = []
    likely = {label: -1.0 - i for i, label in enumerate(task.labels)} or UNSET
    for text in (*HOSTILE, *example.references):
        answer = Prediction(example_id=example.id, system="s", task=task.spec.name, output=text, label_logprobs=likely)
        score = _scored(metric, example, answer, task)
        assert score.metric == metric.spec.name, "a score must carry its metric's name"
        if score.status == "scored":
            assert all(np.isfinite(score.parts)), f"parts must be finite for output {text[:20]!r}"
            rows.append(score.parts)
    assert rows, "no answer was scored, not even a reference"
    assert len({len(row) for row in rows}) <= 1, "the number of parts must not depend on the answer"
    parts = np.array(rows, dtype=np.float64)
    both = metric.combine(np.stack([parts, parts[::-1]]))
    of_sums = getattr(metric, "of_sums", None)
    if of_sums is not None:
        assert np.allclose(of_sums(parts.sum(axis=0)), metric.combine(parts)), "of_sums must be combine of the sums"
    assert np.allclose(both, metric.combine(parts)), "combine must not depend on the order of examples"


def _scored(metric: Metric, example: Example, answer: Prediction, task: Task) -> Score:
    asks = getattr(metric, "asks", "")
    if not asks:
        return metric.score(example, answer, task)
    verdicts = VERDICTS[asks]
    verdict = verdicts[len(answer.output or "") % len(verdicts)]
    said = Judgement(example_id=example.id, metric=metric.spec.name, request_digest="", verdict=verdict)
    return cast("JudgedMetric", metric).judged(example, answer, said)
