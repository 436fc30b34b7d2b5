"""What one check of a promoted folder found."""

from __future__ import annotations

from typing import Literal

from evalgate.core.errors import ExitCode
from evalgate.core.record import Record

CheckedAs = Literal["ok", "tampered", "unknown"]


class FolderCheck(Record, frozen=True, kw_only=True):
    """One check: `file` is the file that was tampered with, or that stands in the way; empty where none is to blame.

    An `unknown` one could not be made; where it is `required`, the folder is not verified.
    """

    name: str
    outcome: CheckedAs
    what: str
    file: str = ""
    required: bool = True


class Verified(Record, frozen=True, kw_only=True):
    """All checks of one folder."""

    folder: str
    checks: tuple[FolderCheck, ...]

    @property
    def tampered(self) -> list[str]:
        """Every file that is not what was promoted, once."""
        return list(dict.fromkeys(c.file for c in self.checks if c.outcome == "tampered"))

    @property
    def exit_code(self) -> ExitCode:
        """0 if all that must be checked is sound, 1 if anything was tampered with, 3 if something is unknown."""
        if any(c.outcome == "tampered" for c in self.checks):
            return ExitCode.BLOCKED
        unknown = any(c.outcome == "unknown" and c.required for c in self.checks)
        return ExitCode.ERROR if unknown else ExitCode.SHIP


def ok(name: str, what: str) -> FolderCheck:
    """A check that found nothing wrong."""
    return FolderCheck(name=name, outcome="ok", what=what)


def tampered(name: str, what: str, file: str) -> FolderCheck:
    """A check that found a file which is not what was promoted."""
    return FolderCheck(name=name, outcome="tampered", what=what, file=file)


def unknown(name: str, what: str, file: str = "", *, required: bool = True) -> FolderCheck:
    """A check that could not be made."""
    return FolderCheck(name=name, outcome="unknown", what=what, file=file, required=required)
