"""Is the server there, does it take the key, does it know the model: asked once, before anything else runs."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import msgspec

from evalgate.backends.http_client import FORBIDDEN, HIDDEN, NOT_FOUND, OK, UNAUTHORISED, open_session, refuse_all
from evalgate.backends.http_replies import error_text
from evalgate.core.data import ServerSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.record import canonical_json

DEFAULT_KEY = "OPENAI_API_KEY"
# What `/models` says of a model that stays the same from call to call; `created` and `permission` do not everywhere.
STABLE = ("root", "parent", "owned_by", "max_model_len", "meta")


def api_key(server: ServerSpec) -> str | None:
    """The key from the environment; none is fine unless the suite names its variable. Raises `api-key-missing`."""
    key = os.environ.get(server.api_key_env or DEFAULT_KEY, "").strip()
    if not key and server.api_key_env:
        raise UsageError(
            f"the environment variable {server.api_key_env}, which should hold the API key, is not set",
            code="api-key-missing",
            fix=f"export {server.api_key_env}=…, or take `api_key_env` out of suite.yaml for a server without keys",
            where="suite.yaml: model.api_key_env",
        )
    return key or None


def served(server: ServerSpec, *models: str) -> dict[str, str]:
    """What is known of the first of these models on this server, all of which it must serve.

    Raises `api-key-missing`, `server-unreachable`, or `api-refused`.
    """
    return asyncio.run(_served(server, api_key(server), models))


async def _served(server: ServerSpec, key: str | None, models: tuple[str, ...]) -> dict[str, str]:
    import aiohttp

    try:
        # Some servers close the connection after an error without saying so; `/models` may be one.
        async with open_session(server, key, keep_alive=False) as session:
            listed = await _listed(session, server, key, models[0])
            for model in models:
                if model not in listed:
                    await _ask_once(session, server, key, model)
    except (aiohttp.ClientError, OSError) as error:  # a timeout is an OSError
        reason = str(error) or f"no answer within {server.timeout_s:g} s"
        raise EvalgateError(
            f"the server cannot be reached: {reason}",
            code="server-unreachable",
            fix="start it, or correct `model.base_url` in suite.yaml (it ends with /v1 for most servers)",
            where=server.base_url,
        ) from None
    entry = listed.get(models[0], {})
    facts = {name: entry[name] for name in STABLE if entry.get(name) is not None}
    return {"server": server.base_url, "model": models[0], "listed": canonical_json(facts).decode() if entry else "no"}


async def _listed(session: Any, server: ServerSpec, key: str | None, model: str) -> dict[str, dict[str, Any]]:
    """The models that the server lists by their names; empty if it has no list."""
    async with session.get(f"{server.base_url}/models", allow_redirects=False) as response:
        data = await response.read()
        if response.status in (UNAUTHORISED, FORBIDDEN):
            refuse_all(server, response.status, _hidden(error_text(data), key), model)
        if response.status != OK:
            return {}
    try:
        rows = msgspec.json.decode(data)["data"]
        return {row["id"]: row for row in rows}
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
        return {}


async def _ask_once(session: Any, server: ServerSpec, key: str | None, model: str) -> None:
    """Ask a model that is not listed for one token: some servers load what they do not list."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    url = f"{server.base_url}/chat/completions"
    async with session.post(url, data=msgspec.json.encode(body), allow_redirects=False) as response:
        text = error_text(await response.read())
        unknown = "model" in text and ("not found" in text or "does not exist" in text)
        if response.status in (UNAUTHORISED, FORBIDDEN, NOT_FOUND) or (response.status != OK and unknown):
            refuse_all(server, NOT_FOUND if unknown else response.status, _hidden(text, key), model)


def _hidden(text: str, key: str | None) -> str:
    return text.replace(key, HIDDEN) if key else text
