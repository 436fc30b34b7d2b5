"""Run folders: append-only JSONL records, atomic documents, torn lines healed, one writer at a time."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from evalgate.core.artefacts import MODEL
from evalgate.core.capability import Drift
from evalgate.core.data import Example
from evalgate.core.errors import EvalgateError
from evalgate.core.judges import Agreement
from evalgate.core.probes import Probed
from evalgate.core.record import Record, to_json_line
from evalgate.core.results import AdapterCard, AdapterProbe, Decision, Overlap, Prediction, Run, Score, TrainedRow
from evalgate.core.search import Searched
from evalgate.core.serving import Cost, LatencyPair
from evalgate.core.shown import Shown
from evalgate.files import (
    disk_errors,
    read_keys,
    read_lines,
    read_record,
    read_scores,
    write_atomic,
    write_lines,
)
from evalgate.sealing import Seal, seal_of

R = TypeVar("R", bound=Record)
# Names in a recording beside those of a suite: lm-eval's items, and the untuned model that is asked them.
CAPABILITY, BASE = "capability", "base"


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

    def judgements(self, system: str, task: str) -> Path:
        """Where it lies what judges said of a system's answers to a task."""
        return self.folder / "judgements" / system / f"{task}.jsonl"

    @property
    def agreement(self) -> Path:
        """Where it stands how far judges agree with people and with themselves."""
        return self.folder / "judgements" / "agreement.jsonl"

    def drift(self, candidate: str) -> Path:
        """Where it lies how far a candidate has moved from the base on general text."""
        return self.folder / "drift" / f"{candidate}.jsonl"

    def latency(self, candidate: str) -> Path:
        """Where a candidate's interleaved latency pairs lie."""
        return self.folder / "latency" / f"{candidate}.jsonl"

    def adapter(self, candidate: str) -> Path:
        """Where a candidate's adapter and card lie."""
        return self.folder / "adapters" / candidate

    def shown(self, system: str, task: str) -> Path:
        """Where it stands what a system's prompts for a task look like."""
        return self.folder / "shown" / system / f"{task}.json"

    def artefact(self, candidate: str, *, whole: bool) -> Path:
        """Where what a candidate ships as lies: its adapter, or a whole model below it."""
        return self.adapter(candidate) / MODEL if whole else self.adapter(candidate)

    def merged_card(self, candidate: str) -> Path:
        """Where it stands what a merged candidate was made from, beside its adapter's own card."""
        return self.adapter(candidate) / "merged.json"

    def card(self, candidate: str) -> Path:
        """The card of what a candidate ships as."""
        merged = self.merged_card(candidate)
        return merged if merged.exists() else self.adapter(candidate) / "card.json"

    def merged_latency(self, candidate: str) -> Path:
        """Where the times of a merged candidate beside those of its adapter lie."""
        return self.folder / "latency_merged" / f"{candidate}.jsonl"

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
    def too_long(self) -> Path:
        """Held-out prompts that do not fit the context."""
        return self.folder / "too_long.jsonl"

    @property
    def probed(self) -> Path:
        """What the validity checks measured before held-out answers."""
        return self.folder / "probes.json"

    @property
    def contamination(self) -> Path:
        """What train, dev, replay rows, passages and prompts share with the held-out set."""
        return self.folder / "contamination.jsonl"

    @property
    def search(self) -> Path:
        """Where the tries of prompt searches lie, and what was answered on dev."""
        return self.folder / "search"

    @property
    def searches(self) -> Path:
        """Where it stands what prompt searches tried and chose."""
        return self.folder / "searches.jsonl"

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
            scores = (self.scores(system, task), self.scores(system, CAPABILITY), self.judgements(system, task))
            for stale in (*scores, self.latency(system), self.merged_latency(system), self.drift(system), path):
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
    scores: dict[str, dict[str, Sequence[Score]]]
    latency: dict[str, list[LatencyPair]]
    cards: dict[str, AdapterCard]
    trained: dict[str, list[TrainedRow]] = {}
    probes: dict[str, AdapterProbe] = {}
    decision: Decision | None = None
    costs: list[Cost] = []
    overlaps: list[Overlap] | None = None
    searches: list[Searched] = []
    probed: Probed | None = None
    agreements: list[Agreement] = []
    drift: dict[str, list[Drift]] = {}
    shown: list[Shown] = []
    merged_latency: dict[str, list[LatencyPair]] = {}


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
    cards = {c: paths.card(c) for c in run.systems}
    probes = {c: paths.probe(c) for c in run.systems}
    shown = [path for s in run.systems for t in tasks if (path := paths.shown(s, t)).exists()]
    return RunData(
        run=run,
        folder=str(folder),
        examples={t: read_lines(paths.examples(t), Example) for t in names},
        predictions={s: {t: read_lines(paths.predictions(s, t), Prediction, seal) for t in tasks} for s in run.systems},
        scores={s: {t: read_scores(paths.scores(s, t), seal) for t in names} for s in run.systems},
        latency={c: read_lines(paths.latency(c), LatencyPair, seal) for c in run.candidates},
        drift={c: rows for c in run.systems if (rows := read_lines(paths.drift(c), Drift))},
        cards={c: read_record(p, AdapterCard, fix=hint) for c, p in cards.items() if p.exists()},
        trained={c: read_lines(paths.trained(c), TrainedRow) for c in run.systems},
        probes={c: read_record(p, AdapterProbe, fix=hint) for c, p in probes.items() if p.exists()},
        decision=read_record(paths.decision_file, Decision, fix=hint) if paths.decision_file.exists() else None,
        costs=read_lines(paths.costs, Cost),
        overlaps=read_lines(paths.contamination, Overlap) if paths.contamination.exists() else None,
        searches=read_lines(paths.searches, Searched),
        shown=[read_record(path, Shown, fix=hint) for path in shown],
        probed=read_record(paths.probed, Probed, fix=hint) if paths.probed.exists() else None,
        agreements=read_lines(paths.agreement, Agreement),
        merged_latency={
            c: pairs for c in run.candidates if (pairs := read_lines(paths.merged_latency(c), LatencyPair, seal))
        },
    )
