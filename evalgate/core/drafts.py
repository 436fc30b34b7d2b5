"""What competes, as its YAML says it, before shots are picked and a model is bound."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from evalgate.core.prompts import AnswerRule, Index, Sampling, Shots
from evalgate.core.record import Record

SystemKind = Literal["prompt", "rag", "tuned", "api", "recorded"]


class RecordedFile(Record, frozen=True, kw_only=True):
    """Predictions made elsewhere: the columns of id and output (None: the usual ones), and lm-eval's filter.

    `answer` is where the answer stands in each output, unset if all of it is the answer.
    """

    path: str
    id: str | None = None
    output: str | None = None
    filter: str | None = None
    answer: AnswerRule | UnsetType = UNSET


class PromptDraft(Record, frozen=True, kw_only=True):
    """A prompt as its author wrote it: `shots` is still what to pick, or examples' ids."""

    template: str
    template_path: str
    shots: int | tuple[str, ...] | Shots = 0
    retrieve: int = 0
    sampling: Sampling = Sampling()
    answer: AnswerRule | UnsetType = UNSET
    index: Index | UnsetType = UNSET
    search: PromptSearch | UnsetType = UNSET

    @property
    def variants(self) -> tuple[PromptDraft, ...]:
        """Every prompt that this one may become: itself, or all that its search may choose from."""
        return self.search.grid if self.search else (self,)


class PromptSearch(Record, frozen=True, kw_only=True):
    """Which prompts are tried on dev: at most `budget` of the `grid`, whose first one is the prompt as written.

    The best by `metric` is chosen (empty: the task's primary one), on `examples` rows of dev (0: all).
    """

    grid: tuple[PromptDraft, ...]
    budget: int
    metric: str = ""
    examples: int = 0


class SystemDraft(Record, frozen=True, kw_only=True):
    """A system as its YAML says it, before shots are picked and a model is bound. `path` is the file it came from.

    `model` is a name on the suite's server, of the model that an `api` candidate is.
    """

    name: str
    kind: SystemKind
    prompts: dict[str, PromptDraft]
    description: str = ""
    path: str = ""
    model: str = ""
    predictions: dict[str, RecordedFile] = {}

    @property
    def tasks(self) -> list[str]:
        """The tasks that the system serves."""
        return [*self.prompts, *self.predictions]

    @property
    def variants(self) -> tuple[SystemDraft, ...]:
        """Systems of one prompt each: every prompt of every task that this one may come to ask with."""
        return tuple(replace(self, prompts={task: v}) for task, p in self.prompts.items() for v in p.variants)


class Replay(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Rows of `{"prompt", "completion"}` mixed into training; `share` is their fraction of all rows.

    `left_out` are positions in the file, from 0, of contaminated rows.
    """

    path: str
    share: float
    left_out: tuple[int, ...] = ()


class Preferences(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The second stage: DPO on pairs of answers, from the adapter of the first. `data` is a JSONL file.

    `left_out` are positions in the file, from 0, of contaminated rows.
    """

    data: str
    beta: float = 0.1
    learning_rate: float = 5e-6
    epochs: float = 1.0
    left_out: tuple[int, ...] = ()


class Checkpoints(Record, frozen=True, kw_only=True):
    """How often a training is looked at, and which of its checkpoints is kept: the `best` on dev, or the `last`.

    At each of `evaluations` checkpoints the model answers up to `dev_items` dev examples of each task. `max_drift` is
    how many nats a token general text may have lost at the one that is kept. Training ends early after `patience`
    evaluations without a better one.
    """

    evaluations: int = 4
    dev_items: int = 32
    max_drift: float = 0.5
    patience: int = 2
    keep: Literal["best", "last"] = "best"


class Recipe(Record, frozen=True, kw_only=True):
    """How one candidate is trained, and the prompts it is trained and asked with.

    `of` is the recipe as written, if it is trained with several seeds and this is one of them; `swept` the recipe whose
    sweep this one is a point of. `adapter` is the folder of an adapter trained elsewhere, `model` that of a whole
    model, for which nothing is trained. Training starts from the adapter, or whole model, in the folder `start`, or
    from that of `parent`, if there is one. With `merge` the adapter is merged into its base, and that model is the
    candidate. `report_to` names trackers, which see a training and change nothing of it. `memory_gb` is what it may
    take of a GPU, in 10^9 bytes; without it, what is free.
    """

    name: str
    prompts: dict[str, PromptDraft]
    method: Literal["qlora", "lora", "dora", "full"] = "qlora"
    description: str = ""
    learning_rate: float = 2e-4
    epochs: float = 1.0
    batch_size: int = 16
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    max_length: int = 512
    max_rows: int | None = None
    seed: int = 0
    replay: Replay | None = None
    overrides: dict[str, str | int | float | bool | None] = {}
    checkpoints: Checkpoints = Checkpoints()
    path: str = ""
    of: str = ""
    # Unset, they leave the digest of a recipe without them as it was.
    swept: str | UnsetType = UNSET
    adapter: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    memory_gb: float | UnsetType = UNSET
    start: str | UnsetType = UNSET
    parent: Recipe | UnsetType = UNSET
    dpo: Preferences | UnsetType = UNSET
    num_gpus: int | UnsetType = UNSET
    accelerate_config: str | UnsetType = UNSET
    report_to: tuple[str, ...] | UnsetType = UNSET
    merge: Literal["dequantized", "bf16"] | UnsetType = UNSET

    @property
    def whole(self) -> bool:
        """Whether what ships is a whole model, not an adapter beside the shared base."""
        return self.method == "full" or bool(self.merge or self.model)

    @property
    def taken(self) -> str:
        """The folder of what was trained elsewhere and is the candidate; empty for a recipe that trains."""
        return self.adapter or self.model or ""

    @property
    def lineage(self) -> tuple[Recipe, ...]:
        """The recipes that this one continues from, the first one first, and itself."""
        return (*(self.parent.lineage if self.parent else ()), self)

    @property
    def outside(self) -> str:
        """The folder of what was made elsewhere and this one is or continues; empty if there is none."""
        first = self.lineage[0]
        return first.taken or first.start or ""

    @property
    def made_whole(self) -> bool:
        """Whether what this one was made as, before any merge, is a whole model."""
        return bool(self.model) or self.method == "full"

    @property
    def written(self) -> str:
        """The name of the recipe as its author wrote it."""
        return self.of or self.name
