"""What the terminal shows of an exported candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from evalgate.exporting import Exported


def exported_text(found: Exported, kind: str) -> str:
    """What was written and how close it is to the adapter, as `text` or `json`; newline included."""
    from evalgate.report.artefacts import WAYS, parity_lines

    if kind == "json":
        return msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n"
    what = "an adapter" if found.kind == "adapter" else f"a whole model in {found.dtype}, {WAYS[found.merge]}"
    gated = "these bytes were gated" if found.gated else (
        f"these bytes were NOT gated: `merge: {found.merge}` in the recipe would gate them"
    )  # fmt: skip
    lines = [f"{found.candidate}: {found.folder}", f"  {what}, digest {found.digest[:12]}", f"  {gated}"]
    return "\n".join([*lines, *(f"  parity: {line}" for line in parity_lines(found.parity))]) + "\n"
