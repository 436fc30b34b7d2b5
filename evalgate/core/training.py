"""What is recorded of a training: curves, what its checkpoints showed, which one was kept, the adapter's card."""

from __future__ import annotations

from evalgate.core.artefacts import ArtefactKind, Merge, Parity
from evalgate.core.record import Record


class Examined(Record, frozen=True, kw_only=True):
    """What a model in training shows between two steps.

    `scores` are by task the items' shares in the task's metric, between 0 and 1 where that is a mean, more is better;
    an item without a score counts as the worst. `drift` is the cross-entropy of general text over the base's, in nats
    a token; None where there is no text.
    """

    scores: dict[str, tuple[float, ...]] = {}
    drift: float | None = None


class Evaluation(Record, frozen=True, kw_only=True):
    """A checkpoint with what it showed. `behind` is by how much its score is below the best one's, `se` that figure's
    standard error (both paired by dev item); `loss` and `dev_loss` are in nats a token, `seconds` what looking took.
    One whose adapter has not `moved` is still what training started from.
    """

    step: int
    seen: Examined
    loss: float | None = None
    dev_loss: float | None = None
    behind: float = 0.0
    se: float = 0.0
    within: bool = True
    moved: bool = True
    seconds: float = 0.0

    @property
    def score(self) -> float | None:
        """The mean over tasks of the mean over their items; None without items."""
        means = [sum(values) / len(values) for values in self.seen.scores.values() if values]
        return sum(means) / len(means) if means else None

    @property
    def eligible(self) -> bool:
        """Whether it may be kept."""
        return self.within and self.moved


class Overfitting(Record, frozen=True, kw_only=True):
    """From which step on dev became worse while the training loss went on falling, and what became worse."""

    since: int
    what: str


class Choice(Record, frozen=True, kw_only=True):
    """Which checkpoint of one stage was kept, and why.

    `examiner` is the identity of what was looked at; `metrics` name by task what was scored, `n_items` count its dev
    items. `planned` are the steps that the stage would have had, `stopped` those after which it was stopped early; 0
    if it was not.
    """

    step: int
    planned: int
    reason: str
    evaluations: tuple[Evaluation, ...]
    max_drift: float
    examiner: str = ""
    metrics: dict[str, str] = {}
    n_items: dict[str, int] = {}
    stopped: int = 0
    overfitting: Overfitting | None = None


class CurvePoint(Record, frozen=True, kw_only=True):
    """One logged step of a training; losses and drift in nats a token, the score on dev a fraction.

    `drift` is how much likelier the base finds general text than the model in training does.
    """

    step: int
    loss: float | None = None
    dev_loss: float | None = None
    learning_rate: float | None = None
    dev_score: float | None = None
    drift: float | None = None


class Tracked(Record, frozen=True, kw_only=True):
    """A training's run in a tracker: its id there, and where; empty where that is the run's own folder.

    `trouble` says why it knows nothing, or not all, of the training.
    """

    tracker: str
    run_id: str
    where: str = ""
    trouble: str = ""


class AdapterCard(Record, frozen=True, kw_only=True):
    """Where an adapter, or a whole model, comes from: written beside its weights. `adapter_digest` is of either.

    `started_from` is the adapter that training went on from. `elsewhere` is one from outside that this one is or goes
    back to: what it was trained on is unknown. `n_pairs` were trained on in a second stage. `choices` say for each
    stage which checkpoint was kept. A whole model is stored and served in `dtype`; one made by a `merge` names the
    adapter `merged_from`, and its `parity` with it.
    """

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
    started_from: str = ""
    elsewhere: str = ""
    n_pairs: int = 0
    choices: tuple[Choice, ...] = ()
    tracked: tuple[Tracked, ...] = ()
    kind: ArtefactKind = "adapter"
    dtype: str = ""
    merge: Merge = "adapter"
    merged_from: str = ""
    parity: tuple[Parity, ...] = ()


def made_as(card: AdapterCard) -> ArtefactKind:
    """As what it was made, before any merge."""
    return "adapter" if card.merged_from else card.kind


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
