"""One training from rows to an adapter with its card; killed at any point, it goes on where it stopped."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from evalgate.core.artefacts import CARD, MODEL
from evalgate.core.data import Recipe
from evalgate.core.errors import UsageError
from evalgate.core.memory import peak_bytes, reset_peak
from evalgate.core.protocols import Progress
from evalgate.core.record import digest_of
from evalgate.core.results import AdapterCard
from evalgate.core.seeds import clock
from evalgate.core.showing import verbose
from evalgate.files import read_record, write_record
from evalgate.training import hardware
from evalgate.training.adapter import check_alive, save_adapter
from evalgate.training.afterwards import chosen_afterwards
from evalgate.training.checkpoints import open_checkpoints
from evalgate.training.data import Encoded, TrainRow, encode, in_batches, ordered, to_dataset
from evalgate.training.failures import memory_errors
from evalgate.training.fast import fast
from evalgate.training.history import curve
from evalgate.training.launch import evenly, gathered, launched, processes, shared_out
from evalgate.training.loading import base_config, load_base, load_tokenizer
from evalgate.training.quiet import quiet
from evalgate.training.recipe import LORA_KEYS, Device, lora_arguments, sft_arguments
from evalgate.training.replay import with_replay
from evalgate.training.selection import Examiner, Selection, chooses
from evalgate.training.sft import sft_config, steady, trainer_class, watcher
from evalgate.training.start import check_moved, continued, restore
from evalgate.training.trackers import Tracking, callback
from evalgate.training.whole import check_model_moved, save_model, served_dtype, start_digest
from evalgate.training.work import TRAINED, Job, card_of, finished

CHECKPOINTS = "checkpoints"
N_DEV = 64  # enough to see overfitting; choosing is done on generated answers, not on this loss


def train(
    recipe: Recipe,
    rows: Sequence[TrainRow],
    dev_rows: Sequence[TrainRow],
    *,
    model_path: str,
    revision: str | None,
    base_digest: str,
    folder: Path,
    progress: Progress,
    start: Path | None = None,
    dtype: str = "auto",
    examiner: Examiner | None = None,
    callbacks: Sequence[Any] = (),
    tracking: Tracking | None = None,
) -> AdapterCard:
    """Train one adapter and write it, with `card.json` last; a folder that has the right card is returned as it is.

    Args:
        recipe: How to train.
        rows: Rendered training rows, in any order; the recipe's `max_rows`, replay and seed choose and order them.
        dev_rows: Rows for the dev loss: the first 64 of the seed's order are used, none are needed.
        model_path: The base model's folder or hub id.
        revision: The base model's revision, recorded in the adapter.
        base_digest: The base model's identity.
        folder: Where adapter, card and (while training) checkpoints go.
        progress: Shows the steps.
        start: The folder of an adapter, or for a full fine-tune of a whole model, to go on from.
        dtype: The precision that the suite serves models in; a whole model is stored in it.
        examiner: Scores dev answers and drift at the recipe's checkpoints, one of which is kept; without it the last.
        callbacks: More `TrainerCallback`s, for a training in this process.
        tracking: The trackers that are told of it.

    Raises: the codes of `encode`, `check_alive` and `sft_arguments`; `unknown-override`.
    """
    job = Job(
        recipe=recipe,
        rows=ordered(with_replay(recipe, rows), recipe.seed),
        dev_rows=ordered(dev_rows, recipe.seed, N_DEV),
        model_path=model_path,
        revision=revision,
        base_digest=base_digest,
        folder=str(folder),
        start=str(start) if start else "",
        tracking=tracking,
        dtype=dtype,
    )
    selection = Selection(recipe, job.path / CHECKPOINTS, examiner, job.beginning)
    if (card := finished(job, selection)) is not None:
        return card
    if processes(recipe) > 1:
        return _together(job, selection, progress)
    with quiet(heard=verbose(progress)), ExitStack() as stack:
        card = fit(job, selection, progress, stack, callbacks)
        assert card is not None
        return card


def _together(job: Job, selection: Selection, progress: Progress) -> AdapterCard:
    """Train in several processes, and then choose a checkpoint; killed in between, only the latter is done again."""
    if not chooses(job.recipe):
        launched(job, job.recipe, job.path, progress)
        return read_record(job.path / CARD, AdapterCard, fix=f"delete {job.path} and train again")
    trained = card_of(job, TRAINED)
    if trained is None or not all(selection.snapshot(e.step).exists() for e in trained.choices[-1].evaluations):
        launched(job, job.recipe, job.path, progress)
        trained = read_record(job.path / TRAINED, AdapterCard, fix=f"delete {job.path} and train again")
    card = chosen_afterwards(job.recipe, job.path, trained, selection, progress)
    shutil.rmtree(job.path / CHECKPOINTS, ignore_errors=True)
    (job.path / TRAINED).unlink()
    write_record(job.path / CARD, card)
    return card


def fit(
    job: Job, selection: Selection, progress: Progress, stack: ExitStack, callbacks: Sequence[Any] = ()
) -> AdapterCard | None:
    """Train in this process, which may be one of several; the first one writes adapter and card and returns it."""
    started, where = clock(), hardware.device()
    reset_peak()
    tokenizer = load_tokenizer(job.model_path, job.revision)
    encoded = encode(job.rows, tokenizer, job.recipe.max_length)
    if encoded.n_dropped:
        progress.note(f"{encoded.n_dropped} of {len(job.rows)} rows are too long for max_length and were left out")
    with memory_errors(job.recipe, job.path, max(encoded.lengths)):
        trainer = _trainer(job, encoded, tokenizer, where)
        told = [callback(job.tracking)] if job.tracking else []
        watching = watcher(progress, f"training {job.recipe.name}", stack, job.path, encoded.n_tokens)
        for each in [*told, watching, selection.callback(trainer, progress), *callbacks]:
            trainer.add_callback(each)
        identity = [*job.digests, where, hardware.compute_dtype(where), hardware.versions(), *_started_from(job)]
        with trainer.accelerator.main_process_first():
            checkpoint = open_checkpoints(job.path / CHECKPOINTS, digest_of([*identity, *selection.identity]))
        if not selection.ended(trainer, checkpoint):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    choice = selection.settle(trainer, curve(trainer.state.log_history), progress)
    model = gathered(trainer)
    if not trainer.is_world_process_zero():
        return None
    card = replace(_save(job, trainer, model, encoded, clock() - started), choices=(choice,))
    if processes(job.recipe) > 1 and chooses(job.recipe):  # the checkpoints are looked at when all processes are over
        write_record(job.path / TRAINED, card)
        return card
    shutil.rmtree(job.path / CHECKPOINTS, ignore_errors=True)
    (job.path / TRAINED).unlink(missing_ok=True)  # of another training
    write_record(job.path / CARD, card)
    return card


def _trainer(job: Job, encoded: Encoded, tokenizer: Any, where: Device) -> Any:
    from peft import LoraConfig
    from transformers import PrinterCallback
    from trl import SFTConfig

    recipe = job.recipe
    arguments = sft_arguments(recipe, device=where, output_dir=str(job.path / CHECKPOINTS), has_dev=bool(job.dev_rows))
    known = {field.name for field in dataclasses.fields(SFTConfig)}
    _refuse_unknown(recipe, known)
    arguments = shared_out(arguments, recipe)
    dev = encode(job.dev_rows, tokenizer, recipe.max_length) if job.dev_rows else None
    if processes(recipe) > 1 and not recipe.accelerate_config:
        sft_config(arguments)  # processes find each other in it; only then can they agree on a plan
    way = fast(recipe, base_config(job.model_path, job.revision), encoded, where)
    config = sft_config(arguments | (way.arguments() if way else {}))
    whole, lora = job.beginning, None
    model = load_base(whole.start if whole else job.model_path, job.revision, recipe, where)
    if job.start and not whole:
        model = continued(model, Path(job.start), recipe)
    elif not whole:
        lora = LoraConfig(**lora_arguments(recipe))
    trainer = trainer_class()(
        model=model,
        args=config,
        **(way.data(encoded, dev) if way else _padded(recipe, arguments, encoded, dev)),
        processing_class=tokenizer,
        peft_config=lora,
    )
    trainer.remove_callback(PrinterCallback)
    if job.start and not whole:
        restore(trainer.model, Path(job.start))
    steady(trainer.model)
    if way:
        way.prepare(trainer.model)
    return trainer


def _padded(recipe: Recipe, arguments: Mapping[str, Any], encoded: Encoded, dev: Encoded | None) -> dict[str, Any]:
    """The data of TRL's own way: rows of like length together."""
    chosen = in_batches(encoded, recipe.batch_size, recipe.seed)
    return {
        "train_dataset": to_dataset(evenly(chosen, arguments, processes(recipe))),
        "eval_dataset": to_dataset(dev) if dev else None,
    }


def _refuse_unknown(recipe: Recipe, known: set[str]) -> None:
    lora = frozenset[str]() if recipe.method == "full" else LORA_KEYS
    takers = "SFTConfig does not take" if recipe.method == "full" else "neither SFTConfig nor LoraConfig takes"
    for key in recipe.overrides:
        if key not in known | lora:
            near = get_close_matches(key, [*known, *lora], n=1)
            raise UsageError(
                f"recipe '{recipe.name}' overrides `{key}`, which {takers}",
                code="unknown-override",
                fix=f"did you mean `{near[0]}`?"
                if near
                else "see TRL's SFTConfig for the names that can be overridden",
                where=recipe.path,
            )


def _save(job: Job, trainer: Any, model: Any, encoded: Encoded, duration_s: float) -> AdapterCard:
    """Write the adapter and describe it. `trained_tokens` counts prompts too, and every epoch; `duration_s` is of
    this process, so a resumed training counts from its resumption.
    """
    n_parameters = check_alive(model, str(job.path))
    recipe_id, train_id, base_id = job.digests
    whole, dtype = job.beginning, served_dtype(hardware.device(), job.dtype)
    if whole:
        digest = save_model(model, Path(job.model_path), job.path / MODEL, dtype)
        check_model_moved(model, Path(whole.start))
    else:
        if job.start:
            check_moved(model, Path(job.start))
        digest = save_adapter(model, job.path, base=job.model_path, revision=job.revision)
    return AdapterCard(
        name=job.recipe.name,
        base_model=job.model_path,
        base_revision=job.revision,
        base_digest=base_id,
        adapter_digest=digest,
        train_digest=train_id,
        recipe_digest=recipe_id,
        seed=job.recipe.seed,
        n_rows=len(encoded.ids),
        trained_tokens=round(encoded.n_tokens * trainer.state.epoch),
        n_steps=trainer.state.global_step,
        duration_s=duration_s,
        peak_memory_bytes=peak_bytes(),
        curves=curve(trainer.state.log_history),
        parameters=n_parameters,
        versions=hardware.versions(),
        started_from="".join(_started_from(job)),
        kind="model" if whole else "adapter",
        dtype=dtype if whole else "",
    )


def _started_from(job: Job) -> list[str]:
    return [start_digest(Path(job.start))] if job.start else []
