"""Flips one bit of a frozen suite's file and says what came of it."""

from pathlib import Path

from evalgate.config import load_suite_spec
from evalgate.core.errors import EvalgateError
from evalgate.plugins import metric_names
from evalgate.suite.frozen import verify

# What a flip may be called; anything else, a traceback above all, is a defect.
DATA = {
    "suite-digest-mismatch", "not-json", "not-utf8", "unknown-field", "missing-field", "wrong-type", "duplicate-id",
    "label-mismatch", "label-spelling", "one-class", "missing-reference", "bad-reference", "bad-schema", "empty-split",
}  # fmt: skip
SETTINGS = {"bad-config", "no-such-file", *DATA}


def flip(folder: Path, name: str, at: int, bit: int) -> tuple[str, str]:
    """What loading says with one bit of a file flipped: `(code, where and what)`, `("", digest)` where it loads.

    The file is then as it was.
    """
    path = folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :])
    try:
        return "", verify(folder, load_suite_spec(folder, metric_names())).digest
    except EvalgateError as error:
        return error.code, f"{error.where} {error.what}"
    finally:
        path.write_bytes(whole)


def complaint(folder: Path, name: str, at: int, bit: int, digest: str) -> str:
    """What is wrong with what a flip in a data file or document led to; empty if it was caught, or changed nothing."""
    code, said = flip(folder, name, at, bit)
    if not code:
        # The same canonical content: spaces between JSON values, or the case of an exponent.
        return "" if said == digest else f"{name} byte {at} bit {bit}: loads as {said}"
    line = (folder / name).read_bytes().count(b"\n", 0, at) + 1
    # A flipped line break may be seen on the line that it joined; the last one's, on the line before.
    lines = [f"{folder / name}:{n}" for n in (line, line + 1, line - 1)]
    lines += [f"first on line {line}"] if code == "duplicate-id" else []
    if code not in DATA or not any(place in said for place in lines):
        return f"{name} byte {at} (line {line}) bit {bit}: {code} {said}"
    return ""


def policy_complaint(folder: Path, at: int, bit: int, digest: str) -> str:
    """As `complaint`, for suite.yaml, in which some text is no policy and loads with the same digest."""
    code, said = flip(folder, "suite.yaml", at, bit)
    if not code:
        return "" if said == digest else f"suite.yaml byte {at} bit {bit}: loads as {said}"
    named = f"{folder / 'suite.yaml'}:" in said or f"{folder / 'suite.yaml'} " in said or code == "no-such-file"
    return "" if code in SETTINGS and named else f"suite.yaml byte {at} bit {bit}: {code} {said}"
