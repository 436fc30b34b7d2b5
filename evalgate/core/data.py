"""What is evaluated: examples, tasks, suites, systems and the gate policy. Hashed data, no behaviour."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from evalgate.core.drafts import PromptDraft as PromptDraft  # noqa: PLC0414 (this and what follows is evaluated, too)
from evalgate.core.drafts import PromptSearch as PromptSearch  # noqa: PLC0414
from evalgate.core.drafts import Recipe as Recipe  # noqa: PLC0414
from evalgate.core.drafts import RecordedFile as RecordedFile  # noqa: PLC0414
from evalgate.core.drafts import Replay as Replay  # noqa: PLC0414
from evalgate.core.drafts import SystemDraft as SystemDraft  # noqa: PLC0414
from evalgate.core.drafts import SystemKind as SystemKind  # noqa: PLC0414
from evalgate.core.judges import JudgeSpec
from evalgate.core.models import ModelSpec as ModelSpec  # noqa: PLC0414
from evalgate.core.models import ServerSpec as ServerSpec  # noqa: PLC0414
from evalgate.core.prompts import EXACT, AnswerBy, AnswerRule, Constraint, Index, LabelRule, ShotChoice
from evalgate.core.prompts import Sampling as Sampling  # noqa: PLC0414
from evalgate.core.record import Record
from evalgate.core.serving import LatencySpec, Prices

TaskKind = Literal["classification", "extraction", "summarization", "qa", "generation"]
Split = Literal["train", "dev", "heldout"]
Disclosure = Literal["full", "verdict"]
TIMED = ("latency", "ttft")
SliceBy = Literal["tag", "label", "length", "cluster"]
Subjects = Literal["strata", "clusters"]
Rule = Literal["at_least", "at_most", "better_than_baselines", "not_worse_than_baseline"]


class Message(Record, frozen=True, kw_only=True):
    """One turn of a conversation."""

    role: str
    content: str


class Example(Record, frozen=True, kw_only=True):
    """One row of a split: what a system is given and what it should answer."""

    id: str
    inputs: dict[str, str | list[Message]]
    references: tuple[str, ...] = ()
    label: str | None = None
    cluster: str | None = None
    tags: tuple[str, ...] = ()


class Passage(Record, frozen=True, kw_only=True):
    """One passage of a task's knowledge base."""

    id: str
    title: str
    text: str


class MetricUse(Record, frozen=True, kw_only=True):
    """A metric by name with its options, as a task asks for it."""

    name: str
    options: dict[str, str | int | float | bool | list[str]] = {}


class SliceSpec(Record, frozen=True, kw_only=True):
    """By what a task's scores are shown in parts: no `metrics` means the one that is compared example by example.

    A part of fewer than `min_n` examples is left out.
    """

    by: tuple[SliceBy, ...] = ("tag", "label")
    metrics: tuple[str, ...] = ()
    min_n: int = 5


class TaskSpec(Record, frozen=True, kw_only=True):
    """One task of a suite: where its data lies (relative to the suite folder), how all decode it, how it is judged.

    `label` is where answers have their label, where that is not the whole answer.
    """

    name: str
    kind: TaskKind
    data: str
    metrics: tuple[MetricUse, ...]
    output_schema: str | None = None
    corpus: str | None = None
    splits: tuple[Split, ...] = ("train", "dev", "heldout")
    constraint: Constraint | UnsetType = UNSET
    label: LabelRule | UnsetType = UNSET
    slices: SliceSpec | UnsetType = UNSET
    answer_by: AnswerBy | UnsetType = UNSET
    judge: JudgeSpec | UnsetType = UNSET

    @property
    def label_rule(self) -> LabelRule:
        """Where answers have their label: by default the label is the answer."""
        return self.label or EXACT

    @property
    def primary(self) -> str:
        """The metric that ranks systems on this task: the first one listed."""
        return self.metrics[0].name


class CapabilitySpec(Record, frozen=True, kw_only=True):
    """Which lm-eval tasks measure what a model knew before it was tuned.

    `mirror` is a folder with their data, `drift` a file of general text on which the model's drift is measured.
    """

    tasks: tuple[str, ...]
    include_path: str | None = None
    num_fewshot: int = 0
    limit: int | None = None
    mirror: str | UnsetType = UNSET
    drift: str | UnsetType = UNSET


class EarlyStop(Record, frozen=True, kw_only=True):
    """When a candidate that cannot ship is measured no further; nothing ever passes early.

    `futility`: one look at half of the held-out set, which may fail a candidate that does not win. `after_failure`:
    what becomes of its later stages.
    """

    futility: bool = True
    after_failure: Literal["skip", "measure"] = "skip"


class GateSpec(Record, frozen=True, kw_only=True):
    """One condition for shipping. `metric` is `task.metric`.

    `limit` is a floor or ceiling (fraction) or, for latency, the largest allowed ratio; `margin` the allowed drop;
    `min_gain` the smallest gain worth shipping. Fractions, never percent. `subjects`: a capability gate speaks of the
    subjects asked (strata, the default) or of subjects like these.
    """

    name: str
    metric: str
    rule: Rule
    limit: float | None = None
    margin: float = 0.0
    min_gain: float | None = None
    alpha: float = 0.05
    required: bool = True
    collapse_guard: bool = True
    zero_tolerance: bool = False
    max_unscored: float = 0.05
    subjects: Subjects | UnsetType = UNSET

    @property
    def task(self) -> str:
        """The part of `metric` before the dot."""
        return self.metric.partition(".")[0]

    @property
    def metric_name(self) -> str:
        """The part of `metric` after the dot."""
        return self.metric.partition(".")[2]

    @property
    def is_timed(self) -> bool:
        """Whether it judges interleaved pairs of calls: `latency` (the whole answer) or `ttft` (its first token)."""
        return self.task in TIMED


class SourceSpec(Record, frozen=True, kw_only=True):
    """Where a suite's data came from: a hub id, an address or a file, and its revision or digest."""

    id: str
    revision: str | None = None


class SuiteSpec(Record, frozen=True, kw_only=True):
    """A suite's YAML. `looks` is how many decisions the held-out set may make; None keeps no ledger.

    With the disclosure `verdict`, scores and answers are sealed for the age recipients of `sealed_for`.
    """

    name: str
    version: int
    model: ModelSpec
    tasks: tuple[TaskSpec, ...]
    gates: tuple[GateSpec, ...]
    capability: CapabilitySpec | None = None
    latency: LatencySpec | None = None
    early_stop: EarlyStop | None = None
    baselines: str = ""
    description: str = ""
    seed: int = 0
    looks: int | None = None
    disclosure: Disclosure = "full"
    sealed_for: tuple[str, ...] = ()
    source: SourceSpec | None = None
    prices: Prices | None = None


class PromptSpec(Record, frozen=True, kw_only=True):
    """How one system asks for one task. The template is Jinja2 source; its result is one user message.

    `shots` are the ids of training examples shown, in order; `choice` is there where they are chosen otherwise.
    `retrieve` passages come from the task's corpus.
    """

    template: str
    shots: tuple[str, ...] = ()
    retrieve: int = 0
    sampling: Sampling = Sampling()
    choice: ShotChoice | UnsetType = UNSET
    answer: AnswerRule | UnsetType = UNSET
    index: Index | UnsetType = UNSET


class Recording(Record, frozen=True, kw_only=True):
    """What a recorded system has answered for one task: the file's digest, and where the answer stands in each text."""

    file_digest: str
    answer: AnswerRule | UnsetType = UNSET


class SystemSpec(Record, frozen=True, kw_only=True):
    """A whole thing that answers: model, prompts, retrieval and adapter. Identity is the digest of this record.

    A recorded system has no prompts but `predictions`, by task.
    """

    name: str
    kind: SystemKind
    backend: str
    model: str
    prompts: dict[str, PromptSpec]
    revision: str | None = None
    model_digest: str | None = None
    adapter_digest: str | None = None
    retriever_digest: str | None = None
    quantization: str | None = None
    description: str = ""
    predictions: dict[str, Recording] | UnsetType = UNSET

    @property
    def tasks(self) -> list[str]:
        """The tasks that the system serves."""
        return [*self.prompts, *(self.predictions or ())]


class Task(Record, frozen=True, kw_only=True):
    """A loaded task: its specification, the examples of the splits that were asked for, and its passages."""

    spec: TaskSpec
    splits: dict[str, tuple[Example, ...]]
    schema: dict[str, object] | None = None
    corpus: tuple[Passage, ...] = ()

    @property
    def labels(self) -> list[str]:
        """Every label that the task declares, or else of the loaded splits, sorted; found anew at each call."""
        return sorted(self.spec.label_rule.labels) or sorted(
            {e.label for rows in self.splits.values() for e in rows if e.label is not None}
        )


class Suite(Record, frozen=True, kw_only=True):
    """A loaded suite; `digest` stands for the frozen data and policy, `folder` is where it lies."""

    spec: SuiteSpec
    folder: str
    tasks: dict[str, Task]
    digest: str
    data_digest: str


class Project(Record, frozen=True, kw_only=True):
    """A suite with the systems that compete on it: baselines as drafted, candidates as recipes.

    `entrants` are candidates that nothing is trained for here: of `kind: api` or `recorded`.
    """

    suite: Suite
    systems: tuple[SystemDraft, ...]
    recipes: tuple[Recipe, ...]
    entrants: tuple[SystemDraft, ...] = ()


class RunOptions(Record, frozen=True, kw_only=True):
    """What the command line asks of a run; None is the suite's own value or place. `against` has accepted baselines."""

    suite: str
    output: str | None = None
    limit: int | None = None
    seed: int | None = None
    resume: bool = True
    model: str | None = None
    candidates: tuple[str, ...] | None = None
    early_stop: bool = True
    drop: bool = False
    use_cache: bool = True
    cache: str | None = None
    against: str | None = None
