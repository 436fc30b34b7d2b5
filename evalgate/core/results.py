"""What a run records: predictions, scores, estimates, verdicts, the decision. Fractions inside, percent on the page."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from evalgate.core.data import EarlyStop, GateSpec, SuiteSpec, SystemSpec
from evalgate.core.probes import Check
from evalgate.core.record import Record

# `not_run`: a required gate had failed, so this one was not measured to its end. It has no estimate.
# `not_pass` is all that a sealed run tells of what has not passed.
Outcome = Literal["pass", "fail", "inconclusive", "not_run", "not_pass"]
DecisionOutcome = Literal["ship", "keep_baseline", "inconclusive"]
OverlapKind = Literal["exact", "normalised", "near", "quoted", "answer-in-prompt", "answer-in-passage"]
OverlapSource = Literal["train", "dev", "replay", "passage", "prompt"]


class Failure(Record, frozen=True, kw_only=True):
    """Why something could not be produced or scored; `code` is kebab-case."""

    code: str
    message: str = ""


class Generation(Record, frozen=True, kw_only=True):
    """What a backend gives back for one request. Times in seconds; None where not measured.

    `prompt_bos` counts the BOS tokens that the rendered prompt begins with.
    """

    output: str | None
    status: Literal["ok", "truncated", "error"] = "ok"
    failure: Failure | None = None
    latency_s: float | None = None
    first_token_s: float | None = None
    prompt_tokens: int | None = None
    prompt_bos: int | None = None
    completion_tokens: int | None = None


class Prediction(Record, frozen=True, kw_only=True):
    """One answer of one system to one example. `request_digest` is the identity of what was asked.

    `raw` is the whole text where `output` is only the answer that stands in it.
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


class MetricSpec(Record, frozen=True, kw_only=True):
    """What a metric's number means; `signature` carries every setting that moves it."""

    name: str
    unit: Literal["fraction", "seconds", "tokens", "tokens_per_second", "usd"]
    better: Literal["higher", "lower"]
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


class LatencyPair(Record, frozen=True, kw_only=True):
    """One interleaved measurement: the same example through the baseline and through the candidate, in seconds."""

    example_id: str
    task: str
    baseline: str
    candidate: str
    baseline_s: float
    candidate_s: float
    baseline_tokens: int = 0
    candidate_tokens: int = 0
    cached: bool = False


class Cost(Record, frozen=True, kw_only=True):
    """How long one system took for `n` questions of a task (or of capability), in seconds of a steady clock."""

    system: str
    task: str
    n: int
    seconds: float


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
    better: Literal["higher", "lower"] = "higher"


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


class Overlap(Record, frozen=True, kw_only=True):
    """What a row, passage or prompt shares with a held-out example; `share` is the overlap of n-grams, 1 for all."""

    kind: OverlapKind
    source: OverlapSource
    source_task: str
    source_id: str
    where: str
    task: str
    example_id: str
    heldout_where: str
    share: float = 1.0


class Decision(Record, frozen=True, kw_only=True):
    """The answer: ship a named candidate, keep the baseline, or cannot tell yet.

    `report` is where the HTML lies, for the terminal; it is empty in the recorded file. `bound` says which error rate
    holds over all decisions on the held-out set. `clean_scores` are those without contaminated held-out examples, for
    the tasks that have any; gates judge all examples.
    """

    outcome: DecisionOutcome
    reason: str
    ship: str | None = None
    best_baselines: dict[str, str] = {}
    verdicts: tuple[Verdict, ...] = ()
    scores: tuple[SystemScore, ...] = ()
    clean_scores: tuple[SystemScore, ...] = ()
    findings: tuple[Finding, ...] = ()
    checks: tuple[Check, ...] = ()
    report: str = ""
    bound: str = ""


class CurvePoint(Record, frozen=True, kw_only=True):
    """One logged step of a training; losses in nats a token."""

    step: int
    loss: float | None = None
    dev_loss: float | None = None
    learning_rate: float | None = None


class AdapterCard(Record, frozen=True, kw_only=True):
    """Where an adapter comes from: written beside its weights."""

    name: str
    base_model: str
    base_revision: str | None
    base_digest: str
    adapter_digest: str
    train_digest: str
    recipe_digest: str
    seed: int
    n_rows: int
    trained_tokens: int
    n_steps: int
    duration_s: float
    peak_memory_bytes: int
    curves: tuple[CurvePoint, ...] = ()
    parameters: int = 0
    versions: dict[str, str] = {}


class TrainedRow(Record, frozen=True, kw_only=True):
    """One row that an adapter was trained on; `content_digest` is of what it asks, whatever its id."""

    id: str
    task: str
    content_digest: str


class AdapterProbe(Record, frozen=True, kw_only=True):
    """Log-likelihoods of the same answers without and with an adapter: one that is not active changes none."""

    adapter_digest: str
    base: tuple[float, ...]
    tuned: tuple[float, ...]


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
    left out (`--drop`); `replay` are lines of replay files.
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
