"""Stands in for Slack: the Web API methods that the bridge calls, and incoming webhooks.

Answers and errors are those of https://docs.slack.dev/reference/methods/chat.postMessage
"""

from __future__ import annotations

import hmac
import json
import re
from collections import OrderedDict
from collections.abc import Mapping

from aiohttp import web
from msgspec.structs import replace

from bridge.channels.slack_options import SANDBOX_TOKEN
from bridge.clock import Clock
from bridge.core.mrkdwn import plain
from bridge.core.readable import Chat, read_chat
from bridge.sandbox.arrivals import Arrival, Arrivals, beginning

REMEMBERED = 1000
"""Messages that can be edited or replied to."""
_TEAM = {
    "team": "Sandbox",
    "team_id": "T0SANDBOX",
    "user": "bridge",
    "user_id": "U0SANDBOX",
    "bot_id": "B0SANDBOX",
}


class SlackStandIn:
    """Its routes, which keep what is posted."""

    def __init__(self, arrivals: Arrivals, clock: Clock) -> None:
        self._arrivals = arrivals
        self._clock = clock
        self._posted: OrderedDict[str, int] = OrderedDict()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, all below `/slack/`."""
        return [
            web.get("/slack/api/users.lookupByEmail", self._method),
            web.post("/slack/api/{method}", self._method),
            web.post("/slack/services/{name}", self._incoming),
        ]

    async def _method(self, request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), SANDBOX_TOKEN.encode()):
            return _error("invalid_auth" if given else "not_authed")
        match request.match_info.get("method", "users.lookupByEmail"):
            case "auth.test":
                return web.json_response({"ok": True, "url": "https://sandbox.slack.example/", **_TEAM})
            case "chat.postMessage":
                return self._post(await _arguments(request), await request.read())
            case "chat.update":
                return self._edit(await _arguments(request), await request.read())
            case "users.lookupByEmail":
                return _user(await _arguments(request))
            case _:
                return _error("unknown_method")

    def _post(self, body: Mapping[str, object], raw: bytes) -> web.Response:
        if not body.get("channel"):
            return _error("channel_not_found")
        if not (body.get("text") or body.get("blocks")):
            return _error("no_text")
        if body.get("thread_ts") and str(body["thread_ts"]) not in self._posted:
            return _error("thread_not_found")
        chat = read_chat(body)
        arrival = self._keep(chat, raw)
        ts = f"{self._clock.now().timestamp():.0f}.{self._arrivals.total:06}"
        self._posted[ts] = arrival.number
        while len(self._posted) > REMEMBERED:
            self._posted.popitem(last=False)
        channel = f"D{chat.channel[1:]}" if chat.channel.startswith("U") else chat.channel
        return web.json_response({"ok": True, "channel": channel, "ts": ts, "message": {"ts": ts}})

    def _edit(self, body: Mapping[str, object], raw: bytes) -> web.Response:
        """Show a message in its new form, in its old place."""
        number = self._posted.get(str(body.get("ts")))
        arrival = self._arrivals.find(number) if number is not None else None
        if arrival is None:
            return _error("message_not_found")
        if not (body.get("text") or body.get("blocks")):
            return _error("no_text")
        before = arrival.content
        assert isinstance(before, Chat)  # noqa: S101 - only those have a `ts`
        chat = replace(read_chat(body), channel=before.channel, thread=before.thread, edits=before.edits + 1)
        title = beginning(plain(chat.paragraphs[0]))
        self._arrivals.change(replace(arrival, title=title, content=chat, raw=raw))
        return web.json_response({"ok": True, "channel": body.get("channel"), "ts": body.get("ts")})

    async def _incoming(self, request: web.Request) -> web.Response:
        body = await _arguments(request)
        if not (body.get("text") or body.get("blocks")):
            return web.Response(status=400, text="no_text")
        self._keep(read_chat(body), await request.read())
        return web.Response(text="ok")

    def _keep(self, chat: Chat, raw: bytes) -> Arrival:
        title = beginning(plain(chat.paragraphs[0]))
        return self._arrivals.add(
            "slack", to=chat.channel or "(incoming webhook)", title=title, content=chat, raw=raw
        )


async def _arguments(request: web.Request) -> Mapping[str, object]:
    """Return the call's arguments, which Slack takes as JSON or as a form."""
    if request.method == "GET":
        return request.query
    if request.content_type != "application/json":
        return {name: _unpacked(str(value)) for name, value in (await request.post()).items()}
    value = _unpacked((await request.read()).decode("utf-8", "replace"))
    return value if isinstance(value, dict) else {}


def _unpacked(text: str) -> object:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict | list) else text


def _user(body: Mapping[str, object]) -> web.Response:
    """Know everybody, but for addresses that begin with `nobody@`."""
    address = str(body.get("email") or "")
    if "@" not in address or address.casefold().startswith("nobody@"):
        return _error("users_not_found")
    name = re.sub(r"[^A-Z0-9]", "", address.upper())[:20]
    return web.json_response({"ok": True, "user": {"id": f"U{name}", "profile": {"email": address}}})


def _error(name: str) -> web.Response:
    return web.json_response({"ok": False, "error": name})
