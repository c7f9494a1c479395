"""The many services that Apprise knows, by an extra: `pip install course-bridge[apprise]`.

Apprise sends with `requests` and on threads, and says no more of a failure than that there was one. Addresses
are judged before a message is handed over; what the library connects to then is its own matter.
https://github.com/caronc/apprise/wiki
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from bridge.channels.answers import BLOCKED
from bridge.channels.apprise_options import AppriseOptions, service_of
from bridge.channels.base import ChannelPolicy, Limit, Unencodable
from bridge.channels.guard import is_allowed, may_connect
from bridge.channels.http import Shared
from bridge.core.messages import Document, Message, Payload
from bridge.core.outcomes import Delivered, Outcome, Reason, Rejected, Retry

CONNECT_S = 10.0
"""How long Apprise may take to make a connection."""
_MARK = "…"
_FAILED = (
    "Apprise says that it failed, and not why; try the address with its own command: apprise -vv -b test"
)


class AppriseChannel:
    """Sends through one service."""

    limits: ClassVar[tuple[Limit, ...]] = ()

    def __init__(self, name: str, options: AppriseOptions, shared: Shared) -> None:  # noqa: ARG002  # shares nothing
        self.name = name
        self._options = options
        self._service = service_of(options.url)
        self._service.socket_connect_timeout = min(CONNECT_S, options.timeout.total_seconds())
        self._service.socket_read_timeout = options.timeout.total_seconds()
        self._host = self._service.host if "host" in self._service.template_tokens else None

    @property
    def policy(self) -> ChannelPolicy:
        """Retries, time limit and concurrency."""
        return self._options.policy()

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:  # noqa: ARG002  # has none
        """Return title and text as JSON, cut to what the service takes; raises `Unencodable` for no text."""
        found = message.fields["text"]
        text = str(found.text if isinstance(found, Document) else found).encode("utf-8", "replace").decode()
        if not text.strip():
            raise Unencodable("the text came out empty; check the template")
        short = _cut(text, self._service.body_maxlen)
        title = _cut(
            " ".join(str(message.fields.get("title", "")).split()), self._service.title_maxlen or 250
        )
        cuts = () if short == text else (f"text cut from {len(text):,} to {len(short):,} characters",)
        body = json.dumps({"title": title, "text": short}, ensure_ascii=False).encode()
        return Payload(body=body, cuts=cuts)

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:  # noqa: ARG002  # no service takes one
        """Send once, on a thread; at the time limit the thread is left to itself."""
        said = json.loads(payload.body)
        try:
            async with asyncio.timeout(self._options.timeout.total_seconds()):
                if self._host is not None and not await self._may_reach(self._host):
                    return Rejected(Reason.BLOCKED, answer=BLOCKED)
                notify = partial(self._service.notify, body=said["text"], title=said["title"])
                sent = await asyncio.to_thread(notify)
        except TimeoutError:
            return Retry(Reason.TIMEOUT, answer="no answer within the time limit")
        except (TypeError, ValueError):
            return Rejected(Reason.INVALID, answer="Apprise does not take this message; check the template")
        return Delivered() if sent else Retry(Reason.SERVER, answer=_FAILED)

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close: each message has a connection of its own."""

    async def _may_reach(self, host: str) -> bool:
        """Return whether every address of a host may be reached; a name without any fails by itself."""
        private = is_allowed(host, self._options.allow_private)
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            return True
        return all(may_connect(str(each[4][0]), private=private) for each in found)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - len(_MARK)].rstrip() + _MARK
