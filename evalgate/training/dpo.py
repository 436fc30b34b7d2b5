"""The second stage: DPO on preference pairs, from the adapter that the first stage wrote."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from evalgate.core.artefacts import CARD, MODEL
from evalgate.core.data import Recipe
from evalgate.core.memory import peak_bytes
from evalgate.core.protocols import Progress
from evalgate.core.record import Record, digest_of
from evalgate.core.results import AdapterCard, CurvePoint
from evalgate.core.seeds import clock
from evalgate.core.showing import verbose
from evalgate.files import write_record
from evalgate.training import hardware
from evalgate.training.adapter import check_alive, save_adapter
from evalgate.training.checkpoints import open_checkpoints
from evalgate.training.data import conversation, encode
from evalgate.training.failures import memory_errors
from evalgate.training.history import curve
from evalgate.training.loading import load_base, load_tokenizer
from evalgate.training.pairs import Pair, pairs_of
from evalgate.training.quiet import quiet
from evalgate.training.recipe import Device, as_named, dpo_arguments, recipe_digest
from evalgate.training.selection import Examiner, Selection, later
from evalgate.training.sft import own_files, steady, watcher
from evalgate.training.start import check_moved, continued, restore
from evalgate.training.trackers import Tracking, callback
from evalgate.training.trainer import CHECKPOINTS
from evalgate.training.whole import Beginning, check_model_moved, save_model, start_digest
from evalgate.training.work import finished

SFT = "sft"  # the first stage's folder within the candidate's


class Stage(Record, frozen=True, kw_only=True):
    """What the second stage is: the recipe, its pairs, the first stage's card and folder, and where it writes."""

    recipe: Recipe
    pairs: tuple[Pair, ...]
    first: AdapterCard
    start: str
    folder: str

    @property
    def path(self) -> Path:
        """The adapter's folder."""
        return Path(self.folder)

    @property
    def digests(self) -> tuple[str, str, str]:
        """Of the recipe, the rows of both stages and the base: what makes two trainings the same."""
        return recipe_digest(self.recipe), digest_of([self.first.train_digest, self.pairs]), self.first.base_digest


def prefer(
    recipe: Recipe,
    first: AdapterCard,
    *,
    start: Path,
    folder: Path,
    progress: Progress,
    examiner: Examiner | None = None,
    callbacks: Sequence[Any] = (),
    tracking: Tracking | None = None,
) -> AdapterCard:
    """Train on the recipe's pairs from the adapter in `start`, whose card is `first`; a finished one is returned.

    The policy and its frozen reference both start from that adapter. Curves go on where the first stage ended; which of
    this stage's checkpoints is kept is chosen as in the first. Raises `bad-pairs`, and what `train` raises.
    """
    assert recipe.dpo
    pairs = pairs_of(recipe.dpo, recipe.seed)
    stage = Stage(recipe=recipe, pairs=pairs, first=first, start=str(start), folder=str(folder))
    whole = Beginning(start=str(start / MODEL), base=first.base_model, dtype=first.dtype)
    selection = Selection(recipe, stage.path / CHECKPOINTS, examiner, whole if first.kind == "model" else None)
    if (card := finished(stage, selection)) is not None:
        return card
    with quiet(heard=verbose(progress)), ExitStack() as stack:
        told = [callback(tracking, first.n_steps)] if tracking else []
        return _prefer(stage, selection, progress, stack, [*told, *callbacks])


def _prefer(
    stage: Stage, selection: Selection, progress: Progress, stack: ExitStack, callbacks: Sequence[Any]
) -> AdapterCard:
    started, where, recipe = clock(), hardware.device(), stage.recipe
    tokenizer = load_tokenizer(stage.first.base_model, stage.first.base_revision)
    kept, n_tokens, longest = _fitting(stage, tokenizer)
    if n_dropped := len(stage.pairs) - len(kept):
        progress.note(f"{n_dropped} of {len(stage.pairs)} pairs are too long for max_length and were left out")
    with memory_errors(recipe, stage.path, longest):
        trainer = _trainer(stage, kept, tokenizer, where)
        watching = watcher(progress, f"preferences {recipe.name}", stack, stage.path, n_tokens)
        for each in [watching, selection.callback(trainer, progress), *callbacks]:
            trainer.add_callback(each)
        # The Trainer of the first stage's checkpoints is another one.
        identity: list[Any] = [*stage.digests, stage.first.adapter_digest, where, hardware.compute_dtype(where)]
        identity += [hardware.versions(), *selection.identity]
        checkpoint = open_checkpoints(stage.path / CHECKPOINTS, digest_of(identity))
        if not selection.ended(trainer, checkpoint):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    choice = later(selection.settle(trainer, curve(trainer.state.log_history), progress), stage.first.n_steps)
    card = _save(stage, trainer, len(kept), n_tokens, clock() - started)
    card = replace(card, choices=(*stage.first.choices, choice))
    shutil.rmtree(stage.path / CHECKPOINTS, ignore_errors=True)
    write_record(stage.path / CARD, card)
    return card


def _fitting(stage: Stage, tokenizer: Any) -> tuple[list[Pair], int, int]:
    """The pairs of which both answers fit, their tokens, and the longest answer's; checked as training rows are."""
    both, most = [row for pair in stage.pairs for row in pair.rows], stage.recipe.max_length
    lengths = encode(both, tokenizer, most).lengths
    sizes = [lengths[2 * k : 2 * k + 2] for k in range(len(stage.pairs))]
    fits = [k for k, size in enumerate(sizes) if max(size) <= most]
    return [stage.pairs[k] for k in fits], sum(sum(sizes[k]) for k in fits), max(lengths)


def _trainer(stage: Stage, pairs: Sequence[Pair], tokenizer: Any, where: Device) -> Any:
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import DPOConfig

    recipe, first, start = stage.recipe, stage.first, Path(stage.start)
    arguments = dpo_arguments(recipe, device=where, output_dir=str(stage.path / CHECKPOINTS))
    config = DPOConfig(**as_named(arguments, {field.name for field in dataclasses.fields(DPOConfig)}))
    config._n_gpu = min(config.n_gpu, 1)
    if whole := recipe.method == "full":  # TRL reads the reference from the same folder
        model = load_base(str(start / MODEL), None, recipe, where)
    else:
        model = continued(load_base(first.base_model, first.base_revision, recipe, where), start, recipe)
    trainer = preference_class()(
        model=model,
        args=config,
        train_dataset=Dataset.from_list([_columns(pair) for pair in pairs]),
        processing_class=tokenizer,
    )
    trainer.remove_callback(PrinterCallback)
    if not whole:
        restore(trainer.model, start)
    steady(trainer.model)
    return trainer


def _columns(pair: Pair) -> dict[str, Any]:
    """A pair in TRL's conversational preference format."""
    chosen, rejected = map(conversation, pair.rows)
    return {"prompt": chosen["prompt"], "chosen": chosen["completion"], "rejected": rejected["completion"]}


def preference_class() -> type[Any]:
    """TRL's DPOTrainer with our own files; a function, because importing TRL takes seconds."""
    from trl import DPOTrainer

    return own_files(DPOTrainer)


def _save(stage: Stage, trainer: Any, n_pairs: int, n_tokens: int, duration_s: float) -> AdapterCard:
    """Write the adapter and describe both stages: steps, tokens and seconds are those of the two together."""
    check_alive(trainer.model, str(stage.path))
    first, state = stage.first, trainer.state
    recipe_id, train_id, _ = stage.digests
    if first.kind == "model":
        digest = save_model(trainer.model, Path(first.base_model), stage.path / MODEL, first.dtype)
        check_model_moved(trainer.model, Path(stage.start) / MODEL)
    else:
        check_moved(trainer.model, Path(stage.start))
        digest = save_adapter(trainer.model, stage.path, base=first.base_model, revision=first.base_revision)
    return replace(
        first,
        name=stage.recipe.name,
        adapter_digest=digest,
        train_digest=train_id,
        recipe_digest=recipe_id,
        seed=stage.recipe.seed,
        trained_tokens=first.trained_tokens + round(n_tokens * state.epoch),
        n_steps=first.n_steps + state.global_step,
        duration_s=first.duration_s + duration_s,
        peak_memory_bytes=max(first.peak_memory_bytes, peak_bytes()),
        curves=first.curves + tuple(_later(point, first.n_steps) for point in curve(state.log_history)),
        versions=hardware.versions(),
        started_from=start_digest(Path(stage.start)),
        n_pairs=n_pairs,
    )


def _later(point: CurvePoint, n_steps: int) -> CurvePoint:
    return replace(point, step=point.step + n_steps)
