"""Trackers see a training and what was decided of it; they change nothing, and none of them can make a run fail."""

from __future__ import annotations

import logging
import math
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from msgspec import UNSET, MsgspecError
from msgspec.structs import replace

from evalgate.core.data import Recipe
from evalgate.core.errors import UsageError
from evalgate.core.record import Record, digest_of, from_json
from evalgate.core.results import AdapterCard, Tracked
from evalgate.files import write_record
from evalgate.training.tracker_clients import Client, open_client

FOLDER = "trackers"
# As `rewrite_logs` of transformers names them, which TRL's users know.
NAMES = {"loss": "train/loss", "eval_loss": "eval/loss", "learning_rate": "train/learning_rate",
         "grad_norm": "train/grad_norm", "rewards/accuracies": "train/rewards/accuracies",
         "rewards/margins": "train/rewards/margins"}  # fmt: skip
KNOBS = ("method", "learning_rate", "epochs", "batch_size", "rank", "alpha", "dropout", "max_length", "seed")


class Tracking(Record, frozen=True, kw_only=True):
    """Which trackers see a candidate's training: the run's folder for them, the candidate, what it is, its knobs."""

    trackers: tuple[str, ...]
    place: str
    name: str
    identity: str
    config: dict[str, str | int | float]

    @property
    def file(self) -> Path:
        """Where it stands which runs were begun for this candidate."""
        return Path(self.place) / "runs" / f"{self.name}.json"


class Begun(Record, frozen=True, kw_only=True):
    """The runs that trackers have of a training; another identity is another training."""

    identity: str
    runs: tuple[Tracked, ...] = ()


def refuse_missing(recipes: Sequence[Recipe]) -> None:
    """Raise `tracker-missing` for a tracker whose package is not installed, before anything runs."""
    for recipe in recipes:
        for tracker in recipe.report_to or ():
            if find_spec(tracker) is None:
                raise UsageError(
                    f"recipe '{recipe.name}' reports to {tracker}, whose package is not installed",
                    code="tracker-missing",
                    fix=f"`pip install 'evalgate-harness[{tracker}]'`, or take it out of `report_to`",
                    where=recipe.path,
                )


def tracking_of(recipe: Recipe, run_folder: Path, recipe_digest: str, base_digest: str) -> Tracking | None:
    """What a recipe's trackers are told; None where it names none."""
    if not recipe.report_to:
        return None
    config: dict[str, str | int | float] = {knob: getattr(recipe, knob) for knob in KNOBS}
    config |= {f"overrides.{k}": v if isinstance(v, (int, float, str)) else str(v) for k, v in recipe.overrides.items()}
    config |= {"num_gpus": recipe.num_gpus or 1, "recipe_digest": recipe_digest, "base_digest": base_digest}
    if recipe.dpo:
        config |= {"dpo.beta": recipe.dpo.beta, "dpo.learning_rate": recipe.dpo.learning_rate}
    return Tracking(
        trackers=recipe.report_to,
        place=str(run_folder / FOLDER),
        name=recipe.name,
        identity=digest_of([recipe_digest, base_digest]),
        config=config,
    )


class Trackers:
    """The open runs of one training. A tracker that fails is left alone from then on, and its trouble recorded."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking, self._clients = tracking, dict[str, Client]()
        self._runs = {run.tracker: run for run in begun(tracking)}
        for tracker in tracking.trackers:
            known = self._runs.get(tracker)
            self._runs[tracker] = Tracked(tracker=tracker, run_id=known.run_id if known else "")
            self._try(tracker, partial(self._open, tracker, known))
        self._record()

    def _open(self, tracker: str, known: Tracked | None) -> None:
        client = open_client(
            tracker,
            place=Path(self._tracking.place),
            name=self._tracking.name,
            run_id=known.run_id if known else "",
            where=known.where if known else "",
            config=self._tracking.config,
        )
        self._clients[tracker] = client
        self._runs[tracker] = Tracked(tracker=tracker, run_id=client.run_id, where=client.where)

    def log(self, logs: Mapping[str, Any], step: int) -> None:
        """Tell all what the Trainer logged at a step."""
        figures = {NAMES[k]: float(v) for k, v in logs.items() if k in NAMES and isinstance(v, (int, float))}
        figures = {k: v for k, v in figures.items() if math.isfinite(v)}
        for tracker, client in [*self._clients.items()] if figures else []:
            self._try(tracker, partial(client.log, figures, step))

    def close(self) -> None:
        """End all runs; which they were is recorded."""
        for tracker, client in [*self._clients.items()]:
            self._try(tracker, client.close)
        self._clients = {}
        self._record()

    def _try(self, tracker: str, act: Callable[[], None]) -> None:
        if trouble := attempt(act):
            self._clients.pop(tracker, None)
            self._runs[tracker] = replace(self._runs[tracker], trouble=trouble)

    def _record(self) -> None:
        write_record(self._tracking.file, Begun(identity=self._tracking.identity, runs=(*self._runs.values(),)))


def begun(tracking: Tracking) -> tuple[Tracked, ...]:
    """The runs that trackers have of this very training already."""
    try:
        found = from_json(tracking.file.read_bytes(), Begun)
    except (OSError, MsgspecError):
        return ()
    return found.runs if found.identity == tracking.identity else ()


def callback(tracking: Tracking, n_before: int = 0) -> Any:
    """A TrainerCallback that tells trackers what is logged; steps count on from `n_before`. First process only."""
    from transformers import TrainerCallback

    class Tell(TrainerCallback):  # type: ignore[misc]
        """See the function."""

        open: Trackers | None = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                self.open = Trackers(tracking)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if self.open is not None:
                self.open.log(logs or {}, n_before + state.global_step)

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if self.open is not None:
                self.open.close()

    return Tell()


def settled(card: AdapterCard, tracking: Tracking, note: Callable[[str], None]) -> AdapterCard:
    """The card with the runs that trackers have of it.

    One that saw nothing, because the training was done before or it could not be reached, is told the card's curves.
    """
    seen = {run.tracker for run in begun(tracking) if not run.trouble}
    if missed := tuple(tracker for tracker in tracking.trackers if tracker not in seen):
        others = [run for run in begun(tracking) if run.tracker not in missed]
        trackers = Trackers(replace(tracking, trackers=missed))
        for point in card.curves:
            logs = {"loss": point.loss, "eval_loss": point.dev_loss, "learning_rate": point.learning_rate}
            trackers.log({k: v for k, v in logs.items() if v is not None}, point.step)
        trackers.close()
        told = [run for run in begun(tracking) if run.tracker in missed]
        write_record(tracking.file, Begun(identity=tracking.identity, runs=(*others, *told)))
    runs = tuple(run for run in begun(tracking) if run.tracker in tracking.trackers)
    for run in runs:
        if run.trouble:
            note(f"{tracking.name}: {run.tracker} was not told of the training, which is complete: {run.trouble}")
        elif run.where == "offline" and run.tracker == "wandb":
            sync = f"`wandb sync {tracking.place}/wandb/offline-run-*`"
            note(f"{tracking.name}: the run in W&B is offline, {sync} sends it")
    return replace(card, tracked=runs)


def attempt(act: Callable[[], None]) -> str:
    """Do what a tracker's client does, whatever it may do to this process; says what went wrong, else nothing."""
    with undisturbed():
        try:
            act()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a tracker is no part of a training
            return " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return ""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Python's random state, its warnings and log levels as they were: clients draw, warn and log."""
    state, level = random.getstate(), logging.root.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            random.setstate(state)
            logging.root.setLevel(level)


def without_trackers(recipe: Recipe) -> Recipe:
    """The recipe as what it does: trackers, its parents' too, are no part of that."""
    parent = without_trackers(recipe.parent) if recipe.parent else UNSET
    return replace(recipe, report_to=UNSET, parent=parent)
