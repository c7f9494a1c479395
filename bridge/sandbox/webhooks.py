"""Stands in for whoever receives webhooks, and checks their signatures as a careful receiver would.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Literal

from aiohttp import web

from bridge.core.readable import read_json
from bridge.sandbox.arrivals import Arrivals, Post, beginning

PREFIX = "whsec_"


class WebhookStandIn:
    """Takes any request below `/webhooks/`, one path for each channel."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._secrets: dict[str, bytes] = {}

    def trust(self, name: str, secret: str) -> None:
        """Check what the channel `name` sends against its signing secret, from now on."""
        self._secrets[name] = _key(secret)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.route("*", "/webhooks/{name}{rest:(?:/.*)?}", self._take)]

    async def _take(self, request: web.Request) -> web.Response:
        name, body = request.match_info["name"], await request.read()
        headers = {key.lower(): value for key, value in request.headers.items()}
        post = Post(
            method=request.method,
            headers=tuple(headers.items()),
            text=read_json(body),
            signature=self._checked(name, headers, body),
        )
        asked = f"{request.method} {request.rel_url.raw_path_qs.removeprefix(f'/webhooks/{name}')}"
        title = beginning(body[:1000].decode("utf-8", "replace")) or asked.strip()
        self._arrivals.add("webhook", to=name, title=title, content=post, raw=body)
        return web.json_response({"status": "received"})

    def _checked(
        self, name: str, headers: Mapping[str, str], body: bytes
    ) -> Literal["right", "wrong", "missing", "not checked"]:
        given = headers.get("webhook-signature")
        if name not in self._secrets:
            return "not checked" if given else "missing"
        if not given:
            return "missing"
        signed = f"{headers.get('webhook-id', '')}.{headers.get('webhook-timestamp', '')}.".encode() + body
        made = b"v1," + base64.b64encode(hmac.digest(self._secrets[name], signed, "sha256"))
        candidates = given.encode("utf-8", "replace").split(b" ")
        return "right" if any(hmac.compare_digest(made, one) for one in candidates) else "wrong"


def _key(secret: str) -> bytes:
    """Return the key that a secret stands for: `whsec_` and base64, or any other text as it is."""
    if secret.startswith(PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except (ValueError, binascii.Error):
            pass
    return secret.encode()
