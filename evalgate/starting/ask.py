"""What `evalgate init` is asked for, and what it has made before anything is written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from evalgate.bring import splits
from evalgate.bring.items import Item
from evalgate.bring.rows import Table
from evalgate.bring.shapes import Reading, Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What the command line asks for."""

    name: str
    sources: tuple[str, ...]
    wish: Wish
    dev_sources: tuple[str, ...] = ()
    heldout_sources: tuple[str, ...] = ()
    revision: str | None = None
    subset: str | None = None
    dev: str | None = None
    heldout: str | None = None
    min_gain: float = 0.05
    seed: int = 7
    clean: str = ""
    task: str | None = None
    model: str | None = None
    output: Path = Path("suites")
    dry_run: bool = False

    @property
    def folder(self) -> Path:
        """Where the suite comes to lie."""
        return self.output / self.name

    @property
    def baselines(self) -> Path:
        """Where its baselines come to lie: beside the folder of suites."""
        return Path(os.path.normpath(self.output.absolute().parent / "baselines" / self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What was made of the sources, before anything is written."""

    reading: Reading
    tables: tuple[Table, ...]
    parts: splits.Parts
    cleaned: tuple[str, ...]
    notes: tuple[str, ...]
    advice: str
    how: str

    @property
    def items(self) -> list[Item]:
        """All items of all splits."""
        return [item for split in splits.ORDER for item in self.parts.items[split]]
