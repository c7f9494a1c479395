"""Slack: messages with a bot token (`chat.postMessage`), or through an incoming webhook.

slack-sdk makes the calls, on sessions that keep our limits: by itself it would follow redirects, read
answers whole, take a proxy from the environment, repeat a call whose answer was lost, and open a session
for each call.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from aiohttp import ClientError, ClientResponse, ClientSession
from msgspec.structs import replace
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bridge.channels.answers import Answer, failure, outcome_of, readable, retry_after, secrets_of
from bridge.channels.base import ChannelPolicy, Limit, Unencodable
from bridge.channels.http import Shared
from bridge.channels.options import web_address
from bridge.channels.slack_blocks import BUTTON_LIMIT, LIMITS, kept, notification, sections, shortened
from bridge.channels.slack_bot import THREAD, TO, Bot
from bridge.channels.slack_errors import KNOWN, outcome_of_error
from bridge.channels.slack_options import SlackOptions
from bridge.channels.slack_words import PLACES, blamed, silent
from bridge.core.messages import Document, Message, Payload
from bridge.core.outcomes import ANSWER_LIMIT, Outcome, Reason, Rejected, Retry

_NOT_SLACK = "the answer broke off, or is none of Slack's; check `api_url`"
_UNREADABLE = (AttributeError, LookupError, RecursionError, ValueError)
"""What slack-sdk makes of an answer that is no JSON object, or not in the character set it names."""
_ONE_OF_MANY = frozenset({"missing_scope"})
"""Errors that only direct messages meet, which need more scopes."""


class SlackChannel:
    """Posts to one channel of Slack."""

    limits: ClassVar[tuple[Limit, ...]] = LIMITS

    def __init__(self, name: str, options: SlackOptions, shared: Shared) -> None:
        self.name = name
        self._options = options
        self._shared = shared
        self._host = web_address(options.address).hostname or ""
        self._post: Post = (
            _with_webhook(options, shared) if options.webhook_url else Bot(options, shared).send
        )
        self._secrets = _secrets(options)

    @property
    def policy(self) -> ChannelPolicy:
        """Retries, time limit and concurrency."""
        return self._options.policy()

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:
        """Return the call's arguments as the bytes that slack-sdk sends; raises `Unencodable` for no text."""
        found = message.fields["text"]
        said = found if isinstance(found, Document) else Document(mrkdwn=str(found))
        if not (said.mrkdwn.strip() or said.blocks):
            raise Unencodable("the text came out empty, and Slack takes no empty message; check the template")
        text = said.mrkdwn.encode("utf-8", "replace").decode()
        buttons = _buttons(message, settings)
        blocks, cuts = kept(said.blocks or (sections(text) if buttons else ()), room=bool(buttons))
        text = text if text.strip() else notification(blocks)
        short = shortened(text)
        if len(short) < len(text):
            cuts = (f"text cut from {len(text):,} to {len(short):,} characters", *cuts)
        unfurl = bool(settings.get("unfurl", False))
        arguments: dict[str, object] = {"text": short, "unfurl_links": unfurl, "unfurl_media": unfurl}
        if blocks:
            arguments["blocks"] = [*blocks, {"type": "actions", "elements": buttons}] if buttons else blocks
        body = {**self._place(message, settings), **arguments}
        return Payload(body=json.dumps(body).encode(), meta=_meta(said, message, settings), cuts=cuts)

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:  # noqa: ARG002  # Slack has no place for it
        """Post, reply or edit once."""
        session = self._shared.session(self._host, self._options.allow_private)
        arguments = json.loads(payload.body)
        try:
            async with asyncio.timeout(self._options.timeout.total_seconds()):
                return await self._post(session, arguments, payload.meta)
        except SlackApiError as error:
            return self._refused(error.response, arguments, payload.meta)
        except (ClientError, OSError) as error:  # before ValueError, which a refused certificate also is
            return failure(error)
        except _UNREADABLE:
            return Retry(Reason.SERVER, answer=_NOT_SLACK)

    def _refused(
        self,
        response: AsyncSlackResponse | ClientResponse,
        arguments: Mapping[str, object],
        meta: Mapping[str, object],
    ) -> Outcome:
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
        elsewhere = bool(meta.get(TO)) or arguments.get("channel") != self._own_place()
        outcome = outcome_of_error(data.get("error"), status, data.get("needed"), elsewhere=elsewhere)
        if isinstance(outcome, Retry):
            return replace(outcome, after=retry_after(wait, now))
        if meta.get(TO) and data.get("error") in _ONE_OF_MANY:
            outcome = replace(outcome, gone=False)
        blame = readable(blamed(data, meta.get(PLACES)), self._secrets)
        return replace(outcome, answer=f"{outcome.answer}; {blame}"[:ANSWER_LIMIT]) if blame else outcome

    async def open(self) -> None:
        """Nothing to open: the session is shared, and made at first use."""

    async def close(self) -> None:
        """Nothing of its own to close."""

    def _place(self, message: Message, settings: Mapping[str, object]) -> dict[str, object]:
        override = settings.get("channel")
        if "to" in message.fields:
            override = _address(message.fields["to"])
        if self._options.webhook_url is None:
            return {"channel": override or self._own_place()}
        if override:
            raise Unencodable(
                "a webhook posts to the channel it was made for; remove `channel` from the action"
            )
        return {}

    def _own_place(self) -> str | None:
        if self._options.webhook_url is not None:
            return None
        return self._options.channel or f"#{self.name}"


Post = Callable[[ClientSession, dict[str, Any], Mapping[str, object]], Awaitable[Outcome]]


def _address(value: object) -> str:
    text = str(value).strip()
    if "@" not in text.strip("@") or len(text.split()) != 1:
        raise Unencodable("`to` came out as no e-mail address, so nobody can be found; check the template")
    return text


def _buttons(message: Message, settings: Mapping[str, object]) -> list[dict[str, object]]:
    """Return the elements of the buttons; those without an address of their own lead to the admin page."""
    made: list[dict[str, object]] = []
    for place in range(int(str(settings.get("buttons", 0)))):
        text = str(message.fields[f"button.{place}.text"])
        url = message.fields.get(f"button.{place}.url")
        if url is None:
            url = f"{str(settings.get('admin_url') or '').rstrip('/')}/deliveries/{message.delivery_id}"
        label = {"type": "plain_text", "text": shortened(text, BUTTON_LIMIT.value)}
        made.append({"type": "button", "text": label, "url": str(url), "action_id": f"link-{place}"})
    return made


def _meta(said: Document, message: Message, settings: Mapping[str, object]) -> dict[str, object]:
    meta: dict[str, object] = {}
    if "to" in message.fields:
        meta[TO] = True
    if settings.get("thread"):
        meta[THREAD] = settings["thread"]
    if said.places:
        meta[PLACES] = dict(said.places)
    return meta


def _with_webhook(options: SlackOptions, shared: Shared) -> Post:
    client = AsyncWebhookClient(
        options.address, user_agent_prefix=shared.software, logger=silent(), retry_handlers=[]
    )
    client.proxy = None  # slack-sdk has read the environment
    secrets = _secrets(options)

    async def post(session: ClientSession, arguments: dict[str, Any], _: Mapping[str, object]) -> Outcome:
        client.session = session
        response = await client.send_dict(arguments)
        text = readable(response.body, secrets)
        answer = Answer(response.status_code, response.headers.get("Retry-After"), text)
        return _webhook_outcome(answer, response.body, shared)

    return post


def _webhook_outcome(answer: Answer, body: str, shared: Shared) -> Outcome:
    """Return what a webhook's answer means: a code as plain text, or, from stand-ins, the Web API's JSON.

    `body` is the whole answer.
    """
    now = shared.clock.now()
    outcome = outcome_of(answer, now)
    data = _parsed(body) if answer.status == 200 else None
    if isinstance(data, dict) and data.get("ok") is False:
        outcome = outcome_of_error(data.get("error"), 200)
    elif isinstance(outcome, Rejected) and answer.text in KNOWN:
        outcome = outcome_of_error(answer.text, answer.status)
    if isinstance(outcome, Retry):
        return replace(outcome, after=retry_after(answer.retry_after, now))
    return outcome


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _secrets(options: SlackOptions) -> tuple[str, ...]:
    if options.token is not None:
        return (options.token.get_secret_value(),)
    return tuple(secrets_of(options.address))
