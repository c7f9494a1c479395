"""From a request's bytes to an inbox entry on disk, and only then the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bridge.core.identity import entry_key
from bridge.core.signing import Refused
from bridge.pipeline.node import Node, Point
from bridge.sources.base import Authentic, Ping, Request, Source
from bridge.store import inbox
from bridge.store.database import StoreUnavailable

KEY_LENGTH = 200
"""Characters of a delivery key that are stored to be read; its digest stands for all of them."""
RETRY_AFTER_S = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told: an HTTP status, a small JSON body, and when to come back (seconds)."""

    status: int
    body: Mapping[str, str] = field(default_factory=dict)
    retry_after: int | None = None


ACCEPTED = Answer(200, {"status": "accepted"})
PONG = Answer(200, {"status": "pong"})
REFUSED = Answer(401, {"status": "refused", "error": "the signature is missing or does not match"})
UNAVAILABLE = Answer(503, {"status": "unavailable", "error": "the store cannot be written"}, RETRY_AFTER_S)


class Ingest:
    """Takes requests for all sources. `wake` is called after each commit that brought a new entry."""

    def __init__(self, node: Node, sources: Mapping[str, Source], wake: Callable[[], None]) -> None:
        self.sources = sources
        self._node = node
        self._wake = wake

    async def receive(self, source: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Verify, store and answer one request to a configured source; `headers` have lower-case names."""
        platform = self.sources[source]
        request = Request(headers, body, self._node.clock.now())
        match platform.verify(request):
            case Authentic():
                return await self._accept(platform, request)
            case Ping(signed=signed):
                # Anyone may send an unsigned one, as often as they like.
                say = self._node.log.info if signed else self._node.log.debug
                say("ping answered", source=source, signed=signed)
                return PONG
            case Refused(hint=hint):
                likely = self._foreign(source, request) or hint
                self._node.log.warning("request refused", source=source, hint=likely)
                return REFUSED

    async def _accept(self, platform: Source, request: Request) -> Answer:
        delivery_key = platform.delivery_key(request)
        headers = request.headers
        entry = inbox.NewEntry(
            source=platform.name,
            key=entry_key(platform.name, delivery_key),
            delivery_key=_readable(delivery_key),
            headers={name: headers[name] for name in platform.kept_headers if name in headers},
            body=request.body,
            received_at=request.received_at,
        )
        try:
            accepted = await self._node.database.write(lambda connection: inbox.accept(connection, entry))
        except StoreUnavailable as error:
            self._node.log.error("event not stored", source=platform.name, why=str(error))
            return UNAVAILABLE
        self._node.reached(Point.ACCEPTED)
        if accepted.duplicate:
            self._node.log.info("duplicate answered", source=platform.name, entry=accepted.seq)
        else:
            self._wake()
        return ACCEPTED

    def _foreign(self, source: str, request: Request) -> str | None:
        """Say whose key it is when another source would have taken this request."""
        for name, other in self.sources.items():
            verdict = other.verify(request) if name != source else None
            if isinstance(verdict, Authentic) and verdict.secret_index >= 0:
                return f"signed with the secret of source '{name}': the sender posts to the wrong path"
        return None


def _readable(delivery_key: str) -> str:
    cut = delivery_key[:KEY_LENGTH].encode("utf-8", "replace").decode()
    return "".join(char if char.isprintable() else "�" for char in cut)
