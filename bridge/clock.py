"""The one place that reads a clock; everything else is given a `Clock` or a `now`."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from functools import partial
from typing import Protocol


class Clock(Protocol):
    """Wall time, elapsed time and waiting, as one collaborator that tests replace."""

    def now(self) -> datetime:
        """Return the current time as an aware UTC datetime."""
        ...

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never run backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`; a negative wait returns at once."""
        ...


class SystemClock:
    """The machine's clock."""

    # Without a frame of Python around them: both are asked several times for each event.
    now = staticmethod(partial(datetime.now, UTC))
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`; a negative wait returns at once."""
        await asyncio.sleep(max(0.0, seconds))


async def rest(clock: Clock, seconds: float, until: asyncio.Event) -> bool:
    """Return when `until` is set, or after `seconds`, whichever comes first; say whether the time is over."""
    wanted = asyncio.ensure_future(until.wait())
    sleep = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({wanted, sleep}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        wanted.cancel()
        sleep.cancel()
    return sleep.done() and not sleep.cancelled()
