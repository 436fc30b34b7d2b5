"""Whole runs without a model whose candidate has real adapter files, so that what ships can be promoted."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ledger_suite import base, options, put_adapters, right, write_ledger_suite
from msgspec.structs import replace
from recorder import Recorder

from evalgate import pipeline
from evalgate.backends.fake import FakeBackend
from evalgate.core.adapter_files import CONFIG, WEIGHTS, adapter_digest
from evalgate.core.errors import EvalgateError
from evalgate.core.results import AdapterCard, Decision
from evalgate.files import read_record, write_record
from evalgate.promoting.promote import Promotion, promote
from evalgate.store import RunFolder

SHIPS, FAILS = right, base


def shipped(root: Path, head: str = "", *, answers: Callable[[str], str] = SHIPS, out: str = "run") -> Decision:
    """Write a suite below `root`, run it with a candidate `good`, and give the decision; the run is `root/run`."""
    folder = root / "suites" / "desk"
    if not folder.exists():
        write_ledger_suite(root, head=head)
        tokenizer = {"special_tokens_map.json": "{}", "chat_template.jinja": "{{ messages }}"}
        for name, text in tokenizer.items():
            (root / "models" / "tiny" / name).write_text(text)
    chosen = options(folder, out)
    put_adapters(chosen)
    put_weights(RunFolder(root / out), "good")
    return pipeline.run(chosen, Recorder(), FakeBackend(base, adapters={"good": answers}))


def put_weights(paths: RunFolder, name: str) -> None:
    """Adapter files of a few bytes, and their digest on the card."""
    place = paths.adapter(name)
    (place / CONFIG).write_text(json.dumps({"r": 4, "base_model_name_or_path": "/gone", "revision": None}))
    (place / WEIGHTS).write_bytes(b"weights of " + name.encode())
    card = read_record(place / "card.json", AdapterCard, fix="")
    write_record(place / "card.json", replace(card, adapter_digest=adapter_digest(place)))


def promoted(root: Path, to: str = "out", **more: Path | str) -> Promotion:
    """Promote `root/run` to a folder below `root`."""
    return promote(root / "run", str(root / to), Recorder(), **more)  # type: ignore[arg-type]


def fault(act: Callable[[], object]) -> str:
    """The whole text of the error that something ends with."""
    with pytest.raises(EvalgateError) as caught:
        act()
    return str(caught.value)


@contextmanager
def changed(path: Path, change: Callable[[bytes], bytes] | None) -> Iterator[None]:
    """A file that is changed, made (where it was not) or, without a change, taken away for a while."""
    before = path.read_bytes() if path.exists() else None
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(before or b""))
    try:
        yield
    finally:
        if before is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(before)
