"""Stands in for Slack: the Web API methods that the bridge calls, and incoming webhooks.

Answers and errors are those of https://docs.slack.dev/reference/methods/chat.postMessage
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping

from aiohttp import web

from bridge.clock import Clock
from bridge.core.mrkdwn import plain
from bridge.core.readable import Chat, read_chat
from bridge.sandbox.arrivals import Arrivals, beginning

TOKEN = "xoxb-sandbox"  # noqa: S105 - opens nothing but this stand-in
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

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, all below `/slack/`."""
        return [
            web.post("/slack/api/{method}", self._method),
            web.post("/slack/services/{name}", self._incoming),
        ]

    async def _method(self, request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), TOKEN.encode()):
            return _error("invalid_auth" if given else "not_authed")
        match request.match_info["method"]:
            case "auth.test":
                return web.json_response({"ok": True, "url": "https://sandbox.slack.example/", **_TEAM})
            case "chat.postMessage":
                return self._post(await _arguments(request), await request.read())
            case _:
                return _error("unknown_method")

    def _post(self, body: Mapping[str, object], raw: bytes) -> web.Response:
        if not body.get("channel"):
            return _error("channel_not_found")
        if not (body.get("text") or body.get("blocks")):
            return _error("no_text")
        self._keep(read_chat(body), raw)
        ts = f"{self._clock.now().timestamp():.0f}.{self._arrivals.total:06}"
        return web.json_response({"ok": True, "channel": "C0SANDBOX", "ts": ts, "message": {"ts": ts}})

    async def _incoming(self, request: web.Request) -> web.Response:
        body = await _arguments(request)
        if not (body.get("text") or body.get("blocks")):
            return web.Response(status=400, text="no_text")
        self._keep(read_chat(body), await request.read())
        return web.Response(text="ok")

    def _keep(self, chat: Chat, raw: bytes) -> None:
        title = beginning(plain(chat.paragraphs[0]))
        self._arrivals.add(
            "slack", to=chat.channel or "(incoming webhook)", title=title, content=chat, raw=raw
        )


async def _arguments(request: web.Request) -> Mapping[str, object]:
    """Return the call's arguments, which Slack takes as JSON or as a form."""
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


def _error(name: str) -> web.Response:
    return web.json_response({"ok": False, "error": name})
