"""What people said of answers: the file that a judge is held to. Rows name examples of dev or train, never held-out."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, NoReturn

import msgspec

from evalgate.core.data import Example, Task
from evalgate.core.errors import EvalgateError
from evalgate.core.judges import FIRST, REFUSALS, SECOND, TIE, JudgedBy, JudgeSpec
from evalgate.core.record import Record, from_json

WORDS = {"first": FIRST, "second": SECOND, "tie": TIE, "refusal": REFUSALS[0], "answer": REFUSALS[1]}
FORMS = (
    '`{"id": ID, "output": TEXT, "label": NUMBER}`, `{"id": ID, "first": TEXT, "second": TEXT, "label": "first"}` or '
    '`{"id": ID, "output": TEXT, "label": "refusal"}`'
)


class Row(Record, frozen=True, kw_only=True):
    """One line of the file."""

    id: str
    label: int | str
    output: str | None = None
    first: str | None = None
    second: str | None = None


class Labelled(NamedTuple):
    """One answer, or two, of an example, and the verdict of a person."""

    by: JudgedBy
    example: Example
    answers: tuple[str, ...]
    verdict: str


def read_labels(folder: Path, spec: JudgeSpec, task: Task) -> list[Labelled]:
    """The human judgements of a task, in the file's order; none without a file. Raises `bad-labels`."""
    if not spec.labels:
        return []
    path = folder / spec.labels
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        _fault(f"the file of human judgements cannot be read: {error.strerror}", str(path))
    examples = {e.id: e for split in ("train", "dev") for e in task.splits.get(split, ())}
    heldout = {e.id for e in task.splits.get("heldout", ())}
    found = []
    for number, line in enumerate(lines, 1):
        where = f"{path}:{number}"
        try:
            row = from_json(line, Row)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            _fault(f"this line cannot be read: {error}", where)
        if row.id in heldout:
            _fault(f"'{row.id}' is a held-out example: judges are calibrated on dev or train", where)
        if row.id not in examples:
            _fault(f"task '{task.spec.name}' has no example '{row.id}' in dev or train", where)
        found.append(_labelled(row, examples[row.id], spec, where))
    return found


def _labelled(row: Row, example: Example, spec: JudgeSpec, where: str) -> Labelled:
    """What a row says; its label must fit what it labels."""
    by: JudgedBy = "score"
    answers: tuple[str | None, ...] = (row.output,)
    if row.output is None:
        by, answers = "preference", (row.first, row.second)
    elif isinstance(row.label, str):
        by = "refusal"
    verdict = WORDS.get(row.label, "") if isinstance(row.label, str) else str(row.label)
    texts = tuple(text for text in answers if text is not None)
    if len(texts) < len(answers) or (by != "preference" and (row.first is not None or row.second is not None)):
        _fault("a row has either `output` or both `first` and `second`", where)
    if verdict not in spec.verdicts(by):
        words = [word for word, said in WORDS.items() if said in spec.verdicts(by)]
        allowed = f"{spec.low} to {spec.high}" if by == "score" else ", ".join(words)
        _fault(f"the label {row.label!r} is none of: {allowed}", where)
    return Labelled(by, example, texts, verdict)


def _fault(what: str, where: str) -> NoReturn:
    raise EvalgateError(what, code="bad-labels", fix=f"write one JSON object a line: {FORMS}", where=where)
