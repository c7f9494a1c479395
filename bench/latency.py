"""How soon a message arrives when 25 events come every second."""

from __future__ import annotations

import json
import statistics
from collections.abc import AsyncGenerator

from bench import events
from bench.case import Case, Effort, Pair, at_most
from bench.configs import Ports, Setting
from bench.load import post_paced
from bench.pairs import bridge, checked, script
from bench.servers import Server
from bench.targets import Arrivals, webhook_target

END_OF_HEAD = b"\r\n\r\n"
PER_SECOND = 25
COUNT = 125
SLICES = 3


async def _beside_bare(effort: Effort) -> AsyncGenerator[Pair, None]:
    count = effort.of(COUNT)
    async with (
        webhook_target() as target,
        script("bare") as bare,
        bridge(Setting(Ports(webhook=target.port))) as running,
    ):
        await _answers_ms(bare, PER_SECOND)
        await _arrivals_ms(running, target, PER_SECOND)
        for _ in range(min(effort.slices, SLICES)):
            answered = await _answers_ms(bare, count)
            arrived = await _arrivals_ms(running, target, count)
            yield Pair(statistics.median(answered), statistics.median(arrived))


async def _spread(effort: Effort) -> AsyncGenerator[Pair, None]:
    count = effort.of(2 * COUNT)
    async with webhook_target() as target, bridge(Setting(Ports(webhook=target.port))) as running:
        await _arrivals_ms(running, target, PER_SECOND)
        for _ in range(min(effort.slices, SLICES)):
            arrived = await _arrivals_ms(running, target, count)
            yield Pair(statistics.median(arrived), statistics.quantiles(arrived, n=100)[98])


async def _answers_ms(running: Server, count: int) -> list[float]:
    """Return how long each request took from when it was due until it was answered."""
    requests = events.requests(running.port, count)
    run = checked(await post_paced(running.port, requests, per_second=PER_SECOND), running)
    return [seconds * 1000 for seconds in run.latencies]


async def _arrivals_ms(running: Server, target: Arrivals, count: int) -> list[float]:
    """Return how long each event took from when it was due to be posted until its message arrived."""
    before = target.count
    requests = events.requests(running.port, count)
    run = checked(await post_paced(running.port, requests, per_second=PER_SECOND), running)
    await target.until(before + count)
    turns = {json.loads(each.partition(END_OF_HEAD)[2])["id"]: turn for turn, each in enumerate(requests)}
    came = [(turns[json.loads(body)["event"]], at) for at, body in target.came[before:]]
    return [(at - run.began - turn / PER_SECOND) * 1000 for turn, at in came]


CASES = (
    Case(
        "arrival",
        "25 events/s: median arrival of the messages",
        "median answer of the bare handler",
        "ms",
        _beside_bare,
        at_most(2.5),
    ),
    Case(
        "arrival-p99",
        "25 events/s: 99th percentile of the arrivals",
        "their median",
        "ms",
        _spread,
        at_most(2),
    ),
)
