"""A model as judge: how it is asked, and how far it agrees with people and with itself."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from evalgate.core.models import ModelSpec
from evalgate.core.record import Record, digest_of, short

# What is judged: one answer by a rubric, one answer against another, or whether an answer declines.
JudgedBy = Literal["score", "preference", "refusal"]
# How the judge replies: in words that end with its verdict, decoded to one of the verdicts, or by their likelihood.
ReplyBy = Literal["text", "choices", "likelihood"]
FIRST, SECOND, TIE = PREFERENCES = ("A", "B", "TIE")
REFUSAL, ANSWER = REFUSALS = ("REFUSAL", "ANSWER")


class JudgeSpec(Record, frozen=True, kw_only=True):
    """The judge of one task. Templates are Jinja2 source; without a model the suite's own one judges, untuned.

    `low` and `high` are the scale of `rubric`. `labels` is a file of human judgements, seen from the suite's folder, as
    is the model's folder. A judge is calibrated if the lower bound of its kappa with them reaches `min_kappa`.
    `n_again` judgements are asked a second time. `temperature` above 0 draws with `seed`.
    """

    rubric: str = ""
    preference: str = ""
    refusal: str = ""
    low: int = 1
    high: int = 5
    reply: ReplyBy = "text"
    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0
    model: ModelSpec | UnsetType = UNSET
    labels: str = ""
    min_kappa: float = 0.4
    n_again: int = 20
    accept_uncalibrated: bool = False

    def template(self, by: JudgedBy) -> str:
        """What is said of one kind of question."""
        return {"score": self.rubric, "preference": self.preference, "refusal": self.refusal}[by]

    def verdicts(self, by: JudgedBy) -> tuple[str, ...]:
        """All that the judge may say to one kind of question; of a scale from worst to best."""
        if by == "score":
            return tuple(str(n) for n in range(self.low, self.high + 1))
        return PREFERENCES if by == "preference" else REFUSALS

    def signature(self, by: JudgedBy) -> str:
        """What a metric's signature says: all that moves a verdict, nothing of calibration."""
        model = self.model.id if self.model else "the suite's"
        own = [self.template(by), self.verdicts(by), self.reply, self.max_tokens, self.temperature, self.seed, model]
        return f"judge:{short(digest_of(own))}"


class Agreement(Record, frozen=True, kw_only=True):
    """How often a judge said the same as people (`with_whom` human) or as itself, asked again.

    `share` is raw agreement; `kappa` Cohen's, weighted quadratically on a scale, None where chance alone agrees fully.
    Intervals are two-sided at `level`. `n_lost` replies could not be read. `n_swapped` of the preferences depended on
    the order. `digest` identifies what was asked.
    """

    task: str
    by: JudgedBy
    with_whom: Literal["human", "itself"]
    n: int
    share: float
    share_low: float
    share_high: float
    kappa: float | None = None
    kappa_low: float | None = None
    kappa_high: float | None = None
    level: float = 0.95
    n_lost: int = 0
    n_swapped: int = 0
    digest: str = ""
