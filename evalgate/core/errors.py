"""Errors as a product: what happened, where, and what mends it. Codes are listed in docs/errors.md."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process says to a shell or a CI job."""

    SHIP = 0
    BLOCKED = 1
    INCONCLUSIVE = 2
    ERROR = 3
    USAGE = 64
    INTERRUPTED = 130


class EvalgateError(Exception):
    """A failure that the user can understand and mend.

    `what` is one sentence, `code` a kebab-case id, `fix` a sentence or command that mends it, `where` file:line or
    empty.
    """

    exit_code = ExitCode.ERROR

    def __init__(self, what: str, *, code: str, fix: str, where: str = "") -> None:
        super().__init__(what)
        self.what, self.code, self.fix, self.where = what, code, fix, where

    def __reduce__(self) -> tuple[object, ...]:
        """Keyword-only fields survive pickling, so worker processes can raise these."""
        return (_rebuild, (type(self), self.what, self.code, self.fix, self.where))

    def __str__(self) -> str:
        """The error as the terminal shows it."""
        place = f"\n  at: {self.where}" if self.where else ""
        return f"error[{self.code}]: {self.what}{place}\n\nhint: {self.fix}"


class UsageError(EvalgateError):
    """The command or a file that the user wrote is wrong; nothing ran."""

    exit_code = ExitCode.USAGE


def _rebuild(kind: type[EvalgateError], what: str, code: str, fix: str, where: str) -> EvalgateError:
    return kind(what, code=code, fix=fix, where=where)
