"""What an adapter's files are called, and the digest of what they hold: its identity, whatever it is named."""

from __future__ import annotations

import json
from pathlib import Path

from evalgate.core.record import canonical_json, digest_bytes

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
# Where the base lies on this machine says nothing about the adapter.
PLACES = frozenset({"base_model_name_or_path", "revision"})


def adapter_digest(folder: Path) -> str:
    """The digest of an adapter's weights and of its configuration without paths."""
    config = json.loads((folder / CONFIG).read_text())
    rest = {k: v for k, v in config.items() if k not in PLACES}
    return digest_bytes((folder / WEIGHTS).read_bytes(), canonical_json(rest))
