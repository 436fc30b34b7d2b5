"""Any OpenAI-compatible server: many requests at once in one event loop beside the caller, flat memory."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from evalgate.backends.http_client import Client, Patience
from evalgate.backends.http_server import api_key, served
from evalgate.core.data import ServerSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.protocols import Request
from evalgate.core.results import Generation

T = TypeVar("T")
Item = tuple[int, Generation] | BaseException | None
# Answers that may wait for the caller, for each request under way.
WAITING = 4


class OpenAIBackend:
    """Asks one server for the base model and for adapters, each by its name there.

    Raises `api-key-missing`, `server-unreachable` or `api-refused` when it is made.
    """

    def __init__(
        self,
        server: ServerSpec,
        model: str,
        *,
        facts: Mapping[str, str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._server, self._model, self._patience = server, model, patience or Patience()
        self._facts = dict(served(server, model) if facts is None else facts)
        self._names: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._client = Client(server, api_key(server), self._patience)
        self._thread = threading.Thread(target=self._loop.run_forever, name="openai_http", daemon=True)
        self._thread.start()

    @property
    def identity(self) -> dict[str, str]:
        """The server, the model's name there and what `/models` says of it: weights behind an API cannot be hashed."""
        return {"backend": "openai_http", "device": "server", **self._facts}

    @property
    def module(self) -> NoReturn:
        """There is no live module behind an API."""
        raise _no_model("its live module")

    @property
    def tokenizer(self) -> NoReturn:
        """There is no tokenizer behind an API."""
        raise _no_model("its tokenizer")

    def using(self, adapter: str | None) -> NoReturn:
        """There is no live module behind an API."""
        raise _no_model("its live module")

    def add_adapter(self, name: str, folder: str) -> None:
        """Make an adapter available that the server has: `folder` is its model name there."""
        self._names.setdefault(name, folder)

    def generate(self, requests: Sequence[Request], *, adapter: str | None = None) -> Iterator[tuple[int, Generation]]:
        """Answer requests as their replies come; an adapter that was never added is a KeyError.

        Raises `api-refused` for what every request would meet, `server-lost` when request after request was given up.
        """
        model = self._model if adapter is None else self._names[adapter]
        single = len(requests) == 1
        stream = self._server.stream == "always" or (self._server.stream == "auto" and single)
        feed = _Feed(self._loop, WAITING * self._server.max_concurrency)
        work = asyncio.run_coroutine_threadsafe(self._ask_all(requests, model, feed, stream=stream), self._loop)
        try:
            yield from _without_lost(feed, self._server, self._patience.lost_after)
        finally:
            if not work.done():
                work.cancel()

    async def _ask_all(self, requests: Sequence[Request], model: str, feed: _Feed, *, stream: bool) -> None:
        indices = iter(range(len(requests)))  # shared: each worker takes the next one

        async def worker() -> None:
            for i in indices:
                if feed.full:
                    await feed.room()
                feed.put((i, await self._client.answer(requests[i], model, stream=stream)))

        workers = [asyncio.ensure_future(worker()) for _ in range(min(len(requests), self._server.max_concurrency))]
        try:
            await asyncio.gather(*workers)
            feed.put(None)
        except BaseException as error:
            feed.put(error)
            raise
        finally:
            for task in workers:
                task.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    def loglikelihood(self, pairs: Sequence[tuple[str, str]], *, adapter: str | None = None) -> list[float]:
        """Chat APIs do not tell how likely a given text is: always raises `no-likelihood`."""
        raise _no_model("the likelihood of a given text")

    def score_tokens(self, pairs: object, *, adapter: str | None = None) -> NoReturn:
        """Nor how likely given tokens are: always raises `no-likelihood`."""
        raise _no_model("the likelihood of given tokens")

    def close(self) -> None:
        """Close connections and end the thread."""
        if self._loop.is_closed():
            return
        self._call(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class _Feed:
    """Answers on their way from the event loop to the caller; the loop waits when too many lie here."""

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int) -> None:
        self._loop, self._most = loop, most
        self._items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._taken = asyncio.Event()

    @property
    def full(self) -> bool:
        return self._items.qsize() >= self._most

    def put(self, item: Item) -> None:
        self._items.put(item)

    async def room(self) -> None:
        """Wait until half of what lies here is taken."""
        while self.full:
            self._taken.clear()
            await self._taken.wait()

    def __iter__(self) -> Iterator[tuple[int, Generation]]:
        n = 0
        while (item := self._items.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
            n += 1
            if n % (self._most // 2 or 1) == 0:
                self._loop.call_soon_threadsafe(self._taken.set)


def _without_lost(feed: _Feed, server: ServerSpec, lost_after: int) -> Iterator[tuple[int, Generation]]:
    """Hold failures back until something is answered after them: those of a server that is gone are nobody's."""
    held: list[tuple[int, Generation]] = []
    for index, answer in feed:
        if answer.failure is not None and answer.n_retries:
            held.append((index, answer))
            if len(held) >= lost_after:
                raise EvalgateError(
                    f"the server has left {len(held)} requests in a row unanswered, the last with "
                    f"{answer.failure.code}: {answer.failure.message}",
                    code="server-lost",
                    fix="see to the server, then run the same command again: what was answered is kept",
                    where=server.base_url,
                )
            continue
        yield from held
        held.clear()
        yield index, answer
    yield from held


def _no_model(what: str) -> UsageError:
    return UsageError(
        f"a model behind an API does not give {what}",
        code="no-likelihood",
        fix="name a model of `backend: hf`, or take what needs it (capability, training) out of the suite",
    )
