"""What the terminal shows of a promotion and of its verification."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from evalgate.promoting.checks import Verified
    from evalgate.promoting.promote import Promotion

MARKS = {"ok": "ok", "tampered": "TAMPERED", "unknown": "NOT CHECKED"}
ENDS = {0: "verified", 1: "TAMPERED: {files}", 3: "NOT VERIFIED: something that must be checked could not be"}


def promoted_text(found: Promotion, kind: str) -> str:
    """Where it went and how it is checked, as `text` or `json`; newline included."""
    if kind == "json":
        return msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n"
    lines = [
        f"{found.candidate}: {found.address}" + (" (the same promotion was there already)" if found.already else ""),
        f"  {'an adapter' if found.kind == 'adapter' else 'a whole model'}, digest {found.digest[:12]}, "
        f"{found.n_files} files, {found.n_bytes / 1e6:,.1f} MB, {'signed' if found.signed else 'not signed'}",
    ]
    if found.kind == "adapter" and not found.tokenizer:
        lines.append("  the base model is not on this machine, so its tokenizer is not beside the adapter")
    return "\n".join([*lines, "  check it with `evalgate verify`"]) + "\n"


def verified_text(found: Verified, kind: str) -> str:
    """Every check and what they come to, as `text` or `json`; newline included."""
    code = int(found.exit_code)
    if kind == "json":
        told = {"folder": found.folder, "verified": code == 0, "tampered": found.tampered,
                "checks": msgspec.to_builtins(found.checks)}  # fmt: skip
        return json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    lines = []
    for check in found.checks:
        optional = check.outcome == "unknown" and not check.required
        mark = "not needed" if optional else MARKS[check.outcome]
        file = f"{check.file}: " if check.outcome == "tampered" else ""
        lines.append(f"{mark:<11}  {check.name}: {file}{check.what}")
    return "\n".join([*lines, f"{found.folder}: {ENDS[code].format(files=', '.join(found.tampered))}"]) + "\n"
