"""From the command to the first accepted event."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

from bench import events, filled
from bench.accept import BARE
from bench.case import Case, Effort, Pair, at_most
from bench.configs import RULES, Ports, Setting
from bench.load import post_all
from bench.pairs import bridge, checked, folder, script
from bench.servers import Server
from bench.targets import webhook_target

UNDELIVERED = 100_000
MANY_RULES = 10_000


def _start(*, rules: int = RULES, undelivered: int = 0) -> Callable[[Effort], AsyncGenerator[Pair, None]]:
    async def measure(effort: Effort) -> AsyncGenerator[Pair, None]:
        async with webhook_target(answers=False) as target, folder() as place:
            setting = Setting(Ports(webhook=target.port), rules=effort.of(rules) if rules > RULES else rules)
            await _prepare(place, setting, effort.of(undelivered) if undelivered else 0)
            for _ in range(effort.slices):
                base = await _seconds(script("bare"))
                yield Pair(base, await _seconds(bridge(setting, place)))

    return measure


async def _prepare(place: Path, setting: Setting, undelivered: int) -> None:
    """Make the store, as of a bridge that ran before; the first start also compiles what Python caches."""
    if undelivered:
        async with webhook_target(answers=False) as silent:
            await filled.waiting(place, Setting(Ports(webhook=silent.port)), silent, undelivered)
    else:
        async with bridge(setting, place), script("bare"):
            pass


async def _seconds(starting: AbstractAsyncContextManager[Server]) -> float:
    async with starting as running:
        (request,) = events.requests(running.port, 1)
        checked(await post_all(running.port, [request], connections=1), running)
        seconds = time.monotonic() - running.started_at
        with suppress(ProcessLookupError):
            running.kill()
        return seconds


CASES = (
    Case("start", "start to the first accepted event", BARE, "s", _start(), at_most(3)),
    Case(
        "start-rules",
        "start to the first accepted event with 10,000 rules",
        BARE,
        "s",
        _start(rules=MANY_RULES),
        at_most(5),
    ),
    Case(
        "start-undelivered",
        "start to the first accepted event with 100,000 undelivered",
        BARE,
        "s",
        _start(undelivered=UNDELIVERED),
        at_most(4),
    ),
)
