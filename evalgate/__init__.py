"""evalgate decides with numbers: keep the prompt, ship the RAG, or ship the fine-tune?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalgate.gates.compare import compare as compare
    from evalgate.gates.compare import compare_many as compare_many
    from evalgate.gates.latency import compare_latency as compare_latency
    from evalgate.gates.threshold import check_floor as check_floor

__version__ = "0.1.0"
__all__ = ["check_floor", "compare", "compare_latency", "compare_many"]

_HOMES = {
    "check_floor": "evalgate.gates.threshold",
    "compare": "evalgate.gates.compare",
    "compare_latency": "evalgate.gates.latency",
    "compare_many": "evalgate.gates.compare",
}


def __getattr__(name: str) -> Any:
    """Load a public call when it is first used, so that `import evalgate` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'evalgate' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
