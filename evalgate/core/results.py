"""What a run records: predictions, scores, estimates, verdicts, the decision. Fractions inside, percent on the page."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from evalgate.core.artefacts import Artefact
from evalgate.core.capability import Responses
from evalgate.core.data import EarlyStop, GateSpec, SliceBy, SuiteSpec, SystemSpec
from evalgate.core.judges import Agreement
from evalgate.core.overlaps import Overlap as Overlap  # noqa: PLC0414 (a run records them, too)
from evalgate.core.probes import Check
from evalgate.core.record import Record
from evalgate.core.serving import BreakEven, ServingNumber
from evalgate.core.training import AdapterCard as AdapterCard  # noqa: PLC0414 (a run records these, too)
from evalgate.core.training import AdapterProbe as AdapterProbe  # noqa: PLC0414
from evalgate.core.training import CurvePoint as CurvePoint  # noqa: PLC0414
from evalgate.core.training import Tracked as Tracked  # noqa: PLC0414
from evalgate.core.training import TrainedRow as TrainedRow  # noqa: PLC0414

# `not_run`: a required gate had failed, so this one was not measured to its end. It has no estimate.
# `not_pass` is all that a sealed run tells of what has not passed.
Outcome = Literal["pass", "fail", "inconclusive", "not_run", "not_pass"]
DecisionOutcome = Literal["ship", "keep_baseline", "inconclusive"]


class Failure(Record, frozen=True, kw_only=True):
    """Why something could not be produced or scored; `code` is kebab-case."""

    code: str
    message: str = ""


class Generation(Record, frozen=True, kw_only=True):
    """What a backend gives back for one request. Times in seconds, of the try that answered; None where not measured.

    `prompt_bos` counts the BOS tokens that the rendered prompt begins with, `n_retries` the tries that failed before. A
    `cached` one was given before, by the same weights to the same prompt, and has no times.
    `label_logprobs` are the natural-log likelihoods of a task's labels as the answer, where the backend was asked for
    them.
    """

    output: str | None
    status: Literal["ok", "truncated", "error"] = "ok"
    failure: Failure | None = None
    latency_s: float | None = None
    first_token_s: float | None = None
    prompt_tokens: int | None = None
    prompt_bos: int | None = None
    completion_tokens: int | None = None
    n_retries: int = 0
    cached: bool = False
    label_logprobs: dict[str, float] | UnsetType = UNSET


class Prediction(Record, frozen=True, kw_only=True):
    """One answer of one system to one example. `request_digest` is the identity of what was asked.

    `raw` is the whole text where `output` is only the answer that stands in it. `constraint_broken` is there, and true,
    where the text is not what its system's constraint allows.
    """

    example_id: str
    system: str
    task: str
    output: str | None
    status: Literal["ok", "truncated", "error"] = "ok"
    failure: Failure | None = None
    repeat: int = 0
    latency_s: float | None = None
    first_token_s: float | None = None
    prompt_tokens: int | None = None
    prompt_bos: int | None = None
    completion_tokens: int | None = None
    context_ids: tuple[str, ...] = ()
    request_digest: str = ""
    cached: bool = False
    raw: str | UnsetType = UNSET
    constraint_broken: bool | UnsetType = UNSET
    label_logprobs: dict[str, float] | UnsetType = UNSET


class MetricSpec(Record, frozen=True, kw_only=True):
    """What a metric's number means; `signature` carries every setting that moves it.

    A metric of which `neither` more nor less is better is a diagnostic: it is shown, but judges and ranks nothing.
    """

    name: str
    unit: Literal["fraction", "ratio", "seconds", "tokens", "tokens_per_second", "usd"]
    better: Literal["higher", "lower", "neither"]
    signature: str


class Score(Record, frozen=True, kw_only=True):
    """One example's sufficient statistics for one metric; unscored items have no parts and a failure."""

    example_id: str
    system: str
    task: str
    metric: str
    status: Literal["scored", "unscored"] = "scored"
    parts: tuple[float, ...] = ()
    failure: Failure | None = None
    repeat: int = 0
    cluster: str | None = None
    detail: str | None = None
    responses: Responses | UnsetType = UNSET


class Estimate(Record, frozen=True, kw_only=True):
    """An aggregate with its interval; `level` is the two-sided confidence level."""

    value: float
    low: float
    high: float
    level: float
    n: int
    method: str
    n_clusters: int | None = None
    n_unscored: int = 0


class Verdict(Record, frozen=True, kw_only=True):
    """What one gate says of one candidate. `estimate` is of the difference, ratio or rate that the gate judges.

    `look` is `half` for a fail at the one look at half of the held-out set.
    """

    gate: str
    outcome: Outcome
    reason: str
    candidate: str = ""
    baseline: str | None = None
    estimate: Estimate | None = None
    p_pass: float | None = None
    p_fail: float | None = None
    alpha: float = 0.05
    n: int = 0
    method: str = ""
    guard_decided: bool = False
    needed_n: int | None = None
    required: bool = True
    look: Literal["half", "full"] = "full"


class SystemScore(Record, frozen=True, kw_only=True):
    """One cell of the score table."""

    system: str
    task: str
    metric: str
    estimate: Estimate | None
    better: Literal["higher", "lower", "neither"] = "higher"


class SliceScore(Record, frozen=True, kw_only=True):
    """One system's number on a part of a task's held-out examples. Slices are shown; they gate nothing."""

    task: str
    by: SliceBy
    slice: str
    system: str
    metric: str
    estimate: Estimate


class Finding(Record, frozen=True, kw_only=True):
    """What is wrong with a recording. A hard one means that its numbers do not say what they seem to say.

    `system` is whose numbers; empty for the whole run.
    """

    code: str
    what: str
    where: str
    fix: str
    system: str = ""
    hard: bool = True


class Decision(Record, frozen=True, kw_only=True):
    """The answer: ship a named candidate, keep the baseline, or cannot tell yet.

    `report` is where the HTML lies, for the terminal; it is empty in the recorded file. `bound` says which error rate
    holds over all decisions on the held-out set. `clean_scores` are those without contaminated held-out examples, for
    the tasks that have any; gates judge all examples. `serving` is what answering takes in seconds, memory, dollars.
    """

    schema_version: Literal[1] = 1
    outcome: DecisionOutcome
    reason: str
    ship: str | None = None
    best_baselines: dict[str, str] = {}
    verdicts: tuple[Verdict, ...] = ()
    scores: tuple[SystemScore, ...] = ()
    clean_scores: tuple[SystemScore, ...] = ()
    serving: tuple[ServingNumber, ...] = ()
    break_even: tuple[BreakEven, ...] = ()
    slices: tuple[SliceScore, ...] = ()
    findings: tuple[Finding, ...] = ()
    checks: tuple[Check, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    artefacts: tuple[Artefact, ...] = ()
    report: str = ""
    bound: str = ""


class Look(Record, frozen=True, kw_only=True):
    """The look at the held-out set that a run decides with, as its ledger has it.

    `alpha` is the error rate of this one look, `bound` that of all `looks` together; `entry` is the digest of the
    ledger's line.
    """

    number: int
    looks: int
    alpha: float
    bound: float
    entry: str

    @property
    def left(self) -> int:
        """How many looks were left after this one."""
        return max(0, self.looks - self.number)


class Run(Record, frozen=True, kw_only=True):
    """Digests of everything that a run's numbers depend on, and where and when it ran.

    `serving` is the backend's identity: device, precision, quantisation, library versions. `early_stop` is the policy
    in force, None where everything is measured. `seeds` names for each candidate the systems of its recipe, one a
    training seed; the candidate itself, the first one, is what may ship. `look` is there once the candidates have been
    asked the held-out set of a suite that keeps a ledger. `dropped` names by task the contaminated train rows that were
    left out (`--drop`); `replay` are lines of replay files. `signatures` are those of the metrics that made the scores,
    by `task.metric`.
    """

    id: str
    suite: SuiteSpec
    suite_folder: str
    suite_digest: str
    data_digest: str
    model_digest: str
    systems: dict[str, SystemSpec]
    baselines: tuple[str, ...]
    candidates: tuple[str, ...]
    gates: tuple[GateSpec, ...]
    seed: int
    limit: int | None
    started: str
    code_commit: str | None = None
    versions: dict[str, str] = {}
    hardware: str = ""
    serving: dict[str, str] = {}
    command: str = ""
    early_stop: EarlyStop | None = None
    seeds: dict[str, tuple[str, ...]] = {}
    look: Look | None = None
    dropped: dict[str, tuple[str, ...]] = {}
    signatures: dict[str, str] = {}
