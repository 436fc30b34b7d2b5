"""Recorded scores are of the metric that made them: another version's are not judged as its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalgate.core.errors import EvalgateError
from evalgate.core.labels import counts_alike
from evalgate.core.results import Run


def counted_otherwise(
    run: Run, present: Mapping[str, str], labels: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, str]]:
    """`task.metric` -> its signature in the recording and now, where the numbers may differ.

    `labels` are those of each task's examples. A recording of an earlier version, without signatures, says nothing.
    """
    return {
        name: (was, present[name])
        for name, was in run.signatures.items()
        if name in present and not counts_alike(was, present[name], labels.get(name.partition(".")[0]))
    }


def refuse_other_counting(
    run: Run, folder: str, present: Mapping[str, str], labels: Mapping[str, Sequence[str]]
) -> None:
    """Raise `scores-outdated` where a metric counts otherwise than when the run's scores were made."""
    found = counted_otherwise(run, present, labels)
    if not found:
        return
    told = "; ".join(f"{name} was '{was}' and is '{now}'" for name, (was, now) in found.items())
    raise EvalgateError(
        f"the scores of run {run.id} were counted by another version of {len(found)} "
        f"metric{'s' * (len(found) > 1)}: {told}",
        code="scores-outdated",
        fix=f"score the recorded answers again with `evalgate gate {folder} --rescore`, or judge with evalgate "
        f"{run.versions.get('evalgate', 'of the version that recorded them')}",
        where=folder,
    )
