"""Whole runs without a model whose candidate has real adapter files, so that what ships can be promoted."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from ledger_suite import base, options, put_adapters, right, write_ledger_suite
from msgspec.structs import replace
from recorder import Recorder

from evalgate import pipeline
from evalgate.backends.fake import FakeBackend
from evalgate.core.adapter_files import CONFIG, WEIGHTS, adapter_digest
from evalgate.core.results import AdapterCard, Decision
from evalgate.files import read_record, write_record
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


def copied(root: Path, to: Path) -> Path:
    """A copy of everything below `root`, for a test that breaks something in it."""
    shutil.copytree(root, to, symlinks=True)
    return to
