"""Looks at a model while it is trained, keeps the weights of its looks, and settles which ones are the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from evalgate.core.data import Recipe
from evalgate.core.protocols import Progress
from evalgate.core.record import plain
from evalgate.core.seeds import clock
from evalgate.core.showing import doing
from evalgate.core.training import AdapterCard, Choice, CurvePoint, Evaluation, Examined
from evalgate.training.checkpoints import STATE
from evalgate.training.choosing import chosen, compared, evaluation_steps, exhausted, held, overfitting
from evalgate.training.snapshots import AdapterSnapshots, ModelSnapshots, Snapshots, adapter_folder
from evalgate.training.whole import Beginning

# The entry of an evaluation in the Trainer's log, which a checkpoint carries and a resumed training reads.
ENTRY = "evaluation"
# What the display says meanwhile.
LOOKING = "looking at dev answers"


NO_CHOICE = "the last one: on several GPUs whole models, and all with an accelerate_config, are not compared"


def chooses(recipe: Recipe) -> bool:
    """Whether a recipe's checkpoints are compared: in several processes only those of adapters that each has whole."""
    several = (recipe.num_gpus or 1) > 1
    return not several or (recipe.method != "full" and not recipe.accelerate_config)


class Examiner(Protocol):
    """Looks at a model in training; what it looks at is chosen outside, so that training never sees a held-out row."""

    @property
    def identity(self) -> str:
        """A digest of all that decides what it says."""

    @property
    def metrics(self) -> dict[str, str]:
        """By task the metric that dev answers are scored by."""

    @property
    def n_items(self) -> dict[str, int]:
        """By task how many dev items are asked."""

    def base(self, module: Any) -> None:
        """Look at the base itself, which whole models are compared with: no adapter can be taken off them."""

    def __call__(self, module: Any) -> Examined:
        """The live module's scores on dev and its drift; the module is left as it was."""


class Selection:
    """The evaluations of one stage of training, and the weights as they were then.

    Args:
        recipe: Its `checkpoints` say when to look and what to keep.
        folder: Where the weights of looks go.
        examiner: Looks.
        whole: Where the training of a whole model begins; None for adapters.
        later: In one of several processes: weights are kept only, and `afterwards` looks at them when all is trained.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        examiner: Examiner | None,
        whole: Beginning | None = None,
        *,
        later: bool = False,
    ) -> None:
        self._recipe, self._settings, self._folder, self._examiner = recipe, recipe.checkpoints, folder, examiner
        self._keeps, self._chooses, self._whole = chooses(recipe), chooses(recipe) and not later, whole
        if not self._chooses:
            self._settings, self._examiner = replace(recipe.checkpoints, keep="last"), None
        self._weights: Snapshots = AdapterSnapshots(folder)
        if whole is not None:
            self._weights = ModelSnapshots(folder, whole if self._chooses else None)

    @property
    def identity(self) -> list[str]:
        """What a resumed training must share beside its recipe and rows."""
        return [self._examiner.identity] if self._examiner else []

    def is_of(self, card: AdapterCard) -> bool:
        """Whether the last stage of a finished training was chosen by the same looks."""
        was = card.choices[-1].examiner if card.choices else ""
        return was == "".join(self.identity)

    def callback(self, trainer: Any, progress: Progress | None = None) -> Any:
        """A `TrainerCallback` that evaluates and saves at this stage's own steps, and ends it early."""
        from transformers import TrainerCallback

        selection = self
        if self._keeps:  # weights that are not compared may be sharded
            self._weights.begin(trainer.model)
        self._look_at_base(trainer.model)

        class Looking(TrainerCallback):  # type: ignore[misc]
            """See the function."""

            def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
                at = state.global_step
                due = at in evaluation_steps(state.max_steps, selection._settings.evaluations)
                control.should_evaluate, control.should_save = due and trainer.eval_dataset is not None, due
                if due:
                    with doing(progress, LOOKING) if progress and selection._examiner else nullcontext():
                        selection._look(model, state)
                    control.should_training_stop |= exhausted(selection._seen(state), selection._settings)

            def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                # Only now: a training that was killed before goes on from an earlier checkpoint, and may choose others.
                if state.is_world_process_zero:
                    selection._weights.drop(held(selection._seen(state), selection._settings))

        return Looking()

    def _look_at_base(self, model: Any) -> None:
        """Show the examiner the base of a whole model: what training starts from, or else loaded for it."""
        if self._whole is None or self._examiner is None:
            return
        base = model if self._whole.start == self._whole.base else self._whole.load_base(self._recipe)
        with self._weights.shown(base):
            self._examiner.base(base)

    def ended(self, trainer: Any, checkpoint: Path | None) -> bool:
        """Whether a checkpoint is of a stage that had come to its end, early or not, when it was interrupted.

        Then the trainer gets its state. Resumed, the Trainer would take another step after an early stop.
        """
        from transformers import TrainerState

        if checkpoint is None or not self._chooses:  # without looks the Trainer itself has the weights
            return False
        state = TrainerState.load_from_json(str(checkpoint / STATE))
        if state.global_step < state.max_steps and not exhausted(self._seen(state), self._settings):
            return False
        trainer.state = state
        return True

    def settle(self, trainer: Any, points: Sequence[CurvePoint], progress: Progress) -> Choice:
        """Choose, give the live model the chosen checkpoint's weights, and say what was done."""
        state = trainer.state
        stopped = state.global_step if state.global_step < state.max_steps else 0
        found = self._choice(_with_losses(self._seen(state), points), points, state.max_steps, stopped)
        if self._chooses:
            self._weights.give_back(trainer.model, found.step)
        self._tell(found, progress)
        return found

    def look_back(
        self, was: Choice, points: Sequence[CurvePoint], module_at: Callable[[int], Any], progress: Progress
    ) -> Choice:
        """Choose among the checkpoints of a training that is over; `module_at` gives the model as it was at a step."""
        seen = list(was.evaluations)
        if self._examiner:
            with progress.stage(f"checkpoints {self._recipe.name}", len(seen)) as tick:
                for i, e in enumerate(seen):
                    started = clock()
                    examined = self._examiner(module_at(e.step))
                    seen[i] = replace(e, seen=examined, seconds=round(clock() - started, 2))
                    tick()
        found = self._choice(seen, points, was.planned, 0)
        self._tell(found, progress)
        return found

    def _choice(
        self, evaluations: Sequence[Evaluation], points: Sequence[CurvePoint], planned: int, stopped: int
    ) -> Choice:
        seen = compared(evaluations, self._settings)
        kept, reason = chosen(seen, self._settings, held(seen, self._settings) if self._whole else None)
        return Choice(
            step=kept.step,
            planned=planned,
            reason=reason if self._chooses else NO_CHOICE,
            evaluations=seen,
            max_drift=self._settings.max_drift,
            examiner="".join(self.identity),
            metrics=self._examiner.metrics if self._examiner else {},
            n_items=self._examiner.n_items if self._examiner else {},
            stopped=stopped,
            overfitting=overfitting(points, seen),
        )

    def _tell(self, choice: Choice, progress: Progress) -> None:
        if self._examiner:
            for text in told(self._recipe.name, choice):
                progress.note(text)

    def _look(self, model: Any, state: Any) -> None:
        started = clock()
        with self._weights.shown(model):
            seen = self._examiner(model) if self._examiner else Examined()
            moved = self._weights.moved(model)
            seconds = round(clock() - started, 2)
            if self._keeps and state.is_world_process_zero:
                self._weights.keep(model, state.global_step)
        evaluation = Evaluation(step=state.global_step, seen=seen, moved=moved, seconds=seconds)
        entry = {"step": state.global_step, "epoch": state.epoch, ENTRY: plain(evaluation)}
        if evaluation.score is not None:
            entry["dev_score"] = evaluation.score
        if seen.drift is not None:
            entry["drift"] = seen.drift
        state.log_history.append(entry)

    def snapshot(self, step: int) -> Path:
        """The folder of the adapter as it was after a step."""
        return adapter_folder(self._folder, step)

    def _seen(self, state: Any) -> tuple[Evaluation, ...]:
        found = [msgspec.convert(entry[ENTRY], Evaluation) for entry in state.log_history if ENTRY in entry]
        return compared(found, self._settings)


def _with_losses(evaluations: Sequence[Evaluation], points: Sequence[CurvePoint]) -> list[Evaluation]:
    """Each with its dev loss and the mean of the training losses that were logged since the one before."""
    found, before = [], 0
    for e in evaluations:
        losses = [p.loss for p in points if before < p.step <= e.step and p.loss is not None]
        dev = [p.dev_loss for p in points if p.step == e.step and p.dev_loss is not None]
        loss = sum(losses) / len(losses) if losses else None
        found.append(replace(e, loss=loss, dev_loss=dev[-1] if dev else None))
        before = e.step
    return found


def told(name: str, choice: Choice) -> list[str]:
    """What the terminal says of a choice."""
    kept = next(e for e in choice.evaluations if e.step == choice.step)
    early = f", stopped early after {choice.stopped}" if choice.stopped else ""
    drift = "" if kept.seen.drift is None else f"; drift {kept.seen.drift:+.3f} nats a token"
    lines = [f"{name}: the checkpoint of step {choice.step} of {choice.planned} is kept{early}: {choice.reason}{drift}"]
    if choice.overfitting:
        lines.append(f"{name} overfits from step {choice.overfitting.since} on: {choice.overfitting.what}, while the "
                     "training loss went on falling")  # fmt: skip
    return lines


def later(choice: Choice, n_steps: int) -> Choice:
    """The choice of a second stage, its steps counted from the beginning of the first."""
    over = choice.overfitting
    return replace(
        choice,
        step=choice.step + n_steps,
        planned=choice.planned + n_steps,
        stopped=choice.stopped + n_steps if choice.stopped else 0,
        evaluations=tuple(replace(e, step=e.step + n_steps) for e in choice.evaluations),
        overfitting=replace(over, since=over.since + n_steps) if over else None,
    )
