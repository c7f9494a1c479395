"""Slack: messages with a bot token (`chat.postMessage`), or through an incoming webhook.

slack-sdk makes the calls, on sessions that keep our limits: by itself it would follow redirects, read
answers whole, take a proxy from the environment, repeat a call whose answer was lost, and open a session
for each call.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from aiohttp import ClientError, ClientResponse, ClientSession
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bridge.channels.answers import Answer, failure, outcome_of, readable, retry_after, secrets_of
from bridge.channels.base import ChannelPolicy, Limit, Unencodable
from bridge.channels.http import Shared
from bridge.channels.options import web_address
from bridge.channels.slack_errors import KNOWN, outcome_of_error
from bridge.channels.slack_options import SlackOptions
from bridge.core.messages import Document, Message, Payload
from bridge.core.outcomes import Delivered, Outcome, Reason, Rejected, Retry

TEXT_LIMIT = Limit(
    "characters of text",
    40_000,
    "https://docs.slack.dev/reference/methods/chat.postMessage#truncating-content",
)
"""Beyond this Slack cuts by itself, without a sign; it recommends 4,000."""
_MARK = "…"
_LONGEST_ENTITY = 5
_LONGEST_TS = 64
_NOT_SLACK = "the answer broke off, or is none of Slack's; check `api_url`"
_UNREADABLE = (AttributeError, LookupError, RecursionError, ValueError)
"""What slack-sdk makes of an answer that is no JSON object, or not in the character set it names."""


class SlackChannel:
    """Posts to one channel of Slack."""

    limits: ClassVar[tuple[Limit, ...]] = (TEXT_LIMIT,)

    def __init__(self, name: str, options: SlackOptions, shared: Shared) -> None:
        self.name = name
        self._options = options
        self._shared = shared
        self._host = web_address(options.address).hostname or ""
        self._post = _with_webhook(options, shared) if options.webhook_url else _with_token(options, shared)
        self._secrets = _secrets(options)

    @property
    def policy(self) -> ChannelPolicy:
        """Retries, time limit and concurrency."""
        return self._options.policy()

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:
        """Return the call's arguments as the bytes that slack-sdk sends; raises `Unencodable` for no text."""
        found = message.fields["text"]
        text = found.mrkdwn if isinstance(found, Document) else str(found)
        if not text.strip():
            raise Unencodable("the text came out empty, and Slack takes no empty message; check the template")
        short = shortened(text.encode("utf-8", "replace").decode())
        cuts = (
            () if len(short) >= len(text) else (f"text cut from {len(text):,} to {len(short):,} characters",)
        )
        unfurl = bool(settings.get("unfurl", False))
        arguments = {"text": short, "unfurl_links": unfurl, "unfurl_media": unfurl}
        return Payload(body=json.dumps({**self._place(settings), **arguments}).encode(), cuts=cuts)

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:  # noqa: ARG002  # Slack has no place for it
        """Post once."""
        session = self._shared.session(self._host, self._options.allow_private)
        arguments = json.loads(payload.body)
        try:
            async with asyncio.timeout(self._options.timeout.total_seconds()):
                return await self._post(session, arguments)
        except SlackApiError as error:
            return self._refused(
                error.response, elsewhere=arguments.get("channel") != self._place({}).get("channel")
            )
        except (ClientError, OSError) as error:  # before ValueError, which a refused certificate also is
            return failure(error)
        except _UNREADABLE:
            return Retry(Reason.SERVER, answer=_NOT_SLACK)

    def _refused(self, response: AsyncSlackResponse | ClientResponse, *, elsewhere: bool) -> Outcome:
        """Return what an answer means in which slack-sdk found no `ok`; unparsed ones are aiohttp's."""
        if isinstance(response, AsyncSlackResponse):
            status, data = response.status_code, response.data
        else:
            status, data = response.status, {}
        data = data if isinstance(data, dict) else {}
        now, wait = self._shared.clock.now(), response.headers.get("Retry-After")
        if status != 200:
            text = readable(str(data.get("error", "")), self._secrets)
            return outcome_of(Answer(status, wait, text), now)
        if data.get("ok") is not False:
            return Retry(Reason.SERVER, status, _NOT_SLACK)
        outcome = outcome_of_error(data.get("error"), status, data.get("needed"), elsewhere=elsewhere)
        return replace(outcome, after=retry_after(wait, now)) if isinstance(outcome, Retry) else outcome

    async def open(self) -> None:
        """Nothing to open: the session is shared, and made at first use."""

    async def close(self) -> None:
        """Nothing of its own to close."""

    def _place(self, settings: Mapping[str, object]) -> dict[str, object]:
        override = settings.get("channel")
        if self._options.webhook_url is None:
            return {"channel": override or self._options.channel or f"#{self.name}"}
        if override:
            raise Unencodable(
                "a webhook posts to the channel it was made for; remove `channel` from the action"
            )
        return {}


def shortened(text: str) -> str:
    """Return the text within Slack's limit, cut with "…" outside of links, mentions and entities."""
    if len(text) <= TEXT_LIMIT.value:
        return text
    text = text[: TEXT_LIMIT.value - len(_MARK)]
    opened, closed = text.rfind("<"), text.rfind(">")
    if opened > closed:
        text = text[:opened]
    entity = text.rfind("&", -_LONGEST_ENTITY)
    if entity >= 0 and ";" not in text[entity:]:
        text = text[:entity]
    return text.rstrip() + _MARK


Post = Callable[[ClientSession, dict[str, Any]], Awaitable[Outcome]]


def _with_token(options: SlackOptions, shared: Shared) -> Post:
    client = AsyncWebClient(
        token=options.token.get_secret_value() if options.token else None,
        base_url=options.api_url,
        user_agent_prefix=shared.software,
        logger=_silent(),
        retry_handlers=[],
    )
    client.proxy = None  # slack-sdk has read the environment

    async def post(session: ClientSession, arguments: dict[str, Any]) -> Outcome:
        client.session = session
        answer = await client.api_call("chat.postMessage", json=arguments)
        return Delivered(answer.status_code, reference=_reference(answer.get("ts")))

    return post


def _with_webhook(options: SlackOptions, shared: Shared) -> Post:
    client = AsyncWebhookClient(
        options.address, user_agent_prefix=shared.software, logger=_silent(), retry_handlers=[]
    )
    client.proxy = None  # slack-sdk has read the environment
    secrets = _secrets(options)

    async def post(session: ClientSession, arguments: dict[str, Any]) -> Outcome:
        client.session = session
        response = await client.send_dict(arguments)
        text = readable(response.body, secrets)
        answer = Answer(response.status_code, response.headers.get("Retry-After"), text)
        return _webhook_outcome(answer, shared)

    return post


def _webhook_outcome(answer: Answer, shared: Shared) -> Outcome:
    """Return what a webhook's answer means: a code as plain text, or, from stand-ins, the Web API's JSON."""
    if answer.status == 200:
        data = _parsed(answer.text)
        if isinstance(data, dict) and data.get("ok") is False:
            return outcome_of_error(data.get("error"), 200)
    outcome = outcome_of(answer, shared.clock.now())
    if isinstance(outcome, Rejected) and answer.text in KNOWN:
        return outcome_of_error(answer.text, answer.status)
    return outcome


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _reference(ts: object) -> str | None:
    return readable(ts)[:_LONGEST_TS] if isinstance(ts, str) else None


def _secrets(options: SlackOptions) -> tuple[str, ...]:
    if options.token is not None:
        return (options.token.get_secret_value(),)
    return tuple(secrets_of(options.address))


def _silent() -> logging.Logger:
    """Return a logger that is heard nowhere: slack-sdk writes addresses and messages to its own."""
    logger = logging.getLogger(f"{__name__}.sdk")
    logger.setLevel(logging.CRITICAL + 1)
    return logger
