"""CPU time and memory of evalgate's HTTP backend beside a bare asyncio client doing the same calls.

`python benchmarks/http_overhead.py [N]` starts an instant server in another process and asks it N times (10,000) at
concurrency 64, each way in a process of its own; prints CPU seconds, the ratio, and how memory grows from N/10 to N.
`record` is the whole of what a run does with an answer: written to predictions and scored.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CONCURRENCY = 64
ROUNDS = 3
ANSWER = "The parcel arrives on Tuesday; you can change the address until Monday evening."
REPLY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "instant",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 40, "completion_tokens": 16, "total_tokens": 56},
}


class Instant(asyncio.Protocol):
    """Answers every POST at once with the same reply."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport: Any = transport
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        """Answer each whole request in what has come."""
        self.rest += data
        while (end := self.rest.find(b"\r\n\r\n")) >= 0:
            head = self.rest[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(self.rest) < end + 4 + length:
                return
            self.rest = self.rest[end + 4 + length :]
            body = json.dumps({"data": [{"id": "instant"}]} if head.startswith(b"get") else REPLY).encode()
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )


def serve(ready: Any) -> None:
    """Serve until killed; the port goes through the pipe."""

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Instant, "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def prompts(n: int) -> Iterator[str]:
    """Questions of some length, each its own."""
    return (f"Question {i}: when does my parcel arrive, and can the address still be changed? " * 2 for i in range(n))


async def bare_aiohttp(url: str, n: int) -> None:
    """The same calls with aiohttp and nothing else."""
    import aiohttp

    gate = asyncio.Semaphore(CONCURRENCY)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as session:

        async def one(prompt: str) -> str:
            body = {"model": "instant", "messages": [{"role": "user", "content": prompt}], "max_tokens": 64,
                    "temperature": 0.0}  # fmt: skip
            async with gate, session.post(f"{url}/chat/completions", json=body) as response:
                return (await response.json())["choices"][0]["message"]["content"]

        answers = await asyncio.gather(*map(one, prompts(n)))
    assert answers == [ANSWER] * n


async def bare_httpx(url: str, n: int) -> None:
    """The same calls with httpx2, for the choice of the library."""
    import httpx2

    gate = asyncio.Semaphore(CONCURRENCY)
    async with httpx2.AsyncClient(limits=httpx2.Limits(max_connections=CONCURRENCY)) as client:

        async def one(prompt: str) -> str:
            body = {"model": "instant", "messages": [{"role": "user", "content": prompt}], "max_tokens": 64,
                    "temperature": 0.0}  # fmt: skip
            async with gate:
                response = await client.post(f"{url}/chat/completions", json=body)
            return response.json()["choices"][0]["message"]["content"]

        answers = await asyncio.gather(*map(one, prompts(n)))
    assert answers == [ANSWER] * n


def ours(url: str, n: int, *, record: bool) -> None:
    """evalgate's backend; with `record` its answers are written and scored as in a run."""
    from evalgate.backends.openai_http import OpenAIBackend
    from evalgate.core.data import Example, MetricUse, Sampling, ServerSpec, Task, TaskSpec
    from evalgate.core.protocols import Ask, Message, Request
    from evalgate.execution.local import predict
    from evalgate.files import Appender
    from evalgate.metrics.text import ExactMatch

    sampling = Sampling(max_tokens=64)
    asks = [
        Ask(
            example_id=f"e{i}", request=Request(messages=(Message(role="user", content=text),), sampling=sampling),
            digest="d",
        )
        for i, text in enumerate(prompts(n))
    ]  # fmt: skip
    backend = OpenAIBackend(ServerSpec(base_url=url, max_concurrency=CONCURRENCY), "instant")
    if not record:
        assert sum(answer.output == ANSWER for _, answer in backend.generate([a.request for a in asks])) == n
        backend.close()
        return
    metric = ExactMatch({})
    task = Task(spec=TaskSpec(name="qa", kind="qa", data="qa", metrics=(MetricUse(name="exact_match"),)), splits={})
    examples = {a.example_id: Example(id=a.example_id, inputs={}, references=(ANSWER,)) for a in asks}
    with tempfile.TemporaryDirectory() as folder, Appender(Path(folder) / "scores.jsonl") as scores:
        path = Path(folder) / "predictions.jsonl"
        for p in predict(
            asks, system="s", task="qa", adapter=None, backend=backend, path=path, progress=Silent()
        ):  # fmt: skip
            scores.write([metric.score(examples[p.example_id], p, task)])
        assert len(path.read_bytes().splitlines()) == n
    backend.close()


class Silent:
    """Shows nothing."""

    @contextlib.contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[Any]:
        """A stage that nobody sees."""
        yield lambda n=1: n

    def note(self, text: str) -> None:
        """Nothing."""


def measure(way: str, url: str, n: int, pipe: Any) -> None:
    """CPU seconds of the calls alone, and the process's peak memory."""
    # What the way imports is not what a call costs: one call beforehand.
    works: dict[str, Any] = {
        "bare aiohttp": lambda k: asyncio.run(bare_aiohttp(url, k)),
        "bare httpx2": lambda k: asyncio.run(bare_httpx(url, k)),
        "backend": lambda k: ours(url, k, record=False),
        "record": lambda k: ours(url, k, record=True),
    }
    works[way](1)
    cpu, wall = time.process_time(), time.perf_counter()
    works[way](n)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send((time.process_time() - cpu, time.perf_counter() - wall, peak))


def main() -> None:
    """Print a line for each way."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    server = spawn.Process(target=serve, args=(there,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{here.recv()}/v1"
    base = 0.0
    for way in ("bare aiohttp", "bare httpx2", "backend", "record"):
        found = {}
        for size in (n // 10, n):
            rounds = []
            for _ in range(ROUNDS if size == n else 1):
                process = spawn.Process(target=measure, args=(way, url, size, there))
                process.start()
                process.join()
                if process.exitcode:
                    sys.exit(f"the process of '{way}' failed")
                rounds.append(here.recv())
            found[size] = min(rounds)
        cpu, wall, peak = found[n]
        base = base or cpu
        grown = peak - found[n // 10][2]
        print(
            f"{way:14} {n:,} calls: CPU {cpu:6.2f} s ({1e6 * cpu / n:5.0f} us a call), ratio {cpu / base:4.2f}, "
            f"wall {wall:5.2f} s, peak {peak:4.0f} MB ({grown:+.0f} MB from {n // 10:,} calls)",
            flush=True,
        )
    server.terminate()


if __name__ == "__main__":
    main()
