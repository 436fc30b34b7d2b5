"""Answers that were given elsewhere, by example id: any system in any language can be gated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalgate.backends.recorded_files import RecordedRow, read_recorded
from evalgate.core.data import Example, Message, Project, Recording, Sampling
from evalgate.core.protocols import Ask, Request
from evalgate.core.record import digest_of
from evalgate.core.results import Failure, Generation

MISSING = Failure(code="not-recorded", message="the file of recorded answers has no row for this example")
EMPTY = Failure(code="no-output", message="the file of recorded answers has a row without an output")


class RecordedBackend:
    """Answers one system's requests for one task; a request is the id of its example (`recorded_asks`)."""

    def __init__(self, rows: Mapping[str, RecordedRow]) -> None:
        self._rows = rows

    @property
    def identity(self) -> dict[str, str]:
        """That nothing runs; the digest of the file stands in the system."""
        return {"backend": "recorded"}

    def add_adapter(self, name: str, folder: str) -> None:
        """A recording has no adapters."""

    def generate(self, requests: Sequence[Request], *, adapter: str | None = None) -> Iterator[tuple[int, Generation]]:
        """The recorded answers, in order; an example that the file lacks is a failure."""
        for index, request in enumerate(requests):
            row = self._rows.get(request.messages[0].content)
            if row is None or row.output is None:
                yield index, Generation(output=None, status="error", failure=EMPTY if row else MISSING)
            else:
                yield index, Generation(output=row.output, status="truncated" if row.truncated else "ok")

    def loglikelihood(self, pairs: Sequence[tuple[str, str]], *, adapter: str | None = None) -> list[float]:
        """A recording says nothing of other texts; planning refuses what would ask."""
        raise NotImplementedError("recorded answers have no likelihoods")

    def close(self) -> None:
        """Nothing to free."""


def recorded_asks(recording: Recording, examples: Sequence[Example], sampling: Sampling) -> list[Ask]:
    """What a recorded system is asked: its answer to each example, which the task's constraint can only check."""
    asks = []
    for example in examples:
        request = Request(messages=(Message(role="id", content=example.id),), sampling=sampling)
        digest = digest_of([recording, request])
        asks.append(Ask(example_id=example.id, request=request, digest=digest, answer=recording.answer or None))
    return asks


def open_recorded(
    project: Project,
) -> tuple[dict[tuple[str, str], RecordedBackend], dict[str, dict[str, Recording]]]:
    """The answers of each recorded system and task, and what identifies them, by system.

    Raises what `read_recorded` raises.
    """
    found: dict[tuple[str, str], RecordedBackend] = {}
    recordings: dict[str, dict[str, Recording]] = {}
    for draft in (*project.systems, *project.entrants):
        for name, file in draft.predictions.items():
            known = {example.id for example in project.suite.tasks[name].splits["heldout"]}
            rows, digest = read_recorded(file, known, name)
            found[draft.name, name] = RecordedBackend(rows)
            recordings.setdefault(draft.name, {})[name] = Recording(file_digest=digest, answer=file.answer)
    return found, recordings
