"""What `suite.lock` holds, and how two states of a suite differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from evalgate.core.data import Example, SourceSpec, SuiteSpec
from evalgate.core.labels import counts_alike
from evalgate.core.record import Record, canonical_json, digest_bytes, digest_of, short
from evalgate.files import read_record
from evalgate.suite.formats import place_of
from evalgate.suite.places import changed_line, changed_setting

LOCK_FILE = "suite.lock"
SUITE_FILE = "suite.yaml"


class SplitLock(Record, frozen=True, kw_only=True):
    """One data file: the digest of its canonical content, its size and balance, and each example's short digest."""

    digest: str
    n: int
    labels: dict[str, int] = {}
    n_clusters: int | None = None
    rows: dict[str, str]


class Lock(Record, frozen=True, kw_only=True):
    """A frozen suite. `files` are keyed by path in the suite folder, `policy` by gate and task.

    `ledger` is the digest of the ledger's line that opened the count for this held-out set; looks do not change it.
    `signatures` are those of the metrics by `task.metric`, `source` says where the data came from, `lines` holds a
    short digest of each line of a document and of suite.yaml: only to name the line that changed. Locks of before
    these three lack them.
    """

    name: str
    version: int
    digest: str
    data_digest: str
    policy_digest: str
    metrics: dict[str, list[str]]
    policy: dict[str, str]
    documents: dict[str, str]
    files: dict[str, SplitLock]
    ledger: str | None = None
    signatures: dict[str, str] = {}
    source: SourceSpec | None = None
    lines: dict[str, tuple[str, ...]] = {}


class Difference(Record, frozen=True, kw_only=True):
    """How a suite differs from its lock: in words, and the first place."""

    text: str
    where: str


def read_lock(folder: Path) -> Lock | None:
    """The suite's lock; None if it was never frozen."""
    path = folder / LOCK_FILE
    if not path.exists():
        return None
    return read_record(path, Lock, fix=f"restore it with `git checkout {path}`")


def lock_split(examples: tuple[Example, ...]) -> SplitLock:
    """The lock of one split."""
    rows = {example.id: short(digest_of(example)) for example in examples}
    clusters = {example.cluster for example in examples if example.cluster is not None}
    labels = Counter(example.label for example in examples if example.label is not None)
    return SplitLock(
        digest=digest_bytes(*map(canonical_json, examples)),
        n=len(examples),
        labels=dict(sorted(labels.items())),
        n_clusters=len(clusters) or None,
        rows=rows,
    )


def lock_policy(spec: SuiteSpec) -> dict[str, str]:
    """Short digests of every gate and every setting that decides how a task is judged; not the model, not the prose."""
    policy = {f"gate '{gate.name}'": gate for gate in spec.gates}
    parts: dict[str, object] = {
        **policy,
        "the `capability` section": spec.capability,
        "the `latency` section": spec.latency,
        "the `early_stop` section": spec.early_stop,
        "`looks`": spec.looks,
        "`disclosure`": [spec.disclosure, spec.sealed_for] if spec.disclosure != "full" else None,
    }
    parts |= {f"task '{task.name}'": task for task in spec.tasks}
    return {name: short(digest_of(part)) for name, part in parts.items() if part is not None}


def make_lock(
    spec: SuiteSpec, files: dict[str, SplitLock], documents: dict[str, str], signatures: Mapping[str, str]
) -> Lock:
    """The lock of a suite's present state, without `lines`."""
    policy = lock_policy(spec)
    data_digest = digest_of({"files": {name: file.digest for name, file in files.items()}, "documents": documents})
    policy_digest = digest_of(policy)
    identity = {"name": spec.name, "version": spec.version, "data": data_digest, "policy": policy_digest}
    if spec.source is not None:
        identity["source"] = digest_of(spec.source)
    return Lock(
        name=spec.name,
        version=spec.version,
        digest=digest_of(identity),
        data_digest=data_digest,
        policy_digest=policy_digest,
        metrics={task.name: [use.name for use in task.metrics] for task in spec.tasks},
        policy=policy,
        documents=documents,
        files=files,
        signatures=dict(signatures),
        source=spec.source,
    )


def difference(
    folder: Path, old: Lock, new: Lock, labels: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> Difference | None:
    """What changed between a lock and the present state, data first, metrics last; None if nothing did."""
    if old.digest == new.digest:
        return changed_metric(folder, old, new.signatures, labels)
    changed = [name for name in old.files.keys() | new.files.keys() if old.files.get(name) != new.files.get(name)]
    if changed:
        return _rows_difference(folder, old, new, sorted(changed))
    for name in sorted(old.documents.keys() | new.documents.keys()):
        if old.documents.get(name) != new.documents.get(name):
            where = changed_line(folder / name, old.lines.get(name, ()))
            return Difference(text=_state(name, old.documents, new.documents), where=where)
    parts = [name for name in old.policy.keys() | new.policy.keys() if old.policy.get(name) != new.policy.get(name)]
    if parts:
        text, named = "; ".join(_state(name, old.policy, new.policy) for name in sorted(parts)), parts
    elif old.source != new.source:
        text, named = f"`source` differs: it was frozen with {_source(old.source)}", ["`source`"]
    elif old.name != new.name:
        text, named = f"it was called '{old.name}'", ["`name`"]
    else:
        text, named = f"it was frozen as version {old.version}", ["`version`"]
    return Difference(text=text, where=changed_setting(folder / SUITE_FILE, named, old.lines.get(SUITE_FILE, ())))


def changed_metric(
    folder: Path, old: Lock, signatures: Mapping[str, str], labels: Mapping[str, Sequence[str]]
) -> Difference | None:
    """The first metric that counts otherwise than when the suite was frozen; None where either side knows nothing.

    By each task's `labels` it is told where an earlier version gives the same numbers.
    """
    for name, frozen in old.signatures.items():
        present = signatures.get(name, frozen)
        if not counts_alike(frozen, present, labels.get(name.partition(".")[0])):
            text = f"the metric {name} was '{frozen}' and is '{present}'"
            part = f"task '{name.partition('.')[0]}'"
            return Difference(text=text, where=changed_setting(folder / SUITE_FILE, [part], ()))
    return None


def _source(source: SourceSpec | None) -> str:
    return (
        "none" if source is None else f"'{source.id}' at '{source.revision}'" if source.revision else f"'{source.id}'"
    )


def _state(name: str, old: dict[str, str], new: dict[str, str]) -> str:
    if name not in old:
        return f"{name} is new"
    return f"{name} differs" if name in new else f"{name} is gone"


def _rows_difference(folder: Path, old: Lock, new: Lock, names: list[str]) -> Difference:
    """Count the lines that differ over all changed files, and name the first."""
    n_lines, n_changed, where = 0, 0, ""
    for name in names:
        before = old.files[name].rows if name in old.files else {}
        after = new.files[name].rows if name in new.files else {}
        places = _changed_lines(before, after)
        n_lines += max(len(before), len(after))
        n_changed += len(places)
        if not where and places:
            where = place_of(folder / name, *places[0])
    if not n_changed:
        return Difference(text="the order of its lines differs", where=str(folder / names[0]))
    return Difference(text=f"{n_changed} of {n_lines} lines {'differs' if n_changed == 1 else 'differ'}", where=where)


def _changed_lines(before: dict[str, str], after: dict[str, str]) -> list[tuple[int, str]]:
    """(line, id) of new and changed rows by their present line, then of rows that are gone by their former one."""
    present = [(line, name) for line, name in enumerate(after, 1) if before.get(name) != after[name]]
    return present + [(line, name) for line, name in enumerate(before, 1) if name not in after]
