"""Names are looked up once for all who want to know them."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bridge.channels.guard import Blocked
from bridge.channels.sockets import Sockets


class SilentResolver(AbstractResolver):
    """Says nothing until it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = asyncio.Event()
        self.error: OSError | None = None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return [
            ResolveResult(hostname=host, host="10.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Nothing to close."""


async def _turned() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_those_who_ask_for_a_name_that_is_being_looked_up_wait_for_the_same_answer() -> None:
    """Each question would keep a thread while a name server is silent; there are few, for all channels."""
    resolver = SilentResolver()
    sockets = Sockets(resolver)
    asking = [asyncio.create_task(sockets.connected("crm.example", 443, private=False)) for _ in range(8)]
    await _turned()
    asking[0].cancel()  # its time is over
    await _turned()
    asking.append(asyncio.create_task(sockets.connected("crm.example", 443, private=False)))
    other = asyncio.create_task(sockets.connected("mail.example", 443, private=False))
    await _turned()
    assert resolver.asked == ["crm.example", "mail.example"]
    resolver.answers.set()
    came = await asyncio.gather(*asking, other, return_exceptions=True)
    assert [type(each) for each in came] == [asyncio.CancelledError, *[Blocked] * 9]


async def test_a_name_that_is_not_found_is_asked_for_again() -> None:
    """Whoever waited hears of it, and nobody else."""
    resolver = SilentResolver()
    resolver.error = OSError("no such name")
    resolver.answers.set()
    sockets = Sockets(resolver)
    for count in (1, 2):
        with pytest.raises(OSError, match="no such name"):
            await sockets.connected("crm.example", 443, private=False)
        assert len(resolver.asked) == count
