"""Worker processes that do pieces of work in turn: each a fresh interpreter that reads from its stdin and answers.

Not forked: this process may have torch's threads and their locks. A worker ends when its stdin does, so none outlives
this process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO

# Each takes some 100 MB.
MOST = 4
_SIZE_BYTES = 8
# A worker has a core of its own.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def usable_cores() -> int:
    """The cores that this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


class Workers:
    """`n` processes that run a module's `main`, which calls `serve`."""

    def __init__(self, module: str, n: int) -> None:
        environment = os.environ | _ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-m", module]
        self._processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) for _ in range(n)
        ]
        self._dead: set[int] = set()

    def __len__(self) -> int:
        return len(self._processes)

    def tell(self, message: bytes) -> None:
        """Give every worker something that has an empty answer."""
        for worker in range(len(self)):
            self._send(worker, message)
        for worker in range(len(self)):
            self._receive(worker)

    def map(self, pieces: Iterable[bytes]) -> Iterator[bytes | None]:
        """The answer to each piece, in order; None where its worker has died, so that the caller does it."""
        waiting: deque[int] = deque()
        for i, piece in enumerate(pieces):
            # A worker is sent a piece only when its last answer has been read: neither side can wait for the other.
            if len(waiting) == len(self):
                yield self._receive(waiting.popleft())
            self._send(i % len(self), piece)
            waiting.append(i % len(self))
        while waiting:
            yield self._receive(waiting.popleft())

    def close(self) -> None:
        """End all workers, also those at work."""
        for process in self._processes:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
            process.wait()
        self._processes = []

    def _send(self, worker: int, message: bytes) -> None:
        if worker not in self._dead:
            pipe = self._processes[worker].stdin
            assert pipe is not None
            try:
                _write(pipe, message)
            except OSError:
                self._dead.add(worker)

    def _receive(self, worker: int) -> bytes | None:
        if worker in self._dead:
            return None
        pipe = self._processes[worker].stdout
        assert pipe is not None
        answer = _read(pipe)
        if answer is None:
            self._dead.add(worker)
        return answer


def serve(answer: Callable[[bytes], bytes]) -> None:
    """Answer messages from stdin until it ends; an error ends the worker, and the caller does its work and sees why."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller hears it, and ends its workers
    source, target = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    with suppress(BrokenPipeError):
        while (message := _read(source)) is not None:
            try:
                found = answer(message)
            except Exception:  # noqa: BLE001 (the caller meets the same error and tells of it)
                os._exit(1)
            _write(target, found)


def _write(pipe: IO[bytes], message: bytes) -> None:
    pipe.write(len(message).to_bytes(_SIZE_BYTES, "little"))
    pipe.write(message)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes | None:
    """The next message; None where the pipe has ended before or in it."""
    size = pipe.read(_SIZE_BYTES)
    if len(size) < _SIZE_BYTES:
        return None
    n = int.from_bytes(size, "little")
    message = pipe.read(n)
    return message if len(message) == n else None
