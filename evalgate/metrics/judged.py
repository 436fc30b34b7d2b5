"""Metrics of what a model said as judge: pure functions of recorded judgements."""

from __future__ import annotations

from evalgate.core.data import Example, Task
from evalgate.core.judgements import Judgement
from evalgate.core.judges import FIRST, TIE, JudgedBy, JudgeSpec
from evalgate.core.results import Failure, MetricSpec, Prediction, Score
from evalgate.metrics.options import refuse_options
from evalgate.metrics.scoring import MeanMetric, Options, score_of, unscored

NOT_JUDGED = Failure(code="not-judged", message="no judge was asked about this answer")
NO_JUDGE = JudgeSpec()
SWAPPED = "tie: the verdict depended on the order"


class Judged(MeanMetric):
    """A metric that a judge's verdicts give; subclasses say what one is worth."""

    def __init__(self, name: str, asks: JudgedBy, judge: JudgeSpec | None) -> None:
        self.asks, self.judge = asks, judge or NO_JUDGE
        signature = f"{self.judge.signature(asks)}|v1"
        super().__init__(MetricSpec(name=name, unit="fraction", better="higher", signature=signature))

    def score(self, example: Example, prediction: Prediction, task: Task) -> Score:
        """Unscored: only what was judged has a score."""
        missing = prediction.output is None
        return unscored(self.spec, example, prediction, prediction.failure if missing else NOT_JUDGED)

    def judged(self, example: Example, prediction: Prediction, judgement: Judgement) -> Score:
        """What the judge's verdict is worth, 0 to 1; unscored with the reason where there is none."""
        if judgement.verdict is None:
            return unscored(self.spec, example, prediction, judgement.failure or NOT_JUDGED)
        value, detail = self.worth(judgement)
        return score_of(self.spec, example, prediction, (value,), detail)

    def worth(self, judgement: Judgement) -> tuple[float, str | None]:
        """A verdict as a fraction, and a short detail for the report."""
        raise NotImplementedError


class JudgeScore(Judged):
    """How good an answer is by the rubric: the worst verdict of the scale is 0, the best one 1."""

    def __init__(self, options: Options, *, judge: JudgeSpec | None = None) -> None:
        refuse_options("judge_score", options)
        super().__init__("judge_score", "score", judge)

    def worth(self, judgement: Judgement) -> tuple[float, str | None]:
        """Where the verdict lies on the scale."""
        verdict, low, high = int(judgement.verdict or 0), self.judge.low, self.judge.high
        return (verdict - low) / (high - low), f"{verdict} on a scale from {low} to {high}"


class JudgeWin(Judged):
    """1 where the judge prefers the answer to the best baseline's, in both orders; 0.5 for a tie.

    A verdict that depends on the order is a tie.
    """

    def __init__(self, options: Options, *, judge: JudgeSpec | None = None) -> None:
        refuse_options("judge_win", options)
        super().__init__("judge_win", "preference", judge)

    def worth(self, judgement: Judgement) -> tuple[float, str | None]:
        """1, 0.5 or 0."""
        if judgement.verdict == TIE:
            return 0.5, SWAPPED if judgement.swapped else f"tie with {judgement.against}"
        won = judgement.verdict == FIRST
        return float(won), f"{'better' if won else 'worse'} than {judgement.against}"
