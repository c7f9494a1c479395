"""Channels of every type over real local servers, and messages for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp.abc import AbstractResolver

from bridge.channels.base import Channel, Prompt
from bridge.channels.http import Shared
from bridge.channels.registry import OPTIONS, build
from bridge.core.messages import Message, Payload
from bridge.core.outcomes import Outcome
from tests.support.clock import START, FakeClock

DELIVERY = "0123456789abcdef0123456789abcdef"
SOFTWARE = "course-bridge/test"
TOKEN = "xoxb-123456789012-abcdefghijklmnop"
SIGNING_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WEBHOOK_PATH = "/services/T00000000/B00000000/aVeryLongSecretOfAWebhook"


def message(fields: Mapping[str, object] | None = None, /, **more: object) -> Message:
    """Return a rendered message; by default a text that every channel can carry."""
    fields = {**(fields or {}), **more} or {
        "to.0": "Maria <maria@aluna.example>",
        "subject": "Parabéns",
        "body": "Você concluiu o módulo.",
        "text": "Maria concluiu o módulo.",
        "json": {"email": "maria@aluna.example"},
    }
    return Message(delivery_id=DELIVERY, at=START, fields=fields)


@asynccontextmanager
async def opened(
    kind: str,
    raw: Mapping[str, object],
    *,
    resolver: AbstractResolver | None = None,
    clock: FakeClock | None = None,
) -> AsyncIterator[Channel]:
    """Yield a channel with the options that stand in `raw`, and close it and what it shares."""
    shared = Shared(clock or FakeClock(), SOFTWARE, resolver)
    options = OPTIONS[kind].model_validate({"type": kind, **raw})
    channel = build("wins", options, shared)
    await channel.open()
    try:
        yield channel
    finally:
        await channel.close()
        await shared.close()


def slack(url: str, **more: object) -> dict[str, object]:
    """Return the options of a bot that finds Slack at `url`."""
    return {
        "token": TOKEN,
        "channel": "#conquistas",
        "api_url": f"{url}/api/",
        "allow_private": True,
        **more,
    }


def slack_webhook(url: str, **more: object) -> dict[str, object]:
    """Return the options of an incoming webhook at `url`."""
    return {"webhook_url": url + WEBHOOK_PATH, "allow_private": True, **more}


def webhook(url: str, **more: object) -> dict[str, object]:
    """Return the options of a signed webhook at `url`, with keys in its address and headers."""
    return {
        "url": f"{url}/hooks/aVeryLongSecretOfAReceiver?key=anotherVeryLongSecret",
        "headers": {"Authorization": "Bearer tokenOfAReceiver123"},
        "signing_secret": SIGNING_SECRET,
        "allow_private": True,
        **more,
    }


async def handed_over(channel: Channel, payload: Payload, *, is_at_once: bool | None = None) -> Outcome:
    """Send as the pipeline does: without a task where that is possible, and `is_at_once` does not deny it."""
    assert isinstance(channel, Prompt)
    came: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    is_sent = False
    with contextlib.suppress(Exception):  # a task says why
        is_sent = channel.send_at_once(payload, DELIVERY, came.set_result)
    assert is_at_once in (None, is_sent)
    return channel.outcome(await came) if is_sent else await channel.send(payload, DELIVERY)


def mail(url: str, **more: object) -> dict[str, object]:
    """Return the options of a mail server at `url`."""
    return {"smtp": url, "from": "Escola Exemplo <ola@escola.example>", "allow_private": True, **more}
