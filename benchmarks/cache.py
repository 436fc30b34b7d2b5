"""What keeping answers costs: 10,000 writes and look-ups, beside SQLite. `python benchmarks/cache.py [DIR]`.

Microseconds an item: single calls as median of the clock's time, many at once in CPU time, which other work on the
machine does not move. Then what a new process pays to look up 10,000 keys among up to 300,000.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evalgate.cache.answers import ANSWERS, Answer, Remembering
from evalgate.cache.keys import Answerer
from evalgate.cache.records import Cache
from evalgate.core.data import Message, Sampling
from evalgate.core.protocols import Request
from evalgate.core.record import digest_of, from_json
from evalgate.core.results import Generation

N, N_TOKENS, N_CHARS = 10_000, 400, 200
LARGE = (10_000, 100_000, 300_000)


class Echo:
    """Says at once as much as an answer says, to prompts that are already token ids."""

    def answerer(self, adapter: str | None) -> Answerer | None:
        """A model's usual digests."""
        return Answerer(backend="hf", model="m" * 64, tokenizer="t" * 64, code="c" * 64, versions={"torch": "2.13"})

    def prompt_ids(self, request: Request) -> list[int]:
        """As many ids as a prompt has."""
        return [hash(request.messages[0].content) % 100_000, *range(1, N_TOKENS)]

    def generate(self, requests: Sequence[Request], *, adapter: str | None = None) -> Any:
        """One answer after the other."""
        for i in range(len(requests)):
            yield i, Generation(output=f"{i} " + "x" * N_CHARS, prompt_tokens=N_TOKENS, completion_tokens=40)


def answer(i: int) -> Answer:
    """One answer of usual size."""
    return Answer(output=f"{i} " + "x" * N_CHARS, status="ok", prompt_tokens=N_TOKENS, completion_tokens=40)


def each(call: Callable[[int], object]) -> str:
    """Median and 99th percentile of single calls, in microseconds."""
    times = []
    for i in range(N):
        started = time.perf_counter()
        call(i)
        times.append(1e6 * (time.perf_counter() - started))
    return f"{statistics.median(times):7.1f} us (p99 {statistics.quantiles(times, n=100)[98]:.0f})"


def files(folder: Path) -> None:
    """This package's files: writes one by one, look-ups of all keys at once and one by one."""
    keys = [digest_of(i) for i in range(N)]
    with Cache(folder).adding(ANSWERS) as add:
        print("files   write   ", each(lambda i: add(keys[i], answer(i))))
    cache, started = Cache(folder), time.process_time()
    assert len(cache.find(ANSWERS, keys, Answer)) == N
    print(f"files   find all {1e6 * (time.process_time() - started) / N:7.1f} us CPU each, in a new process")
    print("files   find one", each(lambda i: cache.find(ANSWERS, [keys[i]], Answer)))


def sqlite(folder: Path, mode: str, synchronous: str) -> None:
    """One table in one database: what a store in SQLite would do at least."""
    base = sqlite3.connect(folder / f"{mode}-{synchronous}.db", timeout=30, isolation_level=None)
    base.execute(f"pragma journal_mode={mode}")
    base.execute(f"pragma synchronous={synchronous}")
    base.execute("create table answers (key text primary key, record blob) without rowid")
    keys = [digest_of(i) for i in range(N)]

    def write(i: int) -> None:
        record = msgspec.json.encode(answer(i))
        base.execute("insert or ignore into answers values (?, ?)", (keys[i], record))

    def find(i: int) -> Answer:
        [record] = base.execute("select record from answers where key = ?", (keys[i],)).fetchone()
        return from_json(record, Answer)

    print(f"sqlite  write   {each(write)}   {mode}, {synchronous}")
    print(f"sqlite  find one{each(find)}   {mode}, {synchronous}")
    base.close()


def whole(folder: Path) -> None:
    """All that a run pays: rendering is the backend's, the rest is this."""
    asks = [Request(messages=(Message(role="user", content=f"q{i}"),), sampling=Sampling()) for i in range(N)]
    for what in ("asked, kept", "known"):
        backend = Remembering(Echo(), Cache(folder))
        started = time.process_time()
        assert sum(1 for _ in backend.generate(asks)) == N
        seconds = time.process_time() - started
        print(f"whole   {what:12} {1e6 * seconds / N:7.1f} us CPU each ({backend.n_known} known)")
    started = time.process_time()
    assert sum(1 for _ in Echo().generate(asks)) == N
    print(f"whole   not kept     {1e6 * (time.process_time() - started) / N:7.1f} us CPU each")


def large(folder: Path) -> None:
    """A first look into larger caches, as a new run takes it."""
    cache, n = Cache(folder), 0
    for size in LARGE:
        with cache.adding(ANSWERS) as add:
            for i in range(n, size):
                add(digest_of(i), answer(i))
        n, other, started = size, Cache(folder), time.process_time()
        assert len(other.find(ANSWERS, [digest_of(i) for i in range(N)], Answer)) == N
        n_bytes = sum(path.stat().st_size for path in folder.glob("*/*.jsonl"))
        print(
            f"large   {size:7,} answers, {n_bytes / 1e6:.0f} MB: first look {time.process_time() - started:.2f} s CPU"
        )


def main() -> None:
    """Everything below one folder, which is removed again."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as room:
        for name, part in (("files", files), ("whole", whole), ("large", large)):
            part(Path(room) / name)
        for mode, synchronous in (("wal", "normal"), ("wal", "full"), ("delete", "full")):
            sqlite(Path(room), mode, synchronous)


if __name__ == "__main__":
    main()
