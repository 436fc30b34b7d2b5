"""How many requests are under way at once: more while the server answers, half as many when it has too much to do."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from evalgate.core.seeds import clock

START = 8


class Pace:
    """Admits requests, as TCP does (additive increase, multiplicative decrease), within one event loop.

    Until the first trouble every answer makes room for one more; later `limit` answers do. Trouble halves the limit
    once for all requests that were under way together.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(min(START, most))
        self.lowest = self.limit
        self._active, self._growing_fast = 0, True
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._hold_until, self._slowed_at = 0.0, 0.0

    async def enter(self) -> float:
        """Wait for room, and as long as the server asked everybody to; gives the time at which the request starts."""
        while True:
            now = clock()
            if now < self._hold_until:
                await asyncio.sleep(self._hold_until - now)
            elif self._active < int(self.limit):
                self._active += 1
                return now
            else:
                turn = asyncio.get_running_loop().create_future()
                self._waiting.append(turn)
                await turn

    def leave(self) -> None:
        """A request is over, whatever came of it."""
        self._active -= 1
        self._wake()

    def answered(self) -> None:
        """The server answered: there may be room for more."""
        if self.limit < self.most:
            self.limit = min(self.most, self.limit + (1 if self._growing_fast else 1 / self.limit))
            self._wake()

    def slow_down(self, started: float) -> None:
        """The server has too much to do; a request that started before the last halving says nothing new."""
        if started < self._slowed_at:
            return
        self._slowed_at, self._growing_fast = clock(), False
        self.limit = max(1.0, self.limit / 2)
        self.lowest = min(self.lowest, self.limit)

    def hold(self, seconds: float) -> None:
        """Start nothing for a while: the server said when to come again."""
        self._hold_until = max(self._hold_until, clock() + seconds)

    def _wake(self) -> None:
        room = int(self.limit) - self._active
        while room > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                room -= 1


def retry_after_s(headers: dict[str, str]) -> float | None:
    """The wait that a reply asks for, in seconds: `Retry-After` as a number or a date, or `retry-after-ms`."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        text = headers.get("retry-after", "")
        if not text:
            return None
        if text.replace(".", "", 1).isdigit():
            return float(text)
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
