"""Lets what comes in the same moment come together: the price of a write is paid once for all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sized


async def moment_over(waiting: Sized, most: int) -> None:
    """Return when a turn of the event loop has brought nothing more, or as much as wanted is there.

    Alone, one waits for a single turn, which is some microseconds.
    """
    before = 0
    while before < len(waiting) < most:
        before = len(waiting)
        await asyncio.sleep(0)
