"""Whether the suite and the run that a folder was promoted from are still what they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalgate.config import load_suite_spec
from evalgate.core.errors import EvalgateError
from evalgate.core.record import short
from evalgate.core.results import Run
from evalgate.files import read_record
from evalgate.manifest import changes, read_digests
from evalgate.promoting.checks import FolderCheck, ok, tampered, unknown
from evalgate.promoting.names import Promoted
from evalgate.promoting.statement import GONE
from evalgate.store import RunFolder
from evalgate.suite.frozen import load_suite
from evalgate.suite.lock import LOCK_FILE, Lock, read_lock

# A folder that is no frozen suite was not tampered with: it is not the suite.
NO_SUITE = ("not-a-suite", "not-frozen")


def check_suite(place: Promoted, given: Path | None, *, look_around: bool) -> Iterator[FolderCheck]:
    """The suite on disk: every row as it was frozen, and the digest that was gated.

    One that was only found, not given, may have been released anew since: that is said, not held against the folder.
    """
    name, run = "suite on disk", read_record(place.evidence.run_file, Run, fix=GONE)
    folder = given or Path(run.suite_folder)
    if given is None and not (look_around and folder.is_dir()):
        yield unknown(name, "no suite was given (`--suite SUITE`), and none was found", required=False)
        return
    try:
        mine, there = read_record(place.lock, Lock, fix=GONE), read_lock(folder)
        if there is not None and given is None and (there.name, there.version) != (mine.name, mine.version):
            yield unknown(name, f"{folder} is '{there.name}' version {there.version} by now", required=False)
            return
        suite = load_suite(folder, load_suite_spec(folder))
    except EvalgateError as error:
        found = unknown(name, error.what) if error.code in NO_SUITE else None
        yield found or tampered(name, error.what, error.where or str(folder))
        return
    if suite.digest != run.suite_digest:
        what = f"expected {short(run.suite_digest)}, found {short(suite.digest)}"
        yield tampered(name, what, str(folder / LOCK_FILE))
        return
    yield ok(name, f"{folder} has the digest that was gated, {short(suite.digest)}")


def check_run(place: Promoted, given: Path | None) -> Iterator[FolderCheck]:
    """The run's folder: every recorded file as it was when it was promoted."""
    name = "run on disk"
    if given is None:
        yield unknown(name, "no run was given (`--run RUN`)", required=False)
        return
    if not RunFolder(given).run_file.is_file():
        yield unknown(name, f"{given} holds no run.json")
        return
    noted = read_digests(place.digests)
    wrong = changes(given, noted)
    for file, (was, now) in wrong.items():
        what = f"expected {short(was) or 'none'}, found {short(now) or 'none'}"
        yield tampered(name, what, str(given / file))
    if not wrong:
        yield ok(name, f"{len(noted.files)} recorded files of {given} are as they were")
