"""The running rules, kept in the store for the explanations of the events they judge.

Kept when the first event is judged, so that starting waits for nothing, and no event names rules that are
not there.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo

from bridge.core.rulebook import Hide, write_book
from bridge.core.rules import Rule
from bridge.pipeline.node import Node
from bridge.pipeline.patience import until_written
from bridge.store import rulebooks
from bridge.store.database import Connection

SEEN_TO = timedelta(hours=1)
"""How often it is made sure that the rules are still kept, and noted that they are in use."""


class Rulebook:
    """The rules of one engine; `zone` is that of their dates, `hide` replaces secrets in a text."""

    def __init__(self, node: Node, rules: Sequence[Rule], zone: tzinfo, hide: Hide) -> None:
        self._node = node
        self._rules = rules
        self._zone = zone
        self._hide = hide
        self._digest = b""
        self._fresh_until: datetime | None = None
        self._said: Mapping[str, object] = {}
        self._turn = asyncio.Lock()

    async def kept(self) -> str:
        """Return the digest, in hex, of the rules, which are in the store then; waits while that is away.

        Empty when they cannot be kept, which is logged: an explanation less must not cost an event.
        """
        if not self._is_fresh(self._node.clock.now()):
            async with self._turn:
                if not self._is_fresh(self._node.clock.now()):
                    await self._try_to_keep()
        return self._digest.hex()

    def at_hand(self, now: datetime) -> Mapping[str, object] | None:
        """Return what summaries say of the rules, where the store need not be asked; else None."""
        return self._said if self._is_fresh(now) else None

    async def digest(self) -> bytes:
        """Return the 16 bytes that these rules are known by, whether they are in the store or not."""
        async with self._turn:
            if not self._digest:
                self._digest, _ = await self._made()
        return self._digest

    def _is_fresh(self, now: datetime) -> bool:
        return self._fresh_until is not None and now < self._fresh_until

    async def _try_to_keep(self) -> None:
        now = self._node.clock.now()
        try:
            await self._keep(now)
        except Exception:  # events do not wait for a mistake of ours; tried again with the next hour
            self._digest = b""
            self._node.log.exception("rules not kept, events have no explanation of then")
        self._said = {"rules": self._digest.hex()}
        self._fresh_until = now + SEEN_TO

    async def _keep(self, now: datetime) -> None:
        if not (self._digest and await self._touch(now)):
            self._digest, packed = await self._made()
            if not await self._touch(now):
                await self._write(lambda c: rulebooks.keep(c, self._digest, packed, now=now))

    async def _touch(self, now: datetime) -> bool:
        return await self._write(lambda c: rulebooks.touch(c, self._digest, now=now))

    async def _made(self) -> tuple[bytes, bytes]:
        """Write the rules down, in a thread: of a hundred thousand that takes its time."""
        return await asyncio.to_thread(_made, self._rules, self._zone, self._hide)

    async def _write(self, work: Callable[[Connection], bool]) -> bool:
        return await until_written(self._node, work, "event waits, its rules cannot be kept")


def digest_of(book: bytes) -> bytes:
    """Return the 16 bytes that a rulebook is known by."""
    return hashlib.blake2b(book, digest_size=16).digest()


def _made(rules: Sequence[Rule], zone: tzinfo, hide: Hide) -> tuple[bytes, bytes]:
    book = write_book(rules, zone, hide)
    return digest_of(book), rulebooks.pack(book)
