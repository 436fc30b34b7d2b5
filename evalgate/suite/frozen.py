"""Load, freeze and verify a suite: what has changed since it was frozen decides nothing until it is released."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from msgspec.structs import replace

from evalgate.core.data import Example, Passage, Split, Suite, SuiteSpec, Task, TaskSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.record import digest_bytes, digest_of
from evalgate.files import write_atomic, write_record
from evalgate.suite.formats import place_of, read_examples, read_passages, read_schema
from evalgate.suite.labels import check_labels
from evalgate.suite.ledger import carry_over, contents_of
from evalgate.suite.lock import (
    LOCK_FILE,
    SUITE_FILE,
    Difference,
    Lock,
    SplitLock,
    changed_metric,
    difference,
    lock_split,
    make_lock,
    read_lock,
)
from evalgate.suite.places import changed_line, line_digests, text_bytes

ALL_SPLITS: tuple[Split, ...] = ("train", "dev", "heldout")


def load_suite(folder: Path, spec: SuiteSpec, splits: Sequence[Split] = ALL_SPLITS, *, verify: bool = True) -> Suite:
    """Read the asked splits of every task, with schemas and passages.

    With `verify`, what was read must equal `suite.lock` (`not-frozen`, `suite-digest-mismatch`); other splits are not
    opened. Without, the digests stand for what was read. Faults in the data are errors either way.
    """
    lock = read_lock(folder)
    if verify and lock is None:
        raise EvalgateError(
            f"suite '{spec.name}' is not frozen: there is no {LOCK_FILE}",
            code="not-frozen",
            fix=f"run `evalgate freeze {folder}` and commit the {LOCK_FILE} that it writes",
            where=str(folder / LOCK_FILE),
        )
    if verify and lock is not None:
        _refuse_other_schemas(folder, spec, lock)
    tasks = {task.name: _load_task(folder, task, splits) for task in spec.tasks}
    present = _present(folder, spec, tasks, lock, lock.signatures if lock else {})
    if verify and lock is not None:
        _refuse_change(folder, spec, lock, present)
    return Suite(spec=spec, folder=str(folder), tasks=tasks, digest=present.digest, data_digest=present.data_digest)


def verify(folder: Path, spec: SuiteSpec) -> Suite:
    """Read the whole suite and refuse any change since it was frozen."""
    return load_suite(folder, spec, ALL_SPLITS)


def freeze(folder: Path, spec: SuiteSpec, *, bump: bool = False, signatures: Mapping[str, str] | None = None) -> Lock:
    """Write `suite.lock` for the present state; `signatures` are those of the suite's metrics by `task.metric`.

    A changed suite needs `bump` (`already-frozen`), which raises `version` in suite.yaml unless its author did so. A
    suite that equals its lock is left alone, but for what a lock of an older form lacks.
    """
    tasks = {task.name: _load_task(folder, task, ALL_SPLITS) for task in spec.tasks}
    old = read_lock(folder)
    lock = _present(folder, spec, tasks, None, signatures or {})
    contents = contents_of(example for task in tasks.values() for example in task.splits.get("heldout", ()))
    change = None if old is None else difference(folder, old, lock, _labels(tasks))
    if old is not None and change is not None and not bump:
        raise UsageError(
            f"suite '{spec.name}' is frozen as version {old.version} and has changed since ({change.text})",
            code="already-frozen",
            fix=f"run `evalgate freeze {folder} --bump` to release the change as a new version",
            where=change.where,
        )
    ledger = carry_over(folder, spec.name, spec.looks, contents)
    if old is not None and change is None:
        lines = old.lines or _lines(folder, old.documents)
        lock = replace(old, ledger=ledger, signatures=old.signatures or lock.signatures, lines=lines)
        if lock != old:
            write_record(folder / LOCK_FILE, lock)
        return lock
    if old is not None and spec.version <= old.version:
        spec = _raise_version(folder, spec, old.version + 1)
        lock = make_lock(spec, lock.files, lock.documents, lock.signatures)
    lock = replace(lock, ledger=ledger, lines=_lines(folder, lock.documents))
    write_record(folder / LOCK_FILE, lock)
    return lock


def refuse_other_metrics(
    folder: Path, spec: SuiteSpec, signatures: Mapping[str, str], tasks: Mapping[str, Task] = MappingProxyType({})
) -> None:
    """Raise `metric-changed` where a metric counts otherwise than when the suite was frozen: its limits meant that one.

    A suite that is not frozen, or whose lock has no signatures, says nothing of it. With the suite's `tasks` an earlier
    version that gives the same numbers on their labels is no other metric.
    """
    lock = read_lock(folder)
    change = None if lock is None else changed_metric(folder, lock, signatures, _labels(tasks))
    if change is not None:
        raise EvalgateError(
            f"suite '{spec.name}' was frozen with another metric: {change.text}",
            code="metric-changed",
            fix="install the version of evalgate or of the plugin that it was frozen with, or run "
            f"`evalgate freeze {folder} --bump` after a look at the gates on that metric",
            where=change.where,
        )


def _labels(tasks: Mapping[str, Task]) -> dict[str, list[str]]:
    return {name: task.labels for name, task in tasks.items()}


def input_fields(suite: Suite) -> dict[str, set[str]]:
    """The input fields that every loaded example of a task has: what its templates may use."""
    fields: dict[str, set[str]] = {}
    for name, task in suite.tasks.items():
        each = [set(example.inputs) for examples in task.splits.values() for example in examples]
        fields[name] = set.intersection(*each) if each else set()
    return fields


def _load_task(folder: Path, spec: TaskSpec, splits: Sequence[Split]) -> Task:
    schema = read_schema(folder / spec.output_schema) if spec.output_schema else None
    corpus = read_passages(folder / spec.corpus, spec) if spec.corpus else ()
    loaded: dict[str, tuple[Example, ...]] = {}
    for split in spec.splits:
        if split in splits:
            loaded[split] = read_examples(_path(folder, spec, split), spec, schema)
    _refuse_shared_ids(folder, spec, loaded)
    check_labels(folder, spec, loaded)
    return Task(spec=spec, splits=loaded, schema=schema, corpus=corpus)


def _path(folder: Path, spec: TaskSpec, split: str) -> Path:
    return folder / spec.data / f"{split}.jsonl"


def _refuse_shared_ids(folder: Path, spec: TaskSpec, loaded: dict[str, tuple[Example, ...]]) -> None:
    """An id in two splits would mix up predictions, and mostly means that an example leaked."""
    seen: dict[str, str] = {}
    for split, examples in loaded.items():
        for line, example in enumerate(examples, 1):
            if example.id in seen:
                raise EvalgateError(
                    f"the id '{example.id}' stands in two splits, first in {seen[example.id]}",
                    code="duplicate-id",
                    fix="give each row an id of its own, or delete the copy",
                    where=place_of(_path(folder, spec, split), line, example.id),
                )
        seen |= {example.id: f"{spec.data}/{split}.jsonl:{line}" for line, example in enumerate(examples, 1)}


def _present(
    folder: Path, spec: SuiteSpec, tasks: dict[str, Task], lock: Lock | None, signatures: Mapping[str, str]
) -> Lock:
    """The lock of what was read; splits that were not read are taken from the old lock."""
    files: dict[str, SplitLock] = {}
    for task in tasks.values():
        for split in task.spec.splits:
            name = f"{task.spec.data}/{split}.jsonl"
            if split in task.splits:
                files[name] = lock_split(task.splits[split])
            elif lock and name in lock.files:
                files[name] = lock.files[name]
    return make_lock(spec, files, _documents(folder, spec, tasks), signatures)


def _lines(folder: Path, documents: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The digests of the lines of all frozen documents and of suite.yaml."""
    return {name: line_digests(folder / name) for name in (SUITE_FILE, *documents)}


def _documents(folder: Path, spec: SuiteSpec, tasks: dict[str, Task]) -> dict[str, str]:
    documents: dict[str, str] = {}
    for task in tasks.values():
        if task.spec.output_schema:
            documents[task.spec.output_schema] = digest_of(task.schema)
        if task.spec.judge and task.spec.judge.labels:
            documents[task.spec.judge.labels] = digest_bytes(text_bytes(folder / task.spec.judge.labels))
        if task.spec.corpus:
            passages: tuple[Passage, ...] = task.corpus
            documents[task.spec.corpus] = digest_of(passages)
    if spec.capability:
        mirror, drift = spec.capability.mirror, spec.capability.drift
        for name in (f"{mirror}/mirror.json" if mirror else "", drift or ""):
            if name and (folder / name).is_file():  # of a mirror its index, which holds the digests of its files
                documents[name] = digest_bytes(text_bytes(folder / name))
    if spec.capability and spec.capability.include_path:
        root = folder / spec.capability.include_path
        for path in sorted(root.rglob("*")):
            hidden = any(part.startswith((".", "__")) for part in path.relative_to(root).parts)
            if path.is_file() and not hidden:
                documents[path.relative_to(folder).as_posix()] = digest_bytes(text_bytes(path))
    return documents


def _refuse_other_schemas(folder: Path, spec: SuiteSpec, lock: Lock) -> None:
    """Before any row is held to a schema: of a changed one the rows would get the blame."""
    for task in spec.tasks:
        name = task.output_schema or ""
        expected = lock.documents.get(name)
        if expected and expected != (found := digest_of(read_schema(folder / name))):
            change = Difference(text=f"{name} differs", where=changed_line(folder / name, lock.lines.get(name, ())))
            raise _changed(folder, spec, change, expected, found)


def _refuse_change(folder: Path, spec: SuiteSpec, lock: Lock, present: Lock) -> None:
    change = difference(folder, lock, present)
    if change is not None:
        raise _changed(folder, spec, change, lock.digest, present.digest)


def _changed(folder: Path, spec: SuiteSpec, change: Difference, expected: str, found: str) -> EvalgateError:
    return EvalgateError(
        f"suite '{spec.name}' has changed since it was frozen: "
        f"expected {expected[:6]}…, found {found[:6]}… ({change.text})",
        code="suite-digest-mismatch",
        fix=f"run `git checkout {folder}` to restore it, or `evalgate freeze {folder} --bump` to release the change",
        where=change.where,
    )


def _raise_version(folder: Path, spec: SuiteSpec, version: int) -> SuiteSpec:
    """Set `version:` in suite.yaml, touching nothing else of what its author wrote."""
    path = folder / SUITE_FILE
    text, n = re.subn(r"(?m)^(version:\s*)\d+", rf"\g<1>{version}", path.read_text(encoding="utf-8"), count=1)
    if n:
        write_atomic(path, text.encode())
        return replace(spec, version=version)
    raise UsageError(
        f"cannot find `version: {spec.version}` in suite.yaml to raise it",
        code="no-version-line",
        fix=f"write `version: {version}` on a line of its own and run `evalgate freeze {folder}` again",
        where=str(path),
    )
