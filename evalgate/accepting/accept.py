"""`evalgate baseline accept`: a recorded run's baselines become what later candidates must beat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import UNSET
from msgspec.structs import replace

from evalgate.accepting.records import SCORES, SUFFIX, Accepted
from evalgate.core.content import content_digest, text_of
from evalgate.core.data import Example
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.record import digest_bytes, digest_of, to_json_line
from evalgate.core.results import Estimate
from evalgate.core.seeds import now
from evalgate.files import write_atomic, write_record
from evalgate.judging import metrics_of, score_table
from evalgate.store import BASE, CAPABILITY, RunData, load_identity, load_run
from evalgate.validity import examine

# What of a backend's identity moves answers.
SERVING = ("dtype", "quantization")


def accept(folder: Path, names: Sequence[str] = (), target: Path | None = None) -> list[tuple[Path, Accepted]]:
    """Write each system's record and scores; without names those of all baselines, and the untuned model's capability.

    Without a target they go to the folder of baselines that the suite names. Others that lie there stay.
    Raises `sealed-baseline`, `unknown-system`, `doubtful-baseline`, and what `load_run` raises.
    """
    if load_identity(folder).suite.disclosure != "full":
        raise UsageError(
            "this run is sealed, and accepted scores lie open beside the prompts",
            code="sealed-baseline",
            fix="let every run of a sealed suite measure its baselines",
            where=str(folder),
        )
    data = load_run(folder)
    run = data.run
    usual = [*run.baselines, *([BASE] if data.scores.get(BASE, {}).get(CAPABILITY) else [])]
    chosen = list(names) or usual
    _refuse_unfit(data, chosen, folder)
    place = target or Path(run.suite_folder) / (run.suite.baselines or f"../../baselines/{run.suite.name}")
    table = score_table(data, metrics_of(data))
    found = []
    for name in chosen:
        # Texts of likelihood requests are large, and no gate reads them.
        rows = [replace(row, responses=UNSET) for task in data.examples for row in data.scores[name].get(task, ())]
        lines = b"".join(map(to_json_line, rows))
        values = {f"{s.task}.{s.metric}": s.estimate for s in table if s.system == name and s.estimate}
        record = _record(data, name, digest_bytes(lines), values)
        write_atomic(place / f"{name}{SCORES}", lines)
        write_record(place / f"{name}{SUFFIX}", record)
        found.append((place / f"{name}{SUFFIX}", record))
    return found


def _refuse_unfit(data: RunData, names: Sequence[str], folder: Path) -> None:
    known = [name for name in data.run.systems if any(data.scores.get(name, {}).values())]
    for name in names:
        if name not in known:
            raise UsageError(
                f"the run has no scores of a system '{name}'",
                code="unknown-system",
                fix=f"choose from: {', '.join(known) or '(none)'}",
                where=str(folder),
            )
    if not names:
        raise UsageError(
            "the run has no baseline to accept",
            code="unknown-system",
            fix=f"name systems: `--system NAME`; it has: {', '.join(known) or '(none)'}",
            where=str(folder),
        )
    wrong = [f for f in examine(data) if f.hard and (not f.system or f.system in names)]
    if wrong:
        raise EvalgateError(
            f"the recording cannot be trusted: {'; '.join(f.what for f in wrong)}",
            code="doubtful-baseline",
            fix=wrong[0].fix,
            where=str(folder / wrong[0].where),
        )


def examples_digest(examples: Sequence[Example]) -> str:
    """The identity of what was asked: ids and contents, in any order."""
    return digest_of(sorted([e.id, content_digest(text_of(e))] for e in examples))


def _record(data: RunData, name: str, scores_digest: str, values: dict[str, Estimate]) -> Accepted:
    run, system = data.run, data.run.systems[name]
    signatures = {key: metric.spec.signature for key, metric in metrics_of(data).items() if key in values}
    tasks = {key.partition(".")[0] for key in values}
    return Accepted(
        system=name,
        suite=run.suite.name,
        suite_version=run.suite.version,
        suite_digest=run.suite_digest,
        data_digest=run.data_digest,
        system_digest=digest_of(system),
        model_digest=run.model_digest,
        adapter_digest=system.adapter_digest,
        scores_digest=scores_digest,
        examples={task: examples_digest(rows) for task, rows in data.examples.items() if task in tasks},
        signatures=signatures,
        decoding={task: prompt.sampling for task, prompt in system.prompts.items()},
        serving={key: run.serving[key] for key in SERVING if key in run.serving},
        values=values,
        description=system.description,
        run=run.id,
        started=run.started,
        accepted=now(),
        code_commit=run.code_commit,
        versions=run.versions,
    )
