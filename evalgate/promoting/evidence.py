"""A recording without texts: all that judging reads, and nothing of what was asked or answered.

Held-out examples and answers beside a published model would contaminate every later one. What judging needs of an
example is its id, label, cluster, tags, number of words, and whether it is a row that was trained on.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from msgspec import UNSET
from msgspec.structs import replace

from evalgate.core.content import content_digest, text_of
from evalgate.core.data import Example
from evalgate.core.record import short
from evalgate.core.results import Failure, Prediction, Score
from evalgate.files import write_lines, write_record
from evalgate.store import CAPABILITY, RunData, RunFolder
from evalgate.suite.chain import DIGESTS_FILE, LEDGER_FILE
from evalgate.suite.lock import LOCK_FILE

FIELD = "text"


def write_evidence(data: RunData, to: RunFolder) -> None:
    """Write a run's recording without texts in the layout of a run; lines that are sealed stay as they are."""
    run = data.run
    write_record(to.run_file, run)
    for task, examples in data.examples.items():
        if examples:
            to.write_examples(task, map(redacted_example, examples))
    if run.suite.disclosure == "full":
        _write_open(data, to)
    else:
        _copy_sealed(Path(data.folder), to)
    for name, card in data.cards.items():
        write_record(to.adapter(name) / "card.json", card)
    for name, probe in data.probes.items():
        write_record(to.probe(name), probe)
    _write_leaks(data, to)
    if data.probed is not None:
        write_record(to.probed, data.probed)
    if data.overlaps is not None:
        write_lines(to.contamination, data.overlaps)
    if data.costs:
        write_lines(to.costs, data.costs)
    if data.agreements:
        write_lines(to.agreement, data.agreements)


def _write_leaks(data: RunData, to: RunFolder) -> None:
    """The rows that were trained on and asked, with the digests that the examples have here."""
    asked = [e for task, rows in data.examples.items() if task != CAPABILITY for e in rows]
    told: dict[str, list[str]] = {}  # one text may have several forms, of different numbers of words
    for example in asked:
        told.setdefault(content_digest(text_of(example)), []).append(content_digest(text_of(redacted_example(example))))
    for name, rows in data.trained.items():
        forms = [(row, form) for row in rows for form in dict.fromkeys(told.get(row.content_digest, ()))]
        if forms:
            write_lines(to.trained(name), (replace(row, content_digest=form) for row, form in forms))


def _write_open(data: RunData, to: RunFolder) -> None:
    for system, tasks in data.predictions.items():
        for task, rows in tasks.items():
            if rows:
                write_lines(to.predictions(system, task), map(redacted_prediction, rows))
    for system, scored in data.scores.items():
        for task, scores in scored.items():
            if scores:
                write_lines(to.scores(system, task), (redacted_score(s, task) for s in scores))
    for name in data.run.candidates:
        if pairs := data.latency.get(name):
            write_lines(to.latency(name), pairs)
        if merged := data.merged_latency.get(name):
            write_lines(to.merged_latency(name), merged)


def _copy_sealed(was: Path, to: RunFolder) -> None:
    """The sealed files as they are: only the owner opens them."""
    for part in ("predictions", "scores", "latency", "latency_merged"):
        if (was / part).is_dir():
            shutil.copytree(was / part, to.folder / part)


def redacted_example(example: Example) -> Example:
    """An example of as many words that tells none of them; equal texts stay equal."""
    text = text_of(example)
    words = len(text.split())
    told = " ".join([short(content_digest(text)), *["_"] * (words - 1)]) if words else ""
    return replace(example, inputs={FIELD: told}, references=())


def redacted_prediction(prediction: Prediction) -> Prediction:
    """An answer's ids, counts and times without its text."""
    return replace(
        prediction, output=None, raw=UNSET, label_logprobs=UNSET, context_ids=(), failure=_code(prediction.failure)
    )


def redacted_score(score: Score, task: str) -> Score:
    """A score without what it says of the answer; a capability item keeps its subject, by which it is grouped."""
    detail = score.detail if task == CAPABILITY else None
    return replace(score, detail=detail, responses=UNSET, failure=_code(score.failure))


def _code(failure: Failure | None) -> Failure | None:
    return None if failure is None else Failure(code=failure.code)


def copy_suite_files(suite: Path, to: Path) -> None:
    """The suite's lock, and its ledger where it keeps one."""
    for name in (LOCK_FILE, LEDGER_FILE, DIGESTS_FILE):
        if (suite / name).is_file():
            shutil.copyfile(suite / name, to / name)
