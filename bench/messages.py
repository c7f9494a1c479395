"""From an event's facts to its message's bytes: how many in a second, and what part of an event's work."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import yaml

from bench import events, stages
from bench.case import Case, Effort, Pair
from bench.configs import EMAIL, SLACK, WEBHOOK, Ports, Setting
from bench.end_to_end import TARGETS
from bench.pairs import bridge, delivered, folder, in_turns
from bench.pairs import cpu_s as cpu_of
from bridge.bootstrap import build_channels
from bridge.channels.http import Shared
from bridge.clock import SystemClock
from bridge.config.load import Loaded, load
from bridge.core.events import Facts
from bridge.core.messages import Payload
from bridge.pipeline.compose import compose
from bridge.pipeline.house import ANYWHERE
from bridge.sources.registry import events_in

TIMES = 4000
COUNT = 1000
NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
ENVIRONMENT = {"EDUZZ_SECRET": "a-secret-for-the-benchmark", "SLACK_BOT_TOKEN": "xoxb-0-0-benchmark"}
SENDS = {"webhook": WEBHOOK, "slack": SLACK, "smtp": EMAIL}


@asynccontextmanager
async def making(kind: str) -> AsyncIterator[Callable[[], Payload]]:
    """Give what makes a message of the benchmark's event, to its last byte, as a delivery does."""
    facts = _facts()
    async with folder() as place:
        Setting(Ports(**{kind: 9}), [SENDS[kind]]).write(place)
        loaded = load(place / "config.yaml", ENVIRONMENT)
        if not isinstance(loaded, Loaded):
            raise SystemExit("\n".join(map(str, loaded.problems)))
        action = loaded.rules[-1].actions[0]
        channel = build_channels(loaded, Shared(SystemClock(), "bench"))[action.channel]
        make = partial(
            compose,
            action=action,
            channel=channel,
            facts=facts,
            delivery_id="0" * 32,
            at=NOW,
            house=ANYWHERE,
        )

        def made() -> Payload:
            payload = make()
            if not isinstance(payload, Payload):
                raise SystemExit(payload.why)
            return payload

        yield made


def _facts() -> Facts:
    return events_in(events.bodies(1)[0])[0].facts()


def _texts(kind: str) -> list[str]:
    """Return the texts that the message is made of."""
    settings = yaml.safe_load(SENDS[kind])
    own = [*settings["json"].values()] if kind == "webhook" else [settings.get("text") or settings["to"]]
    return [*own, *(stages.mail_texts(settings["template"]) if kind == "smtp" else [])]


def _throughput(kind: str) -> Callable[[Effort], AsyncGenerator[Pair, None]]:
    async def measure(effort: Effort) -> AsyncGenerator[Pair, None]:
        bare = stages.bare_jinja(_texts(kind), _facts())
        times = effort.of(TIMES)
        async with making(kind) as make:
            async for pair in in_turns(
                effort, lambda: _per_second(bare, times), lambda: _per_second(make, times)
            ):
                yield pair

    return measure


def _share(kind: str) -> Callable[[Effort], AsyncGenerator[Pair, None]]:
    """Measure the processor time of a whole event, by the system's count, and that of its message."""

    async def measure(effort: Effort) -> AsyncGenerator[Pair, None]:
        count, times = effort.of(COUNT), effort.of(TIMES)
        async with TARGETS[kind][1]() as target, making(kind) as make, AsyncExitStack() as stack:
            setting = Setting(Ports(**{kind: target.port}), [SENDS[kind]])
            running = await stack.enter_async_context(bridge(setting, environment=ENVIRONMENT))

            async def whole() -> float:
                before = cpu_of(running.pid)
                await delivered(running, count, target)
                return (cpu_of(running.pid) - before) / count * 1e6

            async def message() -> float:
                return 1e6 / await _per_second(make, times)

            async for pair in in_turns(effort, whole, message):
                yield pair

    return measure


async def _per_second(work: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return times / (time.process_time() - began)


_WHOLE = "all the processor time of the event, end to end"
_JINJA = "bare Jinja2 with the same text, which encodes nothing"
_NAMES = {"webhook": "webhooks", "slack": "Slack messages", "smtp": "e-mails"}
CASES = (
    *(
        Case(
            f"messages-{kind}",
            f"making {name}, rendered and encoded",
            _JINJA,
            "messages/s",
            _throughput(kind),
        )
        for kind, name in _NAMES.items()
    ),
    *(
        Case(f"share-{kind}", f"making {name}, as a share", _WHOLE, "µs", _share(kind))
        for kind, name in _NAMES.items()
    ),
)
