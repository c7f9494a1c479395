"""From a request's bytes to an inbox entry on disk, and only then the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from operator import itemgetter

from bridge.core.identity import entry_key
from bridge.core.signing import Refused
from bridge.pipeline.answer import ACCEPTED, FAILED, PONG, REFUSED, UNAVAILABLE, Answer
from bridge.pipeline.node import Node
from bridge.pipeline.storing import STORE_LIMIT_S, Intake, Storing
from bridge.sources.base import Authentic, Ping, Request, Source
from bridge.store.database import StoreUnavailable
from bridge.store.entries import Accepted, Entry

KEY_LENGTH = 200
"""Characters of a delivery key that are stored to be read; its digest stands for all of them."""
REMEMBERED, REMEMBERED_CHARS = 100, 1000
"""How many sets of headers of a source are remembered until all are forgotten, and how long one may be."""


async def _nobody_hears(_source: str, _why: str) -> None:
    """Do nothing about a wrong signature."""


def _nobody_minds(_why: str) -> None:
    """Do nothing about an event that was not stored."""


class Ingest:
    """Takes requests for all sources."""

    def __init__(
        self,
        node: Node,
        sources: Mapping[str, Source],
        intake: Intake,
        refused: Callable[[str, str], Awaitable[None]] = _nobody_hears,
        unstored: Callable[[str], None] = _nobody_minds,
    ) -> None:
        """`refused` is told of each wrong signature: its source, and the mistake it looks like.

        `unstored` is told of each sender that was asked to come back, and why.
        """
        self._node = node
        self._storing = Storing(node, intake, self._answer)
        self._refused = refused
        self._unstored = unstored
        self.serve(sources)

    def serve(self, sources: Mapping[str, Source]) -> None:
        """Take requests for these sources from now on."""
        self.sources = sources
        self._kept = {source.name: _Kept(source.kept_headers) for source in sources.values()}

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

    async def settled(self) -> None:
        """Return when what is being stored now is stored and handed on."""
        await self._storing.settled()

    def take(
        self, source: str, headers: Mapping[str, str], body: bytes, told: Callable[[Answer], None]
    ) -> bool:
        """Store an authentic request and call `told` with the answer; False, and nothing done, for any other.

        The short way of `receive`, without a task for each request. Called in the event loop.
        """
        platform = self.sources[source]
        request = Request(headers, body, self._node.clock.now())
        if not isinstance(platform.verify(request), Authentic):
            return False
        self._storing.store(self._entry(platform, request), told)
        return True

    async def _accept(self, platform: Source, request: Request) -> Answer:
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def told(answer: Answer) -> None:
            if not answered.done():  # a sender that has gone
                answered.set_result(answer)

        self._storing.store(self._entry(platform, request), told)
        return await answered

    def _entry(self, platform: Source, request: Request) -> Entry:
        delivery_key = platform.delivery_key(request)
        return Entry(
            source=platform.name,
            key=entry_key(platform.name, delivery_key),
            delivery_key=_readable(delivery_key),
            headers=self._kept[platform.name].of(request.headers),
            body=request.body,
            received_at=request.received_at,
            content=request.content,
        )

    def _answer(self, source: str, found: Accepted | BaseException) -> Answer:
        match found:
            case Accepted(duplicate=duplicate):
                if duplicate:
                    self._node.log.info("duplicate answered", source=source, entry=found.seq)
                return ACCEPTED
            case StoreUnavailable() | TimeoutError():
                why = str(found) or f"the store did not answer within {STORE_LIMIT_S:g} seconds"
                self._node.log.error("event not stored", source=source, why=why)
                self._unstored(why)
                return UNAVAILABLE
            case error:
                self._node.log.error("event not stored by a mistake of ours", source=source, exc_info=error)
                return FAILED

    def _foreign(self, source: str, request: Request) -> str | None:
        """Say whose key it is when another source would have taken this request."""
        for name, other in self.sources.items():
            verdict = other.verify(request) if name != source else None
            if isinstance(verdict, Authentic) and verdict.secret_index >= 0:
                return f"signed with the secret of source '{name}': the sender posts to the wrong path"
        return None


class _Kept:
    """Picks the headers that are stored; what requests have in common is put together once."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._values = itemgetter(*names) if len(names) > 1 else None
        self._known: dict[tuple[str, ...], Mapping[str, str]] = {}

    def of(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return those of a request."""
        try:
            values = self._values(headers) if self._values is not None else ()
        except KeyError:
            values = ()
        known = self._known.get(values) if values else None
        if known is None:
            known = {name: headers[name] for name in self._names if name in headers}
            if values and sum(map(len, values)) <= REMEMBERED_CHARS:
                if len(self._known) == REMEMBERED:
                    self._known.clear()
                self._known[values] = known
        return known


def _readable(delivery_key: str) -> str:
    cut = delivery_key[:KEY_LENGTH]
    if not cut.isascii():
        cut = cut.encode("utf-8", "replace").decode()
    return cut if cut.isprintable() else "".join(char if char.isprintable() else "�" for char in cut)
