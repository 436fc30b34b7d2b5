"""What lies where in a promoted folder."""

from __future__ import annotations

from pathlib import Path

from evalgate.core.artefacts import ADAPTER_CARD, PROVENANCE
from evalgate.manifest import DIGESTS
from evalgate.store import RunFolder
from evalgate.suite.chain import DIGESTS_FILE, LEDGER_FILE
from evalgate.suite.lock import LOCK_FILE

CARD, SIGNATURE, EVIDENCE, PROMPTS = "README.md", "provenance.sig", "evidence", "prompts"
# What git, hubs, registries and file browsers put beside; nothing that answers reads it.
FOREIGN = frozenset({".git", ".gitattributes", ".cache", ".DS_Store", "registered_model_meta"})


class Promoted:
    """The files of one promoted folder. The artefact lies at its top, as those who load it expect."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def card(self) -> Path:
        """The model card."""
        return self.folder / CARD

    @property
    def adapter_card(self) -> Path:
        """Where the artefact comes from."""
        return self.folder / ADAPTER_CARD

    @property
    def provenance(self) -> Path:
        """The in-toto statement."""
        return self.folder / PROVENANCE

    @property
    def signature(self) -> Path:
        """The statement once more, signed: a DSSE envelope."""
        return self.folder / SIGNATURE

    @property
    def prompts(self) -> Path:
        """The prompts that the system was gated with."""
        return self.folder / PROMPTS

    @property
    def evidence(self) -> RunFolder:
        """The recording without texts, in the layout of a run's folder."""
        return RunFolder(self.folder / EVIDENCE)

    @property
    def lock(self) -> Path:
        """The suite's lock."""
        return self.folder / EVIDENCE / LOCK_FILE

    @property
    def ledger(self) -> tuple[Path, Path]:
        """The suite's ledger, where it keeps one."""
        return self.folder / EVIDENCE / LEDGER_FILE, self.folder / EVIDENCE / DIGESTS_FILE

    @property
    def digests(self) -> Path:
        """The digests of the run's own files."""
        return self.folder / EVIDENCE / DIGESTS

    def subjects(self) -> list[str]:
        """Every file but the statement and its signature, by name."""
        found = []
        for path in self.folder.rglob("*"):
            parts = path.relative_to(self.folder).parts
            # A link to a folder is nothing that was promoted; one to a file has that file's digest.
            if (path.is_symlink() or not path.is_dir()) and not FOREIGN.intersection(parts):
                found.append("/".join(parts))
        return sorted(set(found) - {PROVENANCE, SIGNATURE})
