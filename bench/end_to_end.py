"""From the request to the message at its destination: every event leads to one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from bench.accept import BARE
from bench.case import Case, Effort, Pair, at_least, at_most
from bench.configs import CONCURRENCY, EMAIL, SLACK, WEBHOOK, Ports, Setting
from bench.instructions import counted_in_turns
from bench.pairs import accepted, bridge, delivered, in_turns, script
from bench.targets import Arrivals, slack_target, smtp_target, webhook_target
from bridge.channels.options import ChannelOptions

COUNT = 2000
SHIPPED = ChannelOptions().concurrency
MAILS = 500
"""Fewer, since they go one after the other."""
TARGETS: dict[str, tuple[str, Callable[[], AbstractAsyncContextManager[Arrivals]]]] = {
    "webhook": (WEBHOOK, webhook_target),
    "slack": (SLACK, slack_target),
    "smtp": (EMAIL, smtp_target),
}


def _beside_bare(
    kind: str, *, close: bool = False, concurrency: int = CONCURRENCY
) -> Callable[[Effort], AsyncGenerator[Pair, None]]:
    async def measure(effort: Effort) -> AsyncGenerator[Pair, None]:
        count = effort.of(MAILS if kind == "smtp" else COUNT)
        send, open_target = TARGETS[kind]
        async with open_target() as target, script("bare") as bare, AsyncExitStack() as stack:
            setting = Setting(Ports(**{kind: target.port}), [send], concurrency=concurrency)
            running = await stack.enter_async_context(
                bridge(setting, environment={"SLACK_BOT_TOKEN": "xoxb-0-0-benchmark"})
            )

            async def base() -> float:
                return (await accepted(bare, count, close=close)).rate

            async for pair in in_turns(effort, base, lambda: delivered(running, count, target, close=close)):
                yield pair

    return measure


async def _beside_naive(effort: Effort) -> AsyncGenerator[Pair, None]:
    count = effort.of(COUNT)
    async with webhook_target() as target:
        url = f"http://127.0.0.1:{target.port}/"
        async with script("naive", url) as naive, bridge(Setting(Ports(webhook=target.port))) as running:
            async for pair in in_turns(
                effort,
                lambda: delivered(naive, count, target),
                lambda: delivered(running, count, target),
            ):
                yield pair


CASES = (
    Case(
        "webhook-instructions",
        "end to end, one webhook per event, instructions per event",
        BARE,
        "instructions",
        lambda effort: counted_in_turns("end-to-end", effort),
        at_most(2.6),
        "counted by valgrind",
    ),
    Case(
        "webhook",
        "end to end, one webhook per event",
        BARE,
        "events/s",
        _beside_bare("webhook"),
        at_least(0.35),
    ),
    Case(
        "webhook-close",
        "end to end, one webhook per event, `connection: close`",
        BARE,
        "events/s",
        _beside_bare("webhook", close=True),
        at_least(0.5),
    ),
    Case(
        "webhook-shipped",
        "end to end, one webhook per event, with a channel's `concurrency` as shipped",
        BARE,
        "events/s",
        _beside_bare("webhook", concurrency=SHIPPED),
        note=f"at most {SHIPPED} messages under way, not {CONCURRENCY}",
    ),
    Case("slack", "end to end, one Slack message per event", BARE, "events/s", _beside_bare("slack")),
    Case(
        "smtp",
        "end to end, one e-mail per event over one connection",
        BARE,
        "events/s",
        _beside_bare("smtp"),
    ),
    Case(
        "naive",
        "end to end, one webhook per event",
        "naive aiohttp script",
        "events/s",
        _beside_naive,
        at_least(1.0),
    ),
)
