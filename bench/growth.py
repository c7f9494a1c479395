"""What grows must not slow: rules, channels, what is stored, and what still waits."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from bench import filled
from bench.case import Case, Effort, Pair, at_least, at_most
from bench.configs import ONCE, Ports, Setting
from bench.pairs import accepted, bridge, delivered, folder, in_turns
from bench.servers import Server
from bench.targets import webhook_target

COUNT = 3000
STORED = 1_000_000
BACKLOG = 20_000
MANY_RULES, FEW_RULES = 10_000, 10
MANY_CHANNELS = 200


async def _rules(effort: Effort) -> AsyncGenerator[Pair, None]:
    async with webhook_target() as target:
        ports = Ports(webhook=target.port)
        few = Setting(ports, rules=FEW_RULES, matches=False)
        many = Setting(ports, rules=effort.of(MANY_RULES), matches=False)
        async with bridge(few) as first, bridge(many) as second:
            async for pair in _rates(effort, first, second):
                yield pair


def _rates(effort: Effort, base: Server, ours: Server) -> AsyncGenerator[Pair, None]:
    async def rate(server: Server) -> float:
        return (await accepted(server, effort.of(COUNT))).rate

    return in_turns(effort, lambda: rate(base), lambda: rate(ours))


async def _stored(effort: Effort) -> AsyncGenerator[Pair, None]:
    async with webhook_target() as target, folder() as place:
        setting = Setting(Ports(webhook=target.port))
        await filled.finished(place, setting, target, effort.of(STORED))
        async with bridge(setting) as empty, bridge(setting, place) as full:
            async for pair in _rates(effort, empty, full):
                yield pair


async def _held(effort: Effort) -> AsyncGenerator[Pair, None]:
    """Every event reserves a claim and makes a delivery, among a million of each."""
    async with webhook_target() as target, folder() as place:
        setting = Setting(Ports(webhook=target.port), sends=(ONCE,))
        await filled.held(place, setting, target, effort.of(STORED))

        async def cost(server: Server) -> float:
            return 1e6 / await delivered(server, effort.of(COUNT), target)

        async with bridge(setting) as empty, bridge(setting, place) as full:
            async for pair in in_turns(effort, lambda: cost(empty), lambda: cost(full)):
                yield pair


async def _channels(effort: Effort) -> AsyncGenerator[Pair, None]:
    async with webhook_target() as target:
        ports = Ports(webhook=target.port)
        one, many = Setting(ports), Setting(ports, idle_channels=effort.of(MANY_CHANNELS))
        async with bridge(one) as first, bridge(many) as second:
            async for pair in in_turns(
                effort,
                lambda: delivered(first, effort.of(COUNT), target),
                lambda: delivered(second, effort.of(COUNT), target),
            ):
                yield pair


async def _backlog(effort: Effort) -> AsyncGenerator[Pair, None]:
    """Each slice needs a backlog of its own, so there are few."""
    count, backlog = effort.of(COUNT), effort.of(BACKLOG)
    async with webhook_target() as target, webhook_target(answers=False) as silent:
        setting = Setting(Ports(webhook=target.port))
        async with bridge(setting) as free:
            await delivered(free, count, target)
            for _ in range(min(effort.slices, 2)):
                base = await delivered(free, count, target)
                async with folder() as place:
                    await filled.waiting(place, Setting(Ports(webhook=silent.port)), silent, backlog)
                    wanted = target.count + backlog + count
                    async with bridge(setting, place) as busy:
                        yield Pair(base, await delivered(busy, count, target, until=wanted))


CASES = (
    Case(
        "stored",
        "accept with 1 million finished deliveries stored",
        "an empty store",
        "events/s",
        _stored,
        at_least(0.95),
    ),
    Case(
        "held",
        "dispatch and delivery, once per learner, with 1 million claims and 1 million held messages",
        "an empty store",
        "µs per event",
        _held,
        at_most(1.5),
    ),
    Case("rules", "accept with 10,000 rules", "10 rules", "events/s", _rules, at_least(0.98)),
    Case("channels", "end to end with 200 channels that have nothing to do", "none", "events/s", _channels),
    Case(
        "backlog",
        "messages sent while 20,000 wait and new events come in",
        "none waits",
        "messages/s",
        _backlog,
        at_least(0.95),
    ),
)
