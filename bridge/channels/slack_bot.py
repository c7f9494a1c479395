"""What a bot does in Slack: posts, replies in threads, edits messages, finds people by their address."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from aiohttp import ClientSession
from msgspec import Struct
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bridge.channels.answers import readable
from bridge.channels.http import Shared
from bridge.channels.slack_options import SlackOptions
from bridge.channels.slack_words import silent
from bridge.core.messages import ANCHOR
from bridge.core.outcomes import Delivered

THREAD, TO = "thread", "to"
"""Names in a payload's `meta`: how messages continue, and whether `channel` is a person's address."""
LOST = frozenset(
    {
        "message_not_found",
        "thread_not_found",
        "cannot_reply_to_message",
        "cant_update_message",
        "edit_window_closed",
        "invalid_thread_ts",
        "thread_locked",
    }
)
"""Errors that say that there is nothing any more that could be continued: the message is posted anew."""
REMEMBERED = 1000
"""People whose addresses were looked up and are kept in memory."""
REMEMBERED_S = 3600.0
"""How long; people change their addresses seldom, and Slack allows some fifty questions a minute."""
_LONGEST_TS = 64
_LONGEST_PLACE = 80


class Anchor(Struct, frozen=True):
    """A message that others continue: its channel's id, its `ts`, and the place as it was configured."""

    channel: str
    ts: str
    place: str

    @classmethod
    def read(cls, text: object, place: str) -> Anchor | None:
        """Return the anchor of a text that `str` made; None if it is none, or for another place."""
        parts = str(text).split(" ", 2) if text else []
        found = cls(*parts) if len(parts) == 3 else None
        return found if found and found.place == place[:_LONGEST_PLACE] else None

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.channel} {self.ts} {self.place[:_LONGEST_PLACE]}"


class Bot:
    """Makes the calls of one channel."""

    def __init__(self, options: SlackOptions, shared: Shared) -> None:
        self._clock = shared.clock
        self._client = AsyncWebClient(
            token=options.token.get_secret_value() if options.token else None,
            base_url=options.api_url,
            user_agent_prefix=shared.software,
            logger=silent(),
            retry_handlers=[],
        )
        self._client.proxy = None  # slack-sdk has read the environment
        self._people: OrderedDict[str, tuple[str, float]] = OrderedDict()

    async def send(
        self, session: ClientSession, arguments: Mapping[str, Any], meta: Mapping[str, object]
    ) -> Delivered:
        """Post one message, or continue what `meta` names; raises `SlackApiError` for a refusal."""
        self._client.session = session
        if meta.get(TO):
            arguments = {**arguments, "channel": await self._person(str(arguments["channel"]))}
        place = str(arguments["channel"])
        anchor = Anchor.read(meta.get(ANCHOR), place)
        if anchor is not None:
            try:
                return await self._continue(anchor, arguments, edits=meta.get(THREAD) == "edits")
            except SlackApiError as error:
                if _code(error) not in LOST:
                    raise
        answer = await self._client.api_call("chat.postMessage", json=dict(arguments))
        ts, channel = _text(answer.get("ts")), _text(answer.get("channel"))
        begins = str(Anchor(channel, ts, place)) if meta.get(THREAD) and ts and channel else None
        return Delivered(answer.status_code, reference=ts, anchor=begins)

    async def _continue(self, anchor: Anchor, arguments: Mapping[str, Any], *, edits: bool) -> Delivered:
        if not edits:
            reply = {**arguments, "channel": anchor.channel, "thread_ts": anchor.ts}
            answer = await self._client.api_call("chat.postMessage", json=reply)
            return Delivered(answer.status_code, reference=_text(answer.get("ts")), anchor=str(anchor))
        # Without `blocks` the old ones would stay, and without `parse` names would become mentions.
        kept = {"text": arguments["text"], "blocks": arguments.get("blocks", []), "parse": "none"}
        change = {"channel": anchor.channel, "ts": anchor.ts, **kept}
        answer = await self._client.api_call("chat.update", json=change)
        return Delivered(answer.status_code, reference=anchor.ts, anchor=str(anchor))

    async def _person(self, address: str) -> str:
        """Return the id of the user with an e-mail address."""
        key, now = address.casefold(), self._clock.monotonic()
        user, until = self._people.get(key, ("", 0.0))
        if not user or until <= now:
            answer = await self._client.api_call("users.lookupByEmail", data={"email": address})
            found = answer.get("user")
            user = (_text(found.get("id")) if isinstance(found, dict) else None) or address
            self._people[key] = (user, now + REMEMBERED_S)
            while len(self._people) > REMEMBERED:
                self._people.popitem(last=False)
        return user


def _code(error: SlackApiError) -> object:
    data = getattr(error.response, "data", None)
    return data.get("error") if isinstance(data, dict) else None


def _text(value: object) -> str | None:
    return readable(value)[:_LONGEST_TS] if isinstance(value, str) else None
