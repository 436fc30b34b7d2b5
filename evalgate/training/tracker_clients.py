"""TensorBoard, MLflow and Weights & Biases behind one small interface; each speaks to its own client library."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

PROJECT = "evalgate"
Config = Mapping[str, str | int | float]
# A training does not wait long for a server that is away; whoever sets these has another server.
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
WANDB_SETTINGS = {"silent": True, "console": "off", "init_timeout": 30.0, "finish_timeout": 60.0, "login_timeout": 5.0,
                  "disable_git": True, "disable_code": True, "x_disable_stats": True}  # fmt: skip
WANDB_HOST = "https://api.wandb.ai"


class Client(Protocol):
    """One run in one tracker. `run_id` is known once it is open; `where` is a server or a folder, empty for ours."""

    run_id: str
    where: str

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Figures of a training step."""

    def conclude(self, figures: Mapping[str, float], texts: Mapping[str, str], step: int) -> None:
        """What was decided, with its figures; said again, it takes the place of what was said before."""

    def close(self) -> None:
        """Everything is on disk or sent."""


def open_client(tracker: str, *, place: Path, name: str, run_id: str, where: str, config: Config) -> Client:
    """Open a tracker's run of a name: the one with an id, or a new one where that is empty."""
    kind: Any = {"tensorboard": TensorBoard, "mlflow": MLflow, "wandb": Wandb}[tracker]
    client: Client = kind(place, name, run_id, where, config)
    return client


class TensorBoard:
    """Event files, written without TensorFlow and torch."""

    def __init__(self, place: Path, name: str, run_id: str, where: str, config: Config) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.run_id, self.where = run_id or name, where or os.environ.get("TENSORBOARD_LOGGING_DIR", "")
        self._writer = EventFileWriter(str((Path(self.where) if self.where else place / "tensorboard") / self.run_id))
        if not run_id:
            from tensorboard.plugins.hparams.summary_v2 import hparams_pb

            self._write(hparams_pb(dict(config), trial_id=name), 0)
            self._text("config", table(config), 0)

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """See the protocol."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._write(Summary(value=[Summary.Value(tag=k, simple_value=v) for k, v in figures.items()]), step)
        self._writer.flush()  # a training that is killed keeps what it has told

    def conclude(self, figures: Mapping[str, float], texts: Mapping[str, str], step: int) -> None:
        """See the protocol."""
        self.log(figures, step)
        self._text("decision", table(texts), step)

    def close(self) -> None:
        """See the protocol."""
        self._writer.close()

    def _text(self, tag: str, text: str, step: int) -> None:
        from tensorboard.plugins.text.summary_v2 import text_pb

        self._write(text_pb(tag, text), step)

    def _write(self, summary: Any, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        # The time of an event is nothing that anyone computes with.
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))


class MLflow:
    """A tracking server, or a SQLite file in the run's folder."""

    def __init__(self, place: Path, name: str, run_id: str, where: str, config: Config) -> None:
        for key, value in PATIENCE.items():
            os.environ.setdefault(key, value)
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.tracking import MlflowClient

        for chatty in ("mlflow", "alembic"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        self._metric, self._tag = Metric, RunTag
        self.where = where or os.environ.get("MLFLOW_TRACKING_URI", "")
        place.mkdir(parents=True, exist_ok=True)
        own = place.resolve() / "mlflow.db"
        self._client = MlflowClient(tracking_uri=self.where or f"sqlite:///{own}")
        if not run_id:
            place_of_files = None if self.where else (place.resolve() / "mlflow").as_uri()
            run_id = self._client.create_run(self._experiment(place_of_files), run_name=name).info.run_id
            self._client.log_batch(run_id, params=[Param(k, str(v)) for k, v in config.items()])
        else:
            self._client.update_run(run_id, status="RUNNING")
        self.run_id = run_id

    def _experiment(self, files: str | None) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        found = self._client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self._client.create_experiment(name, artifact_location=files))

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """See the protocol."""
        now = int(time.time() * 1000)
        self._client.log_batch(self.run_id, metrics=[self._metric(k, v, now, step) for k, v in figures.items()])

    def conclude(self, figures: Mapping[str, float], texts: Mapping[str, str], step: int) -> None:
        """See the protocol."""
        self.log(figures, step)
        self._client.log_batch(self.run_id, tags=[self._tag(f"{PROJECT}.{k}", v[:5000]) for k, v in texts.items()])

    def close(self) -> None:
        """See the protocol."""
        self._client.set_terminated(self.run_id)


class Wandb:
    """Weights & Biases; without a key nothing is asked for, and the run is written for `wandb sync`."""

    def __init__(self, place: Path, name: str, run_id: str, where: str, config: Config) -> None:
        import secrets

        import wandb

        place.mkdir(parents=True, exist_ok=True)
        mode = os.environ.get("WANDB_MODE") or (None if _wandb_key() else "offline")
        known = {k: v for k, v in WANDB_SETTINGS.items() if k in wandb.Settings.model_fields}
        self.run_id, self.where = run_id or secrets.token_hex(6), "offline" if mode == "offline" else "online"
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=name,
            id=self.run_id,
            resume="allow",
            dir=os.environ.get("WANDB_DIR", str(place)),
            mode=mode,
            config=dict(config),
            reinit="create_new",
            settings=wandb.Settings(**known),
        )
        # A resumed run may be told steps again that it has seen: they get an axis of their own.
        self._run.define_metric("*", step_metric="train/global_step")

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """See the protocol."""
        self._run.log({**figures, "train/global_step": step})

    def conclude(self, figures: Mapping[str, float], texts: Mapping[str, str], step: int) -> None:
        """See the protocol."""
        self._run.summary.update({**figures, **texts})

    def close(self) -> None:
        """See the protocol."""
        self._run.finish()


def _wandb_key() -> bool:
    """Whether a key can be found; W&B's own look-up would ask for one on the terminal."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    from netrc import netrc
    from urllib.parse import urlsplit

    host = urlsplit(os.environ.get("WANDB_BASE_URL", WANDB_HOST)).hostname or ""
    for file in filter(None, [os.environ.get("NETRC"), "~/.netrc", "~/_netrc"]):
        with suppress(OSError, SyntaxError, ValueError):
            if netrc(str(Path(file).expanduser())).authenticators(host):
                return True
    return False


def table(values: Mapping[str, object]) -> str:
    """A Markdown table of two columns."""
    rows = [f"| {key} | {' '.join(str(value).split()).replace('|', '/')} |" for key, value in values.items()]
    return "\n".join(["| | |", "|---|---|", *rows])
