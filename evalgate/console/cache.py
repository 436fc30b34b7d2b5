"""What `evalgate cache` says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from evalgate.cache.upkeep import Holding
from evalgate.core.record import plain


def cache_text(folder: Path, found: Sequence[Holding], kind: str) -> str:
    """What a cache holds as `text` or `json`, newline included; JSON has bytes and seconds, text has MB and dates."""
    if kind == "json":
        import json

        return json.dumps({"folder": str(folder), "kinds": [plain(held) for held in found]}, indent=2) + "\n"
    if not found:
        return f"{folder}: nothing is kept\n"
    lines = [
        f"{folder}: {held.n_records:,} {held.kind} in {held.n_files:,} file{'s' * (held.n_files != 1)}, "
        f"{size(held.n_bytes)}, last used {datetime.fromtimestamp(held.used_s, UTC):%Y-%m-%d}\n"
        for held in found
    ]
    return "".join(lines)


def removed_text(folder: Path, n: int, n_bytes: int, kind: str = "text") -> str:
    """What was deleted as `text` or `json`, newline included."""
    if kind == "json":
        import json

        return json.dumps({"folder": str(folder), "files": n, "bytes": n_bytes}, indent=2) + "\n"
    return f"{folder}: {n:,} file{'s' * (n != 1)} deleted, {size(n_bytes)} freed\n"


def size(n_bytes: int) -> str:
    """Bytes for people: `1.2 MB`."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
