"""Checkpoints of a training in progress: whole ones are resumed, torn or foreign ones removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from evalgate.files import write_atomic

STATE = "trainer_state.json"  # the last file that the Trainer writes of a checkpoint
IDENTITY = "identity.txt"


def open_checkpoints(folder: Path, identity: str) -> Path | None:
    """Prepare the folder for a training with this identity; returns its newest whole checkpoint, if any."""
    mark = folder / IDENTITY
    if not mark.exists() or mark.read_text() != identity:
        shutil.rmtree(folder, ignore_errors=True)
        write_atomic(mark, identity.encode())
    found = sorted(folder.glob("checkpoint-*"), key=_step)
    whole = [path for path in found if _is_whole(path)]
    for path in set(found) - set(whole):
        shutil.rmtree(path, ignore_errors=True)
    return whole[-1] if whole else None


def _step(path: Path) -> int:
    number = path.name.rpartition("-")[2]
    return int(number) if number.isdigit() else -1


def _is_whole(path: Path) -> bool:
    try:
        return "global_step" in json.loads((path / STATE).read_text())
    except (OSError, ValueError):
        return False
