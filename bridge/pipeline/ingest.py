"""From a request's bytes to an inbox entry on disk, and only then the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bridge.core.identity import entry_key
from bridge.core.signing import Refused
from bridge.pipeline.node import Node, Point
from bridge.sources.base import Authentic, Ping, Request, Source
from bridge.store import inbox
from bridge.store.database import StoreUnavailable
from bridge.store.inbox import Entry, Lease

KEY_LENGTH = 200
"""Characters of a delivery key that are stored to be read; its digest stands for all of them."""
RETRY_AFTER_S = 10
STORE_LIMIT_S = 10.0
"""How long a sender waits for the store. A write that is made after all makes the repetition a duplicate."""


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


class Intake(Protocol):
    """Where stored entries go next: `bridge.pipeline.inlet`."""

    def reserve(self) -> Lease | None:
        """Return a lease to store an entry under, or None if it has to wait its turn in the store.

        A lease obliges to call `begin` or `let_go`; None obliges to store before anything else is awaited.
        """
        ...

    def begin(self, entry: Entry, lease: Lease) -> None:
        """Dispatch an entry that was stored under this lease."""
        ...

    def let_go(self) -> None:
        """Give a lease back that nothing was stored under."""
        ...

    def wake(self) -> None:
        """Say that an entry waits in the store."""
        ...


async def _nobody_hears(_source: str, _why: str) -> None:
    """Do nothing about a wrong signature."""


class Ingest:
    """Takes requests for all sources."""

    def __init__(
        self,
        node: Node,
        sources: Mapping[str, Source],
        intake: Intake,
        refused: Callable[[str, str], Awaitable[None]] = _nobody_hears,
    ) -> None:
        """`refused` is told of each wrong signature: its source, and the mistake it looks like."""
        self.sources = sources
        self._node = node
        self._intake = intake
        self._refused = refused

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
            case Refused(why=why, hint=hint):
                likely = self._foreign(source, request) or hint
                self._node.log.warning("request refused", source=source, hint=likely)
                if why == "mismatch":  # one without a signature may be anybody's
                    await self._refused(source, likely)
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
            async with asyncio.timeout(STORE_LIMIT_S):
                accepted = await self._store(entry)
        except (StoreUnavailable, TimeoutError) as error:
            why = str(error) or f"the store did not answer within {STORE_LIMIT_S:g} seconds"
            self._node.log.error("event not stored", source=platform.name, why=why)
            return UNAVAILABLE
        if accepted.duplicate:
            self._node.log.info("duplicate answered", source=platform.name, entry=accepted.seq)
        return ACCEPTED

    async def _store(self, entry: inbox.NewEntry) -> inbox.Accepted:
        """Store an entry and hand it on: it is at hand, and need not be read back from the store."""
        lease = self._intake.reserve()
        accepted: inbox.Accepted | None = None
        try:
            accepted = await self._node.database.write(
                lambda connection: inbox.accept(connection, entry, lease)
            )
            self._node.reached(Point.ACCEPTED)
        finally:
            self._hand_on(entry, accepted, lease)
        return accepted

    def _hand_on(self, entry: inbox.NewEntry, accepted: inbox.Accepted | None, lease: Lease | None) -> None:
        if lease is None:
            self._intake.wake()
        elif accepted is None or accepted.duplicate:
            self._intake.let_go()
        else:
            self._intake.begin(inbox.stored(entry, accepted.seq), lease)

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
