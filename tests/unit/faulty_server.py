"""A server of the OpenAI kind that misbehaves as a test asks it to; in this process, in a thread, on 127.0.0.1."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Fault = str | tuple[str, float]
Plan = Callable[[str, int], Fault]
"""(the prompt, how often it was asked before) -> what happens."""


def fine(prompt: str, n: int) -> Fault:
    return "ok"


class FaultyServer:
    """Answers `MODEL: PROMPT`. `asked` counts requests by prompt, `answered` whole answers sent; `busiest` is the most
    requests at once."""

    def __init__(self, plan: Plan = fine, *, models: tuple[str, ...] | None = ("base", "tuned")) -> None:
        self.plan, self.models = plan, models
        self.says: Callable[[str], str] | None = None
        """What it answers instead of `MODEL: PROMPT`."""
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.bodies: list[dict[str, object]] = []
        self.keys: set[str] = set()
        self.busiest = self._busy = 0
        self.delay_s = 0.0
        self.holds = False
        """Whether `response_format` is kept, rather than passed over in silence."""
        self.key: str | None = None
        self._stop: asyncio.Event

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def _serve(self, ready: threading.Event, port: int) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", port)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    @contextmanager
    def running(self, port: int = 0) -> Iterator["FaultyServer"]:
        ready = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready, port)))
        thread.start()
        assert ready.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join(10)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"null")
        self.keys.add(headers.get("authorization", ""))
        if self.key and headers.get("authorization") != f"bearer {self.key}":
            given = headers.get("authorization", "")[7:]
            self._send(writer, 401, {"error": {"message": f"Incorrect API key provided: {given}"}})
            return True
        if head.startswith("GET"):
            if self.models is None:
                self._send(writer, 404, {"detail": "Not Found"})
            else:
                self._send(writer, 200, {"data": [{"id": m, "owned_by": "test", "created": 1} for m in self.models]})
            return True
        self._busy += 1
        self.busiest = max(self.busiest, self._busy)
        try:
            return await self._answer(body, writer)
        finally:
            self._busy -= 1

    async def _answer(self, body: dict[str, object], writer: asyncio.StreamWriter) -> bool:
        prompt = body["messages"][-1]["content"]  # type: ignore[index]
        fault = self.plan(prompt, self.asked[prompt])
        self.asked[prompt] += 1
        self.bodies.append(body)
        kind, value = fault if isinstance(fault, tuple) else (fault, 0.0)
        await asyncio.sleep(self.delay_s)
        text = self.says(prompt) if self.says else f"{body['model']}: {prompt}"
        if self.holds and "response_format" in body:
            schema = body["response_format"]["json_schema"]["schema"]  # type: ignore[index]
            text = json.dumps(schema["enum"][0] if "enum" in schema else dict.fromkeys(schema["properties"], "x"))
        reply = {
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2},
        }
        if kind == "stall":
            await asyncio.sleep(value)
            return False
        if kind == "drop":
            return False
        if kind == "half":
            data = json.dumps(reply).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(data))
            writer.write(data[:20])
            await writer.drain()
            return False
        if kind == "bad-json":
            self._send(writer, 200, b'{"choices": [')
        elif kind == "surrogate":
            self.answered[prompt] += 1
            raw = json.dumps(reply).encode().replace(prompt.encode(), b"\\ud800 \xff \\ud83d\\ude00")
            self._send(writer, 200, raw)
        elif kind.isdigit():
            extra = {"Retry-After": f"{value:g}"} if value else {}
            message = {"400": "maximum context length is 8 tokens", "422": "the JSON schema has no `type`"}.get(kind)
            message = message or f"it is {kind}"
            self._send(writer, int(kind), {"error": {"message": message}}, extra)
        elif body.get("stream"):
            if "stream_options" in body and kind == "no-options":
                self._send(writer, 422, {"detail": "unsupported fields: {'stream_options'}"})
                return True
            return await self._stream(text, prompt, writer, whole=kind != "half-stream")
        else:
            self.answered[prompt] += 1
            self._send(writer, 200, reply)
        await writer.drain()
        return True

    async def _stream(self, text: str, prompt: str, writer: asyncio.StreamWriter, *, whole: bool) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        pieces = [text[:4], text[4:]] if whole else [text[:4]]
        for piece in pieces:
            writer.write(b"data: " + json.dumps({"choices": [{"delta": {"content": piece}}]}).encode() + b"\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)
        if whole:
            self.answered[prompt] += 1
            last = {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"completion_tokens": 2}}
            writer.write(b"data: " + json.dumps(last).encode() + b"\n\ndata: [DONE]\n\n")
            await writer.drain()
        return False

    @staticmethod
    def _send(writer: asyncio.StreamWriter, status: int, reply: object, headers: dict[str, str] | None = None) -> None:
        data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
