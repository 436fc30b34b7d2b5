"""Run folders: append-only JSONL records, atomic documents, torn lines healed, one writer at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from evalgate.core.data import Example
from evalgate.core.errors import EvalgateError
from evalgate.core.record import Record, from_json, to_json_line
from evalgate.core.results import (
    AdapterCard,
    AdapterProbe,
    Cost,
    Decision,
    LatencyPair,
    Overlap,
    Prediction,
    Run,
    Score,
    TrainedRow,
)
from evalgate.sealing import Seal, SealedLine, seal_of

R = TypeVar("R", bound=Record)
# Names in a recording beside those of a suite: lm-eval's items, and the untuned model that is asked them.
CAPABILITY, BASE = "capability", "base"


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk into an error that says where and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(path.parent if path.parent.exists() else "/").free
            raise EvalgateError(
                f"no space left on the disk ({free / 1e6:.0f} MB free); what was written before is kept",
                code="no-space",
                fix="free some space and run the same command again: it goes on where it stopped",
                where=str(path),
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise EvalgateError(
                f"cannot write: {error.strerror}",
                code="not-writable",
                fix="choose another folder with `-o FOLDER` or change its permissions",
                where=str(path),
            ) from error
        raise


def write_atomic(path: Path, data: bytes) -> None:
    """Write a whole file so that a reader or a crash sees the old one or the new one, never half of it."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + f".tmp{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_record(path: Path, record: Record) -> None:
    """Write one record as indented JSON, atomically."""
    write_atomic(path, msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")


def write_lines(path: Path, records: Iterable[Record]) -> None:
    """Write a whole file of records, one a line, atomically."""
    write_atomic(path, b"".join(map(to_json_line, records)))


def read_record(path: Path, kind: type[R], *, fix: str) -> R:
    """Read one record; a missing or wrong file is an `EvalgateError` with the given fix."""
    try:
        return from_json(path.read_bytes(), kind)
    except (FileNotFoundError, NotADirectoryError):
        raise EvalgateError(f"there is no {path.name}", code="not-a-run", fix=fix, where=str(path)) from None
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise EvalgateError(
            f"{path.name} cannot be read: {error}", code="broken-record", fix=fix, where=str(path)
        ) from None


def read_lines(path: Path, kind: type[R], seal: Seal | None = None) -> list[R]:
    """All whole lines of an append-only file; a last line torn by a crash is left out. Empty if there is no file.

    With a seal the lines are opened; raises `sealed` where that cannot be.
    """
    if seal is None:
        return _decode_lines(path, _whole(path), kind)
    opened = [seal.open(line.sealed, str(path)) + b"\n" for line in _decode_lines(path, _whole(path), SealedLine)]
    return _decode_lines(path, b"".join(opened), kind)


def read_keys(path: Path, kind: type[R], seal: Seal | None = None) -> Sequence[R | SealedLine]:
    """What has been recorded, never opened: the records themselves, or with a seal their ids."""
    return _decode_lines(path, _whole(path), SealedLine) if seal else read_lines(path, kind)


def _whole(path: Path) -> bytes:
    data = path.read_bytes() if path.exists() else b""
    return data[: data.rfind(b"\n") + 1]


def _decode_lines(path: Path, data: bytes, kind: type[R]) -> list[R]:
    try:
        return msgspec.json.Decoder(kind).decode_lines(data)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise EvalgateError(
            f"a recorded line cannot be read: {error}",
            code="broken-record",
            fix=f"delete {path} and run again: only what it held is made anew",
            where=str(path),
        ) from None


def count_lines(path: Path) -> int:
    """How many whole lines an append-only file has; 0 if there is no file."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


class Appender:
    """Appends records to one JSONL file; each call is on disk (not fsynced) when it returns.

    With a seal every line is closed before it is written, but for the ids that tell what was done.
    """

    def __init__(self, path: Path, seal: Seal | None = None) -> None:
        self.path, self._seal = path, seal
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _heal(path)
            self._file: BinaryIO = path.open("ab", buffering=0)

    def write(self, records: Iterable[Record]) -> None:
        """Append records in one system call."""
        data = b"".join(to_json_line(self._closed(record)) for record in records)
        with disk_errors(self.path):
            written = self._file.write(data)
            while written < len(data):  # a raw file may take less than all of it when the disk is nearly full
                written += self._file.write(data[written:])

    def _closed(self, record: Record) -> Record:
        if self._seal is None:
            return record
        ids = {name: getattr(record, name, "") for name in ("example_id", "metric", "request_digest")}
        return SealedLine(sealed=self._seal.seal(to_json_line(record).strip()), **ids)

    def __enter__(self) -> Appender:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _heal(path: Path) -> None:
    """Cut a last line that a crash left without its newline."""
    if not path.exists():
        return
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        os.truncate(path, end)


class RunFolder:
    """The files of one run, and what seals them. See the layout in the README."""

    def __init__(self, folder: Path, seal: Seal | None = None) -> None:
        self.folder, self.seal = folder, seal

    def predictions(self, system: str, task: str) -> Path:
        """Where a system's predictions for a task lie."""
        return self.folder / "predictions" / system / f"{task}.jsonl"

    def scores(self, system: str, task: str) -> Path:
        """Where a system's scores for a task lie; the task `capability` holds lm-eval's items."""
        return self.folder / "scores" / system / f"{task}.jsonl"

    def latency(self, candidate: str) -> Path:
        """Where a candidate's interleaved latency pairs lie."""
        return self.folder / "latency" / f"{candidate}.jsonl"

    def adapter(self, candidate: str) -> Path:
        """Where a candidate's adapter and card lie."""
        return self.folder / "adapters" / candidate

    def trained(self, candidate: str) -> Path:
        """Where it is written which rows a candidate's adapter was trained on."""
        return self.adapter(candidate) / "trained.jsonl"

    def probe(self, candidate: str) -> Path:
        """Where it is written what a candidate's adapter changes."""
        return self.adapter(candidate) / "probe.json"

    def examples(self, task: str) -> Path:
        """Where the held-out examples that were asked lie, so that a run can be judged without its suite."""
        return self.folder / "examples" / f"{task}.jsonl"

    @property
    def contamination(self) -> Path:
        """What train, dev, replay rows, passages and prompts share with the held-out set."""
        return self.folder / "contamination.jsonl"

    @property
    def costs(self) -> Path:
        """Where it stands how long each system took for each task."""
        return self.folder / "costs.jsonl"

    @property
    def run_file(self) -> Path:
        """The run's identity."""
        return self.folder / "run.json"

    @property
    def decision_file(self) -> Path:
        """The run's decision, as far as it is disclosed."""
        return self.folder / "decision.json"

    @property
    def sealed_decision_file(self) -> Path:
        """The whole decision of a sealed run, an age file."""
        return self.folder / "decision.json.age"

    def clear(self) -> None:
        """Delete what an earlier run left here."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != ".lock":
                path.unlink()

    def write_examples(self, task: str, examples: Iterable[Example]) -> None:
        """Keep the examples that are asked."""
        write_lines(self.examples(task), examples)

    def forget_others(self, system: str, task: str, digests: set[str]) -> None:
        """Drop recorded answers to other requests, and all that followed from them: an adapter was trained anew.

        The answers go last, so that a crash in between leaves the sign that the rest is stale.
        """
        path = self.predictions(system, task)
        if any(p.request_digest not in digests for p in read_keys(path, Prediction, self.seal)):
            for stale in (self.scores(system, task), self.scores(system, CAPABILITY), self.latency(system), path):
                stale.unlink(missing_ok=True)

    def forget_unscored(self, system: str, task: str, metrics: set[str]) -> None:
        """Drop sealed answers that a crash left without all their scores: without the key they cannot be scored now."""
        if self.seal is None:
            return
        answers, scores = self.predictions(system, task), self.scores(system, task)
        found: dict[str, set[str]] = {}
        for score in read_keys(scores, Score, self.seal):
            found.setdefault(score.example_id, set()).add(score.metric)
        whole = {example_id for example_id, names in found.items() if names >= metrics}
        for path, lines in (
            (scores, read_keys(scores, Score, self.seal)),
            (answers, read_keys(answers, Prediction, self.seal)),
        ):
            if any(line.example_id not in whole for line in lines):
                write_atomic(path, b"".join(to_json_line(line) for line in lines if line.example_id in whole))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one writer; a second one is told so at once."""
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / ".lock").open("w")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise EvalgateError(
                    "another evalgate process is writing this run",
                    code="run-locked",
                    fix="wait for it to end, or give this run another folder with `-o FOLDER`",
                    where=str(self.folder),
                ) from None
            yield


class RunData(Record, frozen=True, kw_only=True):
    """Everything that a run folder holds, for judging and for the report; `overlaps` is None where nobody looked."""

    run: Run
    folder: str
    examples: dict[str, list[Example]]
    predictions: dict[str, dict[str, list[Prediction]]]
    scores: dict[str, dict[str, list[Score]]]
    latency: dict[str, list[LatencyPair]]
    cards: dict[str, AdapterCard]
    trained: dict[str, list[TrainedRow]] = {}
    probes: dict[str, AdapterProbe] = {}
    decision: Decision | None = None
    costs: list[Cost] = []
    overlaps: list[Overlap] | None = None


def load_identity(folder: Path) -> Run:
    """What a run folder is the recording of. Raises `not-a-run`."""
    hint = f"give the folder of a run, e.g. `ls {folder.parent}`; `evalgate run SUITE` makes one"
    return read_record(RunFolder(folder).run_file, Run, fix=hint)


def load_run(folder: Path, seal: Seal | None = None) -> RunData:
    """Read a whole run folder; systems and tasks are those that its `run.json` names.

    A sealed one is opened by `seal`, which may know what it has sealed, else with the environment's identity.
    """
    run = load_identity(folder)
    seal = seal or seal_of(run.suite)
    paths, hint = RunFolder(folder, seal), "restore it, or run the suite again"
    tasks = [task.name for task in run.suite.tasks]
    names = [*tasks, CAPABILITY]
    cards = {c: paths.adapter(c) / "card.json" for c in run.systems}
    probes = {c: paths.probe(c) for c in run.systems}
    return RunData(
        run=run,
        folder=str(folder),
        examples={t: read_lines(paths.examples(t), Example) for t in names},
        predictions={s: {t: read_lines(paths.predictions(s, t), Prediction, seal) for t in tasks} for s in run.systems},
        scores={s: {t: read_lines(paths.scores(s, t), Score, seal) for t in names} for s in run.systems},
        latency={c: read_lines(paths.latency(c), LatencyPair, seal) for c in run.candidates},
        cards={c: read_record(p, AdapterCard, fix=hint) for c, p in cards.items() if p.exists()},
        trained={c: read_lines(paths.trained(c), TrainedRow) for c in run.systems},
        probes={c: read_record(p, AdapterProbe, fix=hint) for c, p in probes.items() if p.exists()},
        decision=read_record(paths.decision_file, Decision, fix=hint) if paths.decision_file.exists() else None,
        costs=read_lines(paths.costs, Cost),
        overlaps=read_lines(paths.contamination, Overlap) if paths.contamination.exists() else None,
    )
