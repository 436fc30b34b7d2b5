"""Scores made again from recorded answers, where a metric counts otherwise than when they were made."""

from __future__ import annotations

from pathlib import Path

import msgspec

from evalgate import plugins
from evalgate.core.results import Score
from evalgate.doctor.copies import Scorer
from evalgate.files import Appender, write_record
from evalgate.metrics.recorded import counted_otherwise
from evalgate.sealing import Seal, seal_of
from evalgate.store import RunFolder, load_run


def rescore(folder: Path) -> tuple[str, ...]:
    """Replace the scores of every metric that counts otherwise by now; returns their names as `task.metric`.

    Answers and all other scores stay. The run's identity takes the new signatures last, so that after a crash the run
    is still refused and can be rescored. Raises `suite-not-there`, and what reading the run raises.
    """
    with RunFolder(folder).locked():
        data = load_run(folder)
        run, paths = data.run, RunFolder(folder)
        present = plugins.signatures(run.suite)
        labels = {task: [e.label for e in rows if e.label is not None] for task, rows in data.examples.items()}
        changed = tuple(counted_otherwise(run, present, labels))
        if not changed:
            return ()
        scorer, seal = Scorer(run), seal_of(run.suite)
        for system in data.predictions:
            for task in dict.fromkeys(name.partition(".")[0] for name in changed):
                names = {name.partition(".")[2] for name in changed if name.startswith(f"{task}.")}
                again = [s for s in scorer.score_recorded(data, system, task) if s.metric in names]
                kept = [s for s in data.scores[system].get(task, []) if s.metric not in names]
                if again:
                    _replace(paths.scores(system, task), [*kept, *again], seal)
        write_record(paths.run_file, msgspec.structs.replace(run, signatures=present))
        return changed


def _replace(path: Path, scores: list[Score], seal: Seal | None) -> None:
    """Write a whole file of scores, sealed if the run is, and put it in the old one's place at once."""
    draft = path.with_suffix(".again")
    draft.unlink(missing_ok=True)
    with Appender(draft, seal) as file:
        file.write(scores)
    draft.replace(path)
