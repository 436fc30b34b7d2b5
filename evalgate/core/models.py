"""Which model answers, and where it is."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from evalgate.core.record import Record


class ServerSpec(Record, frozen=True, kw_only=True):
    """An OpenAI-compatible server. The key is never here: `api_key_env` names the variable that holds it.

    `timeout_s` bounds one try of one request. `stream`: `auto` streams single calls, whose first token is timed.
    With `trust_env` proxies are taken from the environment.
    """

    base_url: str
    api_key_env: str | None = None
    timeout_s: float = 60.0
    max_concurrency: int = 64
    stream: Literal["auto", "always", "never"] = "auto"
    trust_env: bool = False


class ModelSpec(Record, frozen=True, kw_only=True):
    """The base model that all systems of a suite share; one behind `server` is known by its name there.

    An empty `id` is no model: every system of the suite is recorded. transformers answers unless `backend` says.
    """

    id: str
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    quantization: Literal["none", "nf4"] = "none"
    trust_remote_code: bool = False
    server: ServerSpec | UnsetType = UNSET
    backend: Literal["vllm"] | UnsetType = UNSET
