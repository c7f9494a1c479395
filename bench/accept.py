"""Durable accept: answered 200 means on disk, beside a handler that does nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from bench.case import Case, Effort, Pair, at_least, at_most
from bench.configs import Ports, Setting
from bench.instructions import counted_in_turns
from bench.pairs import CONNECTIONS, accepted, bridge, in_turns, script
from bench.servers import Server
from bench.targets import webhook_target

COUNT = 4000
BARE = "bare aiohttp handler"


def _accept(connections: int, *, close: bool = False) -> Callable[[Effort], AsyncGenerator[Pair, None]]:
    async def measure(effort: Effort) -> AsyncGenerator[Pair, None]:
        count = effort.of(COUNT)
        async with webhook_target() as target, script("bare") as bare:
            setting = Setting(Ports(webhook=target.port), matches=False)
            async with bridge(setting) as running:

                async def rate(server: Server) -> float:
                    return (await accepted(server, count, connections=connections, close=close)).rate

                async for pair in in_turns(effort, lambda: rate(bare), lambda: rate(running)):
                    yield pair

    return measure


CASES = (
    Case(
        "accept-instructions",
        "durable accept, instructions per event",
        BARE,
        "instructions",
        lambda effort: counted_in_turns("accept", effort),
        at_most(1.8),
        "counted by valgrind; matching and finishing the same events goes on meanwhile and counts",
    ),
    Case("accept", "durable accept", BARE, "events/s", _accept(CONNECTIONS), at_least(0.45)),
    Case("accept-128", "durable accept, 128 connections", BARE, "events/s", _accept(128), at_least(0.55)),
    Case(
        "accept-close",
        "durable accept, `connection: close`",
        BARE,
        "events/s",
        _accept(CONNECTIONS, close=True),
        at_least(0.55),
    ),
)
