"""A progress display for tests: it shows nothing and remembers everything."""

import contextlib
from collections.abc import Iterator
from typing import Any


class Recorder:
    """Progress that remembers its stages as [name, total, done before, done after]."""

    def __init__(self) -> None:
        self.stages: list[list[Any]] = []

    @contextlib.contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[Any]:
        entry = [name, total, done, done]
        self.stages.append(entry)

        def tick(n: int = 1) -> None:
            entry[3] += n

        yield tick

    def note(self, text: str) -> None:
        pass
