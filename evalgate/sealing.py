"""What a held-out set tells stays closed: sealed for the release owner in the age format, one box for each line.

Anyone who has the suite can seal, only the owner's identity opens. Reasons: docs/decisions/0016-sealing.md.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalgate.core.data import SuiteSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.record import Record

IDENTITY_FILE = "EVALGATE_IDENTITY_FILE"
# The length of a box tells the length of what is in it: a right answer may be longer than a wrong one.
BOX_BYTES = 512


class SealedLine(Record, frozen=True, kw_only=True):
    """One recorded line whose content is closed; what is open says only what has been done."""

    example_id: str
    sealed: str
    metric: str = ""
    request_digest: str = ""


class Seal:
    """Seals for recipients; opens what this process has sealed, and with an identity everything."""

    def __init__(self, recipients: Sequence[str], identity_file: str | None = None) -> None:
        """Raises `no-pyrage`, `bad-recipient`, `bad-identity`."""
        self._age = _pyrage()
        try:
            self._recipients = [self._age.x25519.Recipient.from_str(text) for text in recipients]
        except self._age.RecipientError:
            raise UsageError(
                f"no public key of age: {', '.join(recipients)}",
                code="bad-recipient",
                fix="write what `evalgate keygen FILE` printed to `sealed_for` in suite.yaml",
            ) from None
        self._identities = _identities(self._age, Path(identity_file)) if identity_file else []
        self._mine: dict[str, bytes] = {}  # lost with the process, so that nobody reads it later

    @property
    def opens(self) -> bool:
        """Whether an identity is here."""
        return bool(self._identities)

    def box(self, data: bytes, size: int = BOX_BYTES) -> bytes:
        """One age file of JSON that is padded with spaces to a multiple of `size`."""
        padded = data + b" " * (-len(data) % size)
        return bytes(self._age.encrypt(padded, self._recipients))

    def seal(self, data: bytes) -> str:
        """A box as base64, for one line."""
        text = base64.b64encode(self.box(data)).decode()
        self._mine[text] = data
        return text

    def open(self, text: str, where: str) -> bytes:
        """What a line's box holds. Raises `sealed`."""
        mine = self._mine.get(text)
        return mine if mine is not None else self.unbox(base64.b64decode(text), where)

    def unbox(self, data: bytes, where: str) -> bytes:
        """What an age file holds. Raises `sealed`."""
        if not self._identities:
            raise _sealed(f"scores and answers are sealed, and {IDENTITY_FILE} names no key", where)
        try:
            return bytes(self._age.decrypt(data, self._identities)).rstrip(b" ")
        except self._age.DecryptError:
            raise _sealed(f"what is sealed here does not open with the key of {IDENTITY_FILE}", where) from None


def seal_of(spec: SuiteSpec) -> Seal | None:
    """The seal that a suite asks for, with the identity that the environment names; None where all is disclosed."""
    if spec.disclosure == "full":
        return None
    return Seal(spec.sealed_for, os.environ.get(IDENTITY_FILE))


def make_identity(path: Path) -> str:
    """Write a new private key for its owner's eyes; returns the public key. Raises `key-exists`."""
    identity = _pyrage().x25519.Identity.generate()
    public = str(identity.to_public())
    write_key(path, f"# public key: {public}\n{identity}\n".encode())
    return public


def write_key(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a new file that holds a key, by default for its owner alone. Raises `key-exists`."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise UsageError(
            "there is a file of that name, and a key is never written over",
            code="key-exists",
            fix="name another file",
            where=str(path),
        ) from None
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def _pyrage() -> Any:
    try:
        import pyrage
    except ImportError:
        raise EvalgateError(
            "sealing needs the package pyrage, which is not installed",
            code="no-pyrage",
            fix="pip install 'evalgate-harness[seal]'",
        ) from None
    return pyrage


def _identities(age: Any, path: Path) -> list[Any]:
    try:
        lines = [line.strip() for line in path.read_text().splitlines()]
        found = [age.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError, age.IdentityError):
        found = []
    if not found:
        raise UsageError(
            f"the file that {IDENTITY_FILE} names holds no private key of age",
            code="bad-identity",
            fix="name the file that `evalgate keygen FILE` or age-keygen wrote, or unset the variable",
            where=str(path),
        )
    return found


def _sealed(what: str, where: str) -> EvalgateError:
    fix = (
        f"let the release owner, or CI, set {IDENTITY_FILE} to the key's file and run the same command: "
        "what is recorded stays and is not asked again"
    )
    return EvalgateError(what, code="sealed", fix=fix, where=where)
