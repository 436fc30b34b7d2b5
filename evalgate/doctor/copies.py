"""A copy of a run folder whose answers can be changed; its scores come from the answers, by the product's metrics."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from evalgate import plugins
from evalgate.core.data import Example, Task
from evalgate.core.errors import EvalgateError
from evalgate.core.judgements import Judgement
from evalgate.core.protocols import JudgedMetric, Metric
from evalgate.core.results import Decision, Finding, Prediction, Run, Score
from evalgate.core.serving import LatencyPair
from evalgate.files import read_lines, write_lines
from evalgate.judging import judge_run
from evalgate.sealing import seal_of
from evalgate.store import CAPABILITY, RunData, RunFolder, load_run
from evalgate.suite.frozen import load_suite

Outputs = Mapping[str, str | None]


class Scorer:
    """The metrics of a run's suite, for answers that were changed."""

    def __init__(self, run: Run) -> None:
        """Load the suite that the run was made from; raises `suite-not-there` if it is gone or has changed."""
        folder = Path(run.suite_folder)
        found = load_suite(folder, run.suite, verify=False) if folder.is_dir() else None
        if found is None or found.data_digest != run.data_digest:
            state = "is not there" if found is None else "has other data than this run was made with"
            raise EvalgateError(
                f"the suite '{run.suite.name}' {state}, so answers cannot be scored again",
                code="suite-not-there",
                fix=f"go to the folder that holds {run.suite_folder}, with the suite as it was (commit "
                f"{run.code_commit or 'unknown'}), and repeat the command there",
                where=run.suite_folder,
            )
        self.tasks: dict[str, Task] = found.tasks
        self._metrics: dict[str, list[Metric]] = {
            task.name: [plugins.metric(use, task) for use in task.metrics] for task in run.suite.tasks
        }

    def score(self, task: str, examples: Iterable[Example], predictions: Sequence[Prediction]) -> list[Score]:
        """The scores of some predictions, in their order."""
        by_id, found = {e.id: e for e in examples}, self.tasks[task]
        return [m.score(by_id[p.example_id], p, found) for p in predictions for m in self._metrics[task]]

    def score_recorded(self, data: RunData, system: str, task: str) -> list[Score]:
        """The scores of a system's recorded answers; of what models judged, by what they are recorded to have said."""
        by_id, found = {e.id: e for e in data.examples[task]}, self.tasks[task]
        folder = RunFolder(Path(data.folder), seal_of(data.run.suite))
        judged = read_lines(folder.judgements(system, task), Judgement, folder.seal)
        said = {(j.example_id, j.metric): j for j in judged}
        recorded = {(s.example_id, s.metric): s for s in data.scores[system].get(task, ())}
        rows = []
        for prediction in data.predictions[system].get(task, ()):
            example = by_id[prediction.example_id]
            for metric in self._metrics[task]:
                key = example.id, metric.spec.name
                if not getattr(metric, "asks", ""):
                    rows.append(metric.score(example, prediction, found))
                elif key in said:
                    rows.append(cast("JudgedMetric", metric).judged(example, prediction, said[key]))
                elif key in recorded:  # settled without asking: two equal texts, or nothing to judge
                    rows.append(recorded[key])
        return rows


def differing(data: RunData, scorer: Scorer) -> Iterable[Finding]:
    """Recorded scores that are not what the metrics say of the recorded answers."""
    for system, tasks in data.predictions.items():
        for task in tasks:
            recorded = {(s.example_id, s.metric): s for s in data.scores[system].get(task, ())}
            again = scorer.score_recorded(data, system, task)
            wrong = [s for s in again if recorded.get((s.example_id, s.metric)) != s]
            if wrong:
                yield Finding(
                    code="scores-differ",
                    system=system,
                    what=f"{len(wrong)} of {len(again)} scores of {system} on {task} are not what the metrics say of "
                    f"its answers (first: {wrong[0].example_id}, {wrong[0].metric})",
                    where=str(RunFolder(Path()).scores(system, task)),
                    fix="delete the file and run again: the answers are scored anew",
                )


class Copy:
    """A run folder to plant faults in: into `candidate`, with `best[task]` the best baseline of a task."""

    def __init__(self, folder: Path, candidate: str, best: dict[str, str], scorer: Scorer) -> None:
        self.paths, self.candidate, self.best, self.scorer = RunFolder(folder), candidate, best, scorer

    @property
    def data(self) -> RunData:
        """What the folder holds now."""
        return load_run(self.paths.folder)

    def judge(self) -> Decision:
        """The product's own decision on what the folder holds now."""
        return judge_run(self.data)

    def copied(self, folder: Path) -> Copy:
        """This copy once more, in another folder; weights are left behind, which no gate and no check reads."""
        copy_run(self.paths.folder, folder)
        return Copy(folder, self.candidate, self.best, self.scorer)

    def answers(self, task: str, system: str = "") -> dict[str, str | None]:
        """A system's recorded answers by example; the candidate's without a name."""
        rows = read_lines(self.paths.predictions(system or self.candidate, task), Prediction)
        return {p.example_id: p.output for p in rows}

    def examples(self, task: str) -> list[Example]:
        """A task's held-out examples."""
        return read_lines(self.paths.examples(task), Example)

    def answer(self, task: str, outputs: Outputs, *, prompt_bos: int = 1) -> None:
        """Let the candidate give these answers, and score them."""
        rows = [
            Prediction(example_id=i, system=self.candidate, task=task, output=text, prompt_bos=prompt_bos)
            for i, text in outputs.items()
        ]
        write_lines(self.paths.predictions(self.candidate, task), rows)
        scores = self.scorer.score(task, self.examples(task), rows)
        write_lines(self.paths.scores(self.candidate, task), scores)

    def know(self, right: Mapping[str, float]) -> None:
        """Set which of the base's capability items the candidate gets right."""
        items = capability_items(self.data, "base")
        rows = [
            Score(
                example_id=s.example_id,
                system=self.candidate,
                task=CAPABILITY,
                metric=s.metric,
                parts=(right[s.example_id],),
                detail=s.detail,
            )
            for s in items
        ]
        write_lines(self.paths.scores(self.candidate, CAPABILITY), rows)

    def take(self, pairs: Sequence[LatencyPair]) -> None:
        """Set the candidate's latency pairs."""
        write_lines(self.paths.latency(self.candidate), pairs)


def capability_items(data: RunData, system: str) -> list[Score]:
    """A system's scored capability items."""
    return [s for s in data.scores.get(system, {}).get(CAPABILITY, ()) if s.parts]


def copy_run(source: Path, target: Path) -> None:
    """Copy what a run recorded: not its weights, checkpoints and reports."""
    skip = shutil.ignore_patterns("*.safetensors", "checkpoints", "report.*", "junit.xml", ".lock", "decision.json")
    shutil.copytree(source, target, ignore=skip)
