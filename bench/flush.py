"""A disk whose flush takes 5 ms longer: many events must share a flush.

The bare handler flushes nothing, so its figure is the same on any disk.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path

from bench.accept import BARE
from bench.case import Case, Effort, Missing, Pair, at_least
from bench.configs import Ports, Setting
from bench.pairs import accepted, bridge, folder, in_turns, script
from bench.servers import Server
from bench.targets import webhook_target

COUNT = 4000
CONNECTIONS = 128


def _beside(name: str, part: float) -> Callable[[Effort], AsyncGenerator[Pair, None]]:
    """`part` of the events go to the one beside, which may be slow."""

    async def measure(effort: Effort) -> AsyncGenerator[Pair, None]:
        async with folder() as place, webhook_target() as target:
            slow = await _slow_flush(place)
            setting = Setting(Ports(webhook=target.port), matches=False)
            async with script(name, environment=slow) as other, bridge(setting, environment=slow) as running:

                async def rate(server: Server, count: int) -> float:
                    return (await accepted(server, effort.of(count), connections=CONNECTIONS)).rate

                async for pair in in_turns(
                    effort, lambda: rate(other, round(COUNT * part)), lambda: rate(running, COUNT)
                ):
                    yield pair

    return measure


async def _slow_flush(place: Path) -> Mapping[str, str]:
    """Compile the slower flush; return the environment in which programs have it."""
    compiler = shutil.which("cc")
    if not compiler:
        raise Missing("no C compiler (cc) is installed, which the slower flush needs")
    library = place / "flush.so"
    source = Path(__file__).with_name("flush.c")
    process = await asyncio.create_subprocess_exec(
        compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"
    )
    if await process.wait():
        raise Missing("the slower flush could not be compiled")
    return {"LD_PRELOAD": str(library)}


CASES = (
    Case(
        "flush-bare",
        "a flush that takes 5 ms longer, 128 connections",
        BARE,
        "events/s",
        _beside("bare", 1.0),
        at_least(0.45),
        "the bare handler flushes nothing",
    ),
    Case(
        "flush-commits",
        "a flush that takes 5 ms longer, 128 connections",
        "one commit for each event",
        "events/s",
        _beside("committing", 0.05),
        at_least(26),
    ),
)
