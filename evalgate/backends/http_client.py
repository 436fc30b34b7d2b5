"""One request to an OpenAI-compatible server, tried until it is answered or its tries run out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from evalgate.backends.http_constraints import objects, response_format, unquoted
from evalgate.backends.http_pace import Pace, retry_after_s
from evalgate.backends.http_replies import EventStream, Trouble, error_text, read_reply
from evalgate.core.data import ServerSpec
from evalgate.core.errors import EvalgateError
from evalgate.core.protocols import Request
from evalgate.core.record import Record
from evalgate.core.results import Failure, Generation
from evalgate.core.seeds import clock, rng

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

HIDDEN = "***"
OK, BAD_REQUEST, UNAUTHORISED, FORBIDDEN, NOT_FOUND, BUSY, SERVER = 200, 400, 401, 403, 404, 429, 500
TRANSIENT = {408, 409, 425, BUSY}


class Patience(Record, frozen=True, kw_only=True):
    """When a request is given up: after `tries` of its own, or `busy_s` of a server that says come again later.

    After `lost_after` requests in a row were given up, the server is: they are not the examples' failures.
    """

    tries: int = 6
    busy_s: float = 600.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    lost_after: int = 20


class Client:
    """Asks one server; lives in one event loop."""

    def __init__(self, server: ServerSpec, key: str | None, patience: Patience) -> None:
        self._server, self._key, self._patience = server, key, patience
        self._url = f"{server.base_url}/chat/completions"
        self._random = rng(0, "http")
        self._usage = True  # whether a stream may be asked for its token counts
        self._limit_key = "max_tokens"
        self.pace = Pace(server.max_concurrency)
        self._session: ClientSession | None = None

    def open(self) -> ClientSession:
        """The session, whose connections are kept from call to call."""
        if self._session is None:
            self._session = open_session(self._server, self._key)
        return self._session

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def answer(self, request: Request, model: str, *, stream: bool) -> Generation:
        """The answer, or the failure that the last try ended with; raises only what concerns all requests."""
        n_failed, busy_since, patience = 0, 0.0, self._patience
        n_retries = 0
        while True:
            started = await self.pace.enter()
            try:
                answer = await self._try(request, model, stream=stream)
            except Trouble as trouble:
                if trouble.slow_down:
                    self.pace.slow_down(started)
                if trouble.wait_s is not None:
                    self.pace.hold(trouble.wait_s)
                last = trouble
            else:
                self.pace.answered()
                answer = unquoted(answer, request.sampling)
                return msgspec.structs.replace(answer, n_retries=n_retries) if n_retries else answer
            finally:
                self.pace.leave()
            n_retries += 1
            if last.code == "http-429":
                busy_since = busy_since or started
                given_up = clock() - busy_since + (last.wait_s or 0) > patience.busy_s
            else:
                n_failed += 1
                given_up = n_failed >= patience.tries
            if given_up:
                failure = Failure(code=last.code, message=self.hide(f"{last.message} ({n_retries} tries)"))
                return Generation(output=None, status="error", failure=failure, n_retries=n_retries)
            if last.wait_s is None:
                await asyncio.sleep(self._wait_s(n_retries))

    def hide(self, text: str) -> str:
        """A text without the key: servers repeat it in their errors."""
        return text.replace(self._key, HIDDEN) if self._key else text

    def _wait_s(self, n: int) -> float:
        """Exponential backoff with full jitter, so that requests that failed together do not come back together."""
        patience = self._patience
        longest = min(patience.longest_wait_s, patience.first_wait_s * 2.0 ** (n - 1))
        return float(self._random.uniform(0.1, 1)) * longest

    async def _try(self, request: Request, model: str, *, stream: bool) -> Generation:
        import aiohttp

        started = clock()
        body = self._body(request, model, stream=stream)
        try:
            async with self.open().post(self._url, data=body, allow_redirects=False) as response:
                if response.status != OK:
                    return await self._refused(response, request, model, stream=stream)
                if response.content_type == "text/event-stream":
                    return await _read_stream(response, started)
                return read_reply(await response.read(), clock() - started)
        except TimeoutError:
            text = f"no answer within {self._server.timeout_s:g} s"
            raise Trouble("timeout", text, slow_down=True) from None
        except aiohttp.ClientPayloadError:
            raise Trouble("truncated-stream", "the connection was closed in the middle of the reply") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Trouble("connection-lost", f"{type(error).__name__}: {error}", slow_down=True) from None

    def _body(self, request: Request, model: str, *, stream: bool) -> bytes:
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": model,
            "messages": request.messages,
            "temperature": sampling.temperature,
            self._limit_key: sampling.max_tokens,
            "stream": stream,
        }
        if sampling.temperature > 0:
            body |= {"top_p": sampling.top_p, "seed": sampling.seed}
        if sampling.stop:
            body["stop"] = sampling.stop
        body |= response_format(sampling)
        if stream and self._usage:
            body["stream_options"] = {"include_usage": True}
        return msgspec.json.encode(body)

    async def _refused(self, response: ClientResponse, request: Request, model: str, *, stream: bool) -> Generation:
        """A status other than 200: worth another try, this request's failure, or the end of all."""
        status, text = response.status, error_text(await response.read())
        if status in TRANSIENT or status >= SERVER:
            code = "http-429" if status == BUSY else "http-5xx" if status >= SERVER else f"http-{status}"
            wait = retry_after_s({name.lower(): value for name, value in response.headers.items()})
            if status == BUSY and "insufficient_quota" in text:
                self.refuse(status, text, model)
            raise Trouble(code, f"status {status}: {text}", wait_s=wait, slow_down=True)
        if status in (UNAUTHORISED, FORBIDDEN, NOT_FOUND):
            self.refuse(status, text, model)
        if self._adapts(text):
            return await self._try(request, model, stream=stream)
        if objects(request.sampling, text):
            raise EvalgateError(
                f"the server refuses the constraint `{request.sampling.constraint}` with status {status}: "
                f"{self.hide(text)}",
                code="constraint-refused",
                fix="simplify the schema, or take `constraint` out of every system of the task",
                where=self._server.base_url,
            )
        long = "context" in text and ("length" in text or "window" in text or "maximum" in text)
        code = "prompt-too-long" if long else f"http-{status}"
        return Generation(output=None, status="error", failure=Failure(code=code, message=self.hide(text)))

    def _adapts(self, text: str) -> bool:
        """Whether the server objects to a key that can go (token counts of a stream) or be called otherwise."""
        if "stream_options" in text and self._usage:
            self._usage = False
            return True
        if "max_completion_tokens" in text and self._limit_key == "max_tokens":
            self._limit_key = "max_completion_tokens"
            return True
        return False

    def refuse(self, status: int, text: str, model: str) -> NoReturn:
        """Raise for a refusal that every other request would meet, too."""
        refuse_all(self._server, status, self.hide(text), model)


def refuse_all(server: ServerSpec, status: int, text: str, model: str) -> NoReturn:
    """Raise `api-refused`: wrong key, no such model, nothing left to spend."""
    key = server.api_key_env or "OPENAI_API_KEY"
    fix = (
        f"correct `model.id` in suite.yaml (or `model` in the candidate's file): the server does not know '{model}'"
        if status == NOT_FOUND
        else f"set the environment variable {key} to a key that may use '{model}', or name another in `api_key_env`"
    )
    raise EvalgateError(
        f"the server refuses with status {status}: {text}", code="api-refused", fix=fix, where=server.base_url
    )


def open_session(server: ServerSpec, key: str | None, *, keep_alive: bool = True) -> ClientSession:
    """A session without cookies, and without proxies unless they are asked for."""
    import aiohttp

    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    return aiohttp.ClientSession(
        headers=headers,
        connector=aiohttp.TCPConnector(limit=0, force_close=not keep_alive),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=server.timeout_s, sock_connect=min(server.timeout_s, 10.0)),
        trust_env=server.trust_env,
    )


async def _read_stream(response: ClientResponse, started: float) -> Generation:
    stream = EventStream()
    async for data in response.content.iter_any():
        stream.feed(data, clock() - started)
        if stream.done:
            break
    return stream.close(clock() - started)
